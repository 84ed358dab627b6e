/* SPDX-License-Identifier: BSD-2-Clause */
/* How long an empty wake-up takes: from a write to an eventfd to the return of epoll_wait in a
 * real-time thread. It never touches a cgroup. */
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sample.h"

#define SAMPLES 1000
#define WARM_UPS 100

static int ping_fd, pong_fd;
static uint64_t sent_ns, ns[SAMPLES];

static void *wait_pings(void *unused)
{
	const struct sched_param param = {.sched_priority = 1};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll_fd = sample_must(epoll_create1(0), "epoll_create1");
	uint64_t count = 1;

	/* As the thread that answers an emergency runs. */
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
		warnx("no real-time priority, ignoring");
	sample_must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ping_fd, &event), "epoll_ctl");
	for (int i = -WARM_UPS; i < SAMPLES; i++) {
		uint64_t woken_ns;

		sample_must(epoll_wait(epoll_fd, &event, 1, -1), "epoll_wait");
		woken_ns = sample_now_ns();
		sample_must(read(ping_fd, &count, sizeof(count)), "read");
		if (i >= 0)
			ns[i] = woken_ns - sent_ns;
		sample_must(write(pong_fd, &count, sizeof(count)), "write");
	}
	return unused;
}

int main(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t count = 1;
	pthread_t waiter;

	ping_fd = sample_must(eventfd(0, 0), "eventfd");
	pong_fd = sample_must(eventfd(0, 0), "eventfd");
	if (pthread_create(&waiter, NULL, wait_pings, NULL))
		errx(1, "cannot start a thread");
	for (int i = -WARM_UPS; i < SAMPLES; i++) {
		/* So that the waiter sleeps again. */
		nanosleep(&pause, NULL);
		sent_ns = sample_now_ns();
		sample_must(write(ping_fd, &count, sizeof(count)), "write");
		sample_must(read(pong_fd, &count, sizeof(count)), "read");
	}
	pthread_join(waiter, NULL);
	putchar('{');
	sample_print("ns", ns, SAMPLES);
	puts("}");
	return 0;
}

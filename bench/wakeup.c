/* SPDX-License-Identifier: BSD-2-Clause */
/* How long an empty wake-up takes: from a stamp in a BPF program, through a ring buffer, to a
 * real-time thread that waits for it. It never touches a cgroup. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/wakeup.skel.h"
#include "sample.h"

#define SAMPLES 1000
#define WARM_UPS 100

static struct wakeup *skel;
static int taken_fd, taken_cnt = -WARM_UPS;
static uint64_t ns[SAMPLES];

static int take(void *unused, void *data, size_t size)
{
	uint64_t woken_ns = sample_now_ns(), one = 1;

	(void)unused;
	(void)size;
	if (taken_cnt >= 0)
		ns[taken_cnt] = woken_ns - *(uint64_t *)data;
	taken_cnt++;
	sample_must(write(taken_fd, &one, sizeof(one)), "write");
	return 0;
}

static void *wait_records(void *unused)
{
	const struct sched_param param = {.sched_priority = 40};
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), take, NULL, NULL);
	struct epoll_event event;

	if (!ring)
		err(1, "ring_buffer__new");
	/* As the thread that answers an emergency runs. */
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param))
		warnx("no real-time priority, ignoring");
	while (taken_cnt < SAMPLES) {
		sample_must(epoll_wait(ring_buffer__epoll_fd(ring), &event, 1, -1), "epoll_wait");
		ring_buffer__consume(ring);
	}
	ring_buffer__free(ring);
	return unused;
}

int main(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	LIBBPF_OPTS(bpf_test_run_opts, options);
	pthread_t waiter;
	uint64_t count;

	skel = wakeup__open_and_load();
	if (!skel)
		err(1, "the program cannot be loaded");
	taken_fd = sample_must(eventfd(0, 0), "eventfd");
	if (pthread_create(&waiter, NULL, wait_records, NULL))
		errx(1, "cannot start a thread");
	for (int i = -WARM_UPS; i < SAMPLES; i++) {
		/* So that the waiter sleeps again. */
		nanosleep(&pause, NULL);
		sample_must(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.ping), &options),
			    "bpf_prog_test_run_opts");
		sample_must(read(taken_fd, &count, sizeof(count)), "read");
	}
	pthread_join(waiter, NULL);
	wakeup__destroy(skel);
	putchar('{');
	sample_print("ns", ns, SAMPLES);
	puts("}");
	return 0;
}

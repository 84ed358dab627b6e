// SPDX-License-Identifier: BSD-2-Clause
/* Owns the answering thread, its ring and its heartbeat. It allocates nothing after its start and
 * lowers no limit. */
#include "user/rescue.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "user/answer_cpu.h"
#include "user/answer_io.h"
#include "user/cgfs.h"
#include "user/log.h"
#include "user/observe.h"
#include "user/protect.h"

#define HEARTBEAT_SECONDS 5
#define BEAT_TRIES 3
#define BEAT_AGAIN_NS (2 * 1000000L)
/* How long a writer gets to end a record: it copies 120 bytes. */
#define HALF_WRITTEN_NS (50 * 1000L)
/* Below interrupt threads, above everything that computes. */
#define PRIORITY 40
#define STACK_BYTES (256 << 10)

struct rescue {
	struct answerer *answerer;
	struct ring_buffer *ring;
	pthread_t thread;
	int stop_fd, timer_fd, heartbeat_fd;
	bool is_blind;
	atomic_int first_beat; /* 0: not yet; 1: felt; -1: not felt */
};

static int on_record(void *context, void *data, size_t size)
{
	const struct cgbpf_event *event = data;
	struct rescue *rescue = context;

	if (size != CGBPF_EVENT_LEN(event->kind) || event->version != CGBPF_ABI_VERSION)
		return 0;
	if (rescue->answerer->is_observing)
		observe__event(rescue->answerer, event);
	else if (event->kind == CGBPF_EVENT_CPU_THROTTLED)
		answer_cpu(rescue->answerer, event);
	else if (event->kind == CGBPF_EVENT_IO_THROTTLED)
		answer_io(rescue->answerer, event);
	else
		answer(rescue->answerer, event);
	return 0;
}

/*
 * Writes a word that the kernel refuses (EINVAL) and sees whether our own program felt it. A quiet
 * machine and one on which programs do not run (kernel.ftrace_enabled=0) look alike otherwise.
 */
static bool is_felt(const struct rescue *rescue)
{
	const struct cgbpf_stats *stats = loader__stats(rescue->answerer->loader);
	uint64_t before = stats->heartbeat_cnt;

	if (pwrite(rescue->heartbeat_fd, CGBPF_HEARTBEAT_WORD, sizeof(CGBPF_HEARTBEAT_WORD) - 1,
		   0) > 0)
		log_debug("the heartbeat was taken for a value, ignoring");
	return *(volatile const __u64 *)&stats->heartbeat_cnt != before;
}

/*
 * Where the kernel preempts itself our program is left out on a CPU on which it was preempted in
 * somebody else's write: they get a moment to end it.
 */
static void beat(struct rescue *rescue)
{
	const struct timespec moment = {.tv_nsec = BEAT_AGAIN_NS};
	struct action action = {.kind = ACTION_HEARTBEAT};
	bool is_blind = !is_felt(rescue);

	for (int i = 0; is_blind && i < BEAT_TRIES; i++) {
		nanosleep(&moment, NULL);
		is_blind = !is_felt(rescue);
	}
	atomic_store(&rescue->first_beat, is_blind ? -1 : 1);
	if (is_blind != rescue->is_blind)
		action.kind = is_blind ? ACTION_BLIND : ACTION_SIGHTED;
	rescue->is_blind = is_blind;
	actions__add(rescue->answerer->actions, &action);
}

/*
 * A record that is reserved and not yet committed ends a reading, and keeps the ring readable
 * (ringbuf_map_poll_kern() in kernel/bpf/ringbuf.c compares positions alone). Where the kernel
 * preempts itself its writer may be a task that we have preempted: it stays on this CPU, and would
 * not end it before we sleep.
 */
static void let_end(void)
{
	const struct timespec moment = {.tv_nsec = HALF_WRITTEN_NS};

	nanosleep(&moment, NULL);
}

static void *rescuer(void *context)
{
	struct epoll_event ready, wanted = {.events = EPOLLIN};
	struct rescue *rescue = context;
	int fds[] = {ring_buffer__epoll_fd(rescue->ring), rescue->timer_fd, rescue->stop_fd};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t ticks;

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		wanted.data.fd = fds[i];
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &wanted);
	}
	protect_drop_capabilities();
	loader__set_rescuer(rescue->answerer->loader, gettid());
	beat(rescue);
	for (;;) {
		if (epoll_wait(epoll_fd, &ready, 1, -1) < 1)
			continue;
		if (ready.data.fd == rescue->stop_fd)
			break;
		/* The ring first, whatever it was that woke us. */
		if (!ring_buffer__consume(rescue->ring) && ready.data.fd == fds[0])
			let_end();
		if (ready.data.fd == rescue->timer_fd &&
		    read(rescue->timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			beat(rescue);
	}
	close(epoll_fd);
	return NULL;
}

static void release(struct rescue *rescue)
{
	int fds[] = {rescue->stop_fd, rescue->timer_fd, rescue->heartbeat_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	ring_buffer__free(rescue->ring);
	free(rescue);
}

static int open_all(struct rescue *rescue, int root_fd)
{
	struct itimerspec every = {.it_interval.tv_sec = HEARTBEAT_SECONDS,
				   .it_value.tv_sec = HEARTBEAT_SECONDS};

	rescue->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rescue->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	rescue->heartbeat_fd = openat(root_fd, "cgroup.max.depth", O_WRONLY | O_CLOEXEC);
	rescue->ring = ring_buffer__new(loader__urgent_fd(rescue->answerer->loader), on_record,
					rescue, NULL);
	if (!rescue->ring || rescue->stop_fd < 0 || rescue->timer_fd < 0 ||
	    rescue->heartbeat_fd < 0 || timerfd_settime(rescue->timer_fd, 0, &every, NULL) < 0)
		return errno ? -errno : -ENOMEM;
	return 0;
}

static int start_thread(struct rescue *rescue)
{
	struct sched_param priority = {.sched_priority = PRIORITY};
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	err = pthread_create(&rescue->thread, &attr, rescuer, rescue);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	err = pthread_setschedparam(rescue->thread, SCHED_FIFO, &priority);
	if (err)
		log_warning("no real-time priority for the rescuing thread (CAP_SYS_NICE): %s, "
			    "ignoring",
			    strerror(err));
	return 0;
}

int rescue__start(struct answerer *answerer, int root_fd, struct rescue **ret_rescue)
{
	struct rescue *rescue = calloc(1, sizeof(*rescue));
	struct pollfd first = {.fd = actions__fd(answerer->actions), .events = POLLIN};
	int err;

	if (!rescue)
		return -ENOMEM;
	rescue->answerer = answerer;
	rescue->stop_fd = rescue->timer_fd = rescue->heartbeat_fd = -1;
	err = open_all(rescue, root_fd);
	if (!err)
		err = start_thread(rescue);
	if (err) {
		release(rescue);
		return err;
	}
	poll(&first, 1, 1000 * HEARTBEAT_SECONDS);
	if (atomic_load(&rescue->first_beat) != 1) {
		rescue__stop(rescue);
		return -ENODEV;
	}
	*ret_rescue = rescue;
	return 0;
}

void rescue__stop(struct rescue *rescue)
{
	uint64_t one = 1;

	if (!rescue)
		return;
	if (write(rescue->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(rescue->thread, NULL);
	release(rescue);
}

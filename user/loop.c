// SPDX-License-Identifier: BSD-2-Clause
/* Waits for everything that is not an emergency and hands it to its room. It polls nothing and
 * decides nothing. */
#include "user/loop.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/blind.h"
#include "user/cgfs.h"
#include "user/docker.h"
#include "user/log.h"
#include "user/notify.h"
#include "user/params.h"
#include "user/pressure.h"
#include "user/throttled.h"

#define ERROR_LEN 1024
/* Records of the notes ring taken in one go; whoever makes them faster than they are read keeps
 * nothing else waiting. */
#define NOTES_BATCH 64

enum source {
	FROM_SIGNALS,
	FROM_NOTES,
	FROM_ACTIONS,
	FROM_CALM,
	FROM_DURATION,
	FROM_BLIND,
	FROM_PRESSURE,
	FROM_SAMPLES,
	SOURCES
};

struct loop {
	struct controller *controller;
	const struct run_options *options;
	struct ring_buffer *notes;
	struct blind *blind;
	struct pressure *pressure;
	uint64_t followed_cnt; /* changes of the governed cgroups that pressure knows of */
	int epoll_fd, signal_fd, calm_fd, duration_fd;
	uint64_t calm_period_ns; /* 0: nothing to give back, the timer rests */
	uint64_t urgent_lost_cnt, note_lost_cnt, skipped_cnt; /* told so far */
	uint64_t docker_unknown_cnt;
	int notes_left; /* of this batch */
	bool is_ending;
};

static void nothing(int signal)
{
	(void)signal;
}

/* SIGURG interrupts a write that reclaims; the others arrive as records. */
int loop_open_signals(void)
{
	struct sigaction interrupt = {.sa_handler = nothing};
	sigset_t mask;

	sigaction(SIGURG, &interrupt, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void set_timer(int fd, uint64_t first_ns, uint64_t every_ns)
{
	struct itimerspec when = {
		.it_value = {first_ns / 1000000000ULL, (long)(first_ns % 1000000000ULL)},
		.it_interval = {every_ns / 1000000000ULL, (long)(every_ns % 1000000000ULL)},
	};

	timerfd_settime(fd, 0, &when, NULL);
}

static void calm(struct loop *loop)
{
	size_t above_cnt = calm__tick(loop->controller) + cpu__tick(loop->controller) +
			   io__tick(loop->controller);
	uint64_t period = above_cnt ? calm__period_ns(loop->controller) : 0;

	if (period != loop->calm_period_ns)
		set_timer(loop->calm_fd, period, period);
	loop->calm_period_ns = period;
}

static int on_note(void *context, void *data, size_t size)
{
	const struct cgbpf_event *event = data;
	struct loop *loop = context;

	if (size == CGBPF_EVENT_LEN(event->kind) && event->version == CGBPF_ABI_VERSION)
		note__handle(loop->controller, event);
	/* A negative return ends the batch behind this record (ringbuf_process_ring() in libbpf).
	 */
	return --loop->notes_left > 0 ? 0 : -EAGAIN;
}

static void tell_losses(struct loop *loop, uint64_t actions_lost)
{
	const struct cgbpf_stats *stats = loader__stats(loop->controller->loader);
	uint64_t urgent = stats->urgent_lost_cnt, notes = stats->note_lost_cnt;
	uint64_t skipped = loader__skipped_cnt(loop->controller->loader);
	struct journal_record record = {.event = JOURNAL_EVENTS_LOST, .has_count = true};
	struct {
		uint64_t cnt;
		const char *reason;
	} losses[] = {
		{urgent - loop->urgent_lost_cnt, "urgent ring full"},
		{notes - loop->note_lost_cnt, "notes ring full"},
		{actions_lost, "journal queue full"},
		{skipped - loop->skipped_cnt, "program busy"},
	};

	for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
		if (!losses[i].cnt)
			continue;
		record.reason = losses[i].reason;
		record.count = losses[i].cnt;
		loop->controller->summary.lost_cnt += losses[i].cnt;
		report(loop->controller, &record);
	}
	if (notes != loop->note_lost_cnt || skipped != loop->skipped_cnt)
		note__catch_up(loop->controller);
	loop->urgent_lost_cnt = urgent;
	loop->note_lost_cnt = notes;
	loop->skipped_cnt = skipped;
}

/* Reading may wait for memory, which the rescuer does not do with us. */
static void refresh_pool(struct controller *controller)
{
	struct pool fresh = controller->pool;

	if (pool__refresh(&fresh))
		return;
	pthread_mutex_lock(&controller->groups.lock);
	controller->pool.machine_bytes = fresh.machine_bytes;
	controller->pool.available_bytes = fresh.available_bytes;
	controller->pool.overstated_bytes = fresh.overstated_bytes;
	pthread_mutex_unlock(&controller->groups.lock);
}

static void on_actions(struct loop *loop)
{
	struct controller *controller = loop->controller;
	struct action action;
	uint64_t lost = 0;

	while (actions__next(controller->actions, &action, &lost)) {
		if (lost)
			tell_losses(loop, lost);
		if (action.kind == ACTION_HEARTBEAT) {
			notify("WATCHDOG=1"); /* both threads live */
			tell_losses(loop, 0);
			learn__tick(controller->learn, controller);
			throttled__tend(controller);
			donors__repay(controller);
			donors__rank(controller);
			priority__tend(controller);
			high__tend(controller);
			if (controller->is_blind ||
			    docker_unknown_cnt() != loop->docker_unknown_cnt)
				note__catch_up(controller);
			loop->docker_unknown_cnt = docker_unknown_cnt();
			continue;
		}
		if (action.kind == ACTION_FAILED && cgfs_is_gone(action.err)) {
			note__lost(controller, action.cgroup_id);
			continue;
		}
		high__catch_up(controller, &action);
		report_action(controller, &action);
		if (action.kind == ACTION_SIGHTED)
			note__catch_up(controller);
		if (!action.knob)
			calm__look(controller, action.cgroup_id);
		else
			govern__refresh(controller, action.cgroup_id);
	}
	refresh_pool(controller);
	donors__attend(controller);
	blind__follow(loop->blind, controller);
	/* What was raised has something to give back, and so has what was found by looking. */
	if (!loop->calm_period_ns)
		calm(loop);
}

static void on_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			loop->is_ending = true;
			continue;
		}
		reload(loop->controller, loop->options);
		calm(loop);
		pressure__follow(loop->pressure);
	}
}

static void dispatch(struct loop *loop, enum source source)
{
	uint64_t ticks;

	switch (source) {
	case FROM_SIGNALS:
		on_signals(loop);
		break;
	case FROM_NOTES:
		loop->notes_left = NOTES_BATCH;
		ring_buffer__consume(loop->notes);
		/* A cgroup that began above its soft has something to give back. */
		if (!loop->calm_period_ns)
			calm(loop);
		break;
	case FROM_ACTIONS:
		on_actions(loop);
		break;
	case FROM_CALM:
		if (read(loop->calm_fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			calm(loop);
		break;
	case FROM_DURATION:
		loop->is_ending = true;
		break;
	case FROM_BLIND:
		blind__handle(loop->blind, loop->controller);
		break;
	case FROM_PRESSURE:
		pressure__on_timer(loop->pressure);
		break;
	case FROM_SAMPLES:
		samples__tick(loop->controller->samples, &loop->controller->groups);
		break;
	case SOURCES:
		break;
	}
}

static int watch(struct loop *loop)
{
	const struct samples *samples = loop->controller->samples;
	int fds[SOURCES] = {
		[FROM_SIGNALS] = loop->signal_fd,
		[FROM_NOTES] = ring_buffer__epoll_fd(loop->notes),
		[FROM_ACTIONS] = actions__fd(loop->controller->actions),
		[FROM_CALM] = loop->calm_fd,
		[FROM_DURATION] = loop->duration_fd,
		[FROM_BLIND] = blind__fd(loop->blind),
		[FROM_PRESSURE] = pressure__timer_fd(loop->pressure),
		[FROM_SAMPLES] = samples ? samples__fd(samples) : -1,
	};

	for (int i = 0; i < SOURCES; i++) {
		struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = i};

		if (fds[i] >= 0 && epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fds[i], &wanted) < 0)
			return -errno;
	}
	return 0;
}

static int open_all(struct loop *loop)
{
	int err = blind__open(&loop->blind);

	if (err)
		return err;
	loop->notes =
		ring_buffer__new(loader__notes_fd(loop->controller->loader), on_note, loop, NULL);
	if (!loop->notes)
		return -errno;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->signal_fd = loop->controller->signal_fd;
	loop->calm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->duration_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->followed_cnt = loop->controller->groups.changed_cnt;
	err = pressure__open(loop->controller, loop->epoll_fd, &loop->pressure);
	return err ? err : watch(loop);
}

int loop(struct controller *controller, const struct run_options *options)
{
	struct loop loop = {.controller = controller, .options = options};
	struct epoll_event ready;
	int err = open_all(&loop);

	if (err)
		log_error("run: %s", strerror(-err));
	if (!err && options->duration_ns)
		set_timer(loop.duration_fd, options->duration_ns, 0);
	if (!err)
		calm(&loop);
	while (!err && !loop.is_ending) {
		if (epoll_wait(loop.epoll_fd, &ready, 1, -1) != 1)
			continue;
		if (ready.data.u64 < SOURCES)
			dispatch(&loop, ready.data.u64);
		else
			pressure__on_trigger(loop.pressure, ready.data.ptr, ready.events);
		if (controller->groups.changed_cnt == loop.followed_cnt)
			continue;
		loop.followed_cnt = controller->groups.changed_cnt;
		pressure__follow(loop.pressure);
	}
	ring_buffer__free(loop.notes);
	blind__close(loop.blind);
	pressure__close(loop.pressure);
	close(loop.epoll_fd);
	close(loop.calm_fd);
	close(loop.duration_fd);
	return err ? EXIT_FAILED : EXIT_DONE;
}

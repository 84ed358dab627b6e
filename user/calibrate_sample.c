// SPDX-License-Identifier: BSD-2-Clause
/* Owns one calibration from its first to its last sample. It never writes a result and never
 * changes a limit. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/calibrate.h"
#include "user/cgfs.h"
#include "user/log.h"
#include "user/sampler.h"

#define NS ((uint64_t)1000000000)
#define WATCHED_MAX 65536
/* How often a line tells how far it is: on a terminal, where it is written over, and elsewhere. */
#define PROGRESS_TERMINAL_NS NS
#define PROGRESS_NS (10 * NS)

struct session {
	const struct calibrate_options *options;
	struct calibration_result result;
	struct sampler *sampler;
	int root_fd, timer_fd, signal_fd;
	uint64_t told_ns;
	bool is_terminal, is_full;
};

static uint64_t now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS + now.tv_nsec;
}

/* Takes ownership of PATH. */
static int add(struct calibration_result *result, uint64_t id, char *path)
{
	if (result->cnt == result->room) {
		size_t room = result->room ? 2 * result->room : 64;
		struct calibrated *more =
			reallocarray(result->cgroups, room, sizeof(*result->cgroups));

		if (!more)
			return -ENOMEM;
		result->cgroups = more;
		result->room = room;
	}
	result->cgroups[result->cnt++] = (struct calibrated){.id = id, .path = path};
	return 0;
}

/* A cgroup that the walk met for the first time; one that two walks told is told twice. */
static void meet(void *context, const struct cgbpf_fresh *fresh)
{
	struct session *session = context;
	uint64_t id = fresh->id;
	struct cgbpf_usage usage;
	char *path = NULL;
	int fd, err;

	if (!sampler__usage(session->sampler, id, &usage))
		return;
	err = cgfs_open_id(session->root_fd, id, &fd);
	if (!err) {
		err = cgfs_path(session->root_fd, fd, &path);
		close(fd);
	}
	if (err) {
		session->result.nameless_cnt += cgfs_is_gone(err);
		return;
	}
	if (!calibrate_is_wanted(session->options, path)) {
		sampler__ignore(session->sampler, id);
		free(path);
		return;
	}
	err = sampler__watch_fresh(session->sampler, fresh);
	if (!err)
		err = add(&session->result, id, path);
	if (!err)
		return;
	sampler__ignore(session->sampler, id);
	free(path);
	if (!session->is_full)
		log_warning("calibrate: not every cgroup can be watched: %s, ignoring",
			    strerror(-err));
	session->is_full = true;
}

static int sample(struct session *session)
{
	int err = sampler__pass(session->sampler);

	if (err)
		return err;
	/* Who was met now has its first sample now: no walk more, also for who is soon gone. */
	sampler__fresh(session->sampler, meet, session);
	session->result.passes_cnt++;
	return 0;
}

static void progress(struct session *session, uint64_t begin_ns, bool is_last)
{
	uint64_t now_ns = now_of(CLOCK_MONOTONIC);
	uint64_t every = session->is_terminal ? PROGRESS_TERMINAL_NS : PROGRESS_NS;
	char line[160];
	int len;

	if (session->options->is_quiet ||
	    (!is_last && session->told_ns && now_ns - session->told_ns < every))
		return;
	session->told_ns = now_ns;
	len = snprintf(line, sizeof(line),
		       "%scgbpf: calibrate: %" PRIu64 " s of %" PRIu64 " s, %" PRIu64
		       " samples, %zu cgroups%s",
		       session->is_terminal ? "\r" : "",
		       least(now_ns - begin_ns, session->options->duration_ns) / NS,
		       session->options->duration_ns / NS, session->result.passes_cnt,
		       session->result.cnt, session->is_terminal && !is_last ? "" : "\n");
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		session->told_ns = now_ns; /* nobody reads it */
}

/* 1: the timer's moment, once or more often (*RET_TICKS); 0: interrupted. */
static int wait_for_tick(struct session *session, uint64_t *ret_ticks)
{
	struct pollfd fds[] = {{.fd = session->timer_fd, .events = POLLIN},
			       {.fd = session->signal_fd, .events = POLLIN}};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			return 0;
		if (read(session->timer_fd, ret_ticks, sizeof(*ret_ticks)) == sizeof(*ret_ticks))
			return 1;
	}
}

static void set_timer(const struct session *session, uint64_t first_ns, uint64_t every_ns)
{
	struct itimerspec when = {
		.it_value = {(time_t)(first_ns / NS), (long)(first_ns % NS)},
		.it_interval = {(time_t)(every_ns / NS), (long)(every_ns % NS)},
	};

	timerfd_settime(session->timer_fd, 0, &when, NULL);
}

/* The last sample is taken at the end, not an interval after it. Ticks come early by a little. */
static void aim_at_end(const struct session *session, uint64_t begin_ns)
{
	const struct calibrate_options *options = session->options;
	uint64_t done_ns = now_of(CLOCK_MONOTONIC) - begin_ns;

	if (done_ns >= options->duration_ns)
		set_timer(session, 1, 0);
	else if (options->duration_ns - done_ns < options->interval_ns + options->interval_ns / 10)
		set_timer(session, options->duration_ns - done_ns, 0);
}

/* From the first to the last sample, or to a signal. */
static int sample_all(struct session *session)
{
	const struct calibrate_options *options = session->options;
	struct calibration_result *result = &session->result;
	uint64_t begin_ns, ticks = 0;
	int err = 0;

	set_timer(session, options->wait_ns ? options->wait_ns : 1, options->interval_ns);
	result->is_partial = !wait_for_tick(session, &ticks);
	begin_ns = now_of(CLOCK_MONOTONIC);
	result->begin_ns = now_of(CLOCK_REALTIME);
	result->real_offset_ns = (int64_t)(result->begin_ns - begin_ns);
	while (!result->is_partial) {
		err = sample(session);
		if (err || now_of(CLOCK_MONOTONIC) - begin_ns >= options->duration_ns)
			break;
		progress(session, begin_ns, false);
		aim_at_end(session, begin_ns);
		result->is_partial = !wait_for_tick(session, &ticks);
		if (!result->is_partial)
			result->missed_cnt += ticks - 1;
	}
	result->end_ns = now_of(CLOCK_REALTIME);
	progress(session, begin_ns, true);
	return err;
}

/* What the kernel has counted, into memory of ours. */
static void collect(struct session *session)
{
	struct calibration_result *result = &session->result;
	int fd;

	for (size_t i = 0; i < result->cnt; i++) {
		struct calibrated *each = &result->cgroups[i];
		struct cgbpf_usage *usage = malloc(sizeof(*usage));

		if (usage && !sampler__usage(session->sampler, each->id, usage) &&
		    usage->sample_cnt)
			each->usage = usage;
		else
			free(usage);
		each->is_gone = cgfs_open_id(session->root_fd, each->id, &fd) != 0;
		if (!each->is_gone)
			close(fd);
	}
	calibrate_put_in_order(result);
}

static int open_all(struct session *session)
{
	struct sampler_options options = {.tells_fresh = true, .watched_max = WATCHED_MAX};
	struct sigaction hangup;
	sigset_t mask;
	int err;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	/* A signalfd would tell it under nohup too. */
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	session->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	session->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	session->is_terminal = isatty(STDERR_FILENO);
	if (session->signal_fd < 0 || session->timer_fd < 0)
		return EXIT_FAILED;
	err = sampler__open(&options, session->root_fd, &session->sampler);
	if (!err)
		return 0;
	log_error("calibrate: the sampling program cannot be loaded: %s (see 'cgbpf doctor')",
		  strerror(-err));
	return EXIT_CANNOT;
}

int calibrate_sample(const struct calibrate_options *options, int root_fd,
		     struct calibration_result *ret_result)
{
	struct session session = {
		.options = options, .root_fd = root_fd, .timer_fd = -1, .signal_fd = -1};
	int status = open_all(&session), err;

	if (!status) {
		err = sample_all(&session);
		if (!err)
			collect(&session);
		else
			log_error("calibrate: cgroups cannot be walked: %s", strerror(-err));
		status = err ? EXIT_FAILED : 0;
	}
	sampler__close(session.sampler);
	if (session.timer_fd >= 0)
		close(session.timer_fd);
	if (session.signal_fd >= 0)
		close(session.signal_fd);
	*ret_result = session.result;
	return status;
}

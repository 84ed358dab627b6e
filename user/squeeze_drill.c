// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a drill: lowers the limit, waits for what the kernel says, puts the limit back. It never
 * runs beside a controller, and nothing is written before it is in the ledger.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/cgfs.h"
#include "user/ledger.h"
#include "user/log.h"
#include "user/params.h"
#include "user/protect.h"
#include "user/restore.h"
#include "user/squeeze.h"

/* A level that goes on killing is left after so many intervals. */
#define RESTLESS_INTERVALS 10

enum source { FROM_MEMORY, FROM_CGROUP, FROM_KILLS, FROM_FIRST, FROM_LOG, SOURCES };

struct drill {
	const struct squeeze_target *target;
	struct squeeze_record *record;
	int root_fd;
	struct apply apply;
	struct squeeze_witness *witness;
	struct squeeze_log *log;
	struct pollfd fds[SOURCES];
	sigset_t open_mask; /* signals as they were */
};

static volatile sig_atomic_t is_asked_to_end;

static void ask_to_end(int signal)
{
	(void)signal;
	is_asked_to_end = 1;
}

/* Blocked but where the drill waits or the kernel reclaims: there they end the wait. */
static void catch_signals(sigset_t *ret_open_mask)
{
	struct sigaction action = {.sa_handler = ask_to_end};
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, ret_open_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void note_first_death(struct drill *drill)
{
	drill->record->is_first_dead = true;
	drill->record->first_died_ns = apply_now_ns() - drill->record->began_ns;
	drill->record->first_died_level = drill->record->level_cnt;
	close(drill->fds[FROM_FIRST].fd);
	drill->fds[FROM_FIRST].fd = -1;
}

/* kernfs wakes a file's pollers once, until it has been read again (kernfs_generic_poll()). */
static void read_again(int fd)
{
	char text[512];

	while (pread(fd, text, sizeof(text), 0) < 0 && errno == EINTR)
		;
}

/* Waits for anything to happen, at most until UNTIL. */
static void wait_until(struct drill *drill, uint64_t until_ns)
{
	uint64_t now_ns = apply_now_ns(), left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	struct timespec left = {left_ns / 1000000000ULL, (long)(left_ns % 1000000000ULL)};

	if (ppoll(drill->fds, SOURCES, &left, &drill->open_mask) <= 0)
		return;
	if (drill->fds[FROM_FIRST].revents)
		note_first_death(drill);
	if (drill->fds[FROM_MEMORY].revents)
		read_again(drill->fds[FROM_MEMORY].fd);
	if (drill->fds[FROM_CGROUP].revents)
		read_again(drill->fds[FROM_CGROUP].fd);
	/* In any case, and first: the log is told apart by who was killed. */
	squeeze_witness__take(drill->witness);
	if (drill->fds[FROM_LOG].revents & POLLIN)
		squeeze_log__take(drill->log, drill->target->path, drill->record);
	else if (drill->fds[FROM_LOG].revents)
		drill->fds[FROM_LOG].fd = -1;
}

/* Whoever is in it has given up its memory and is no process any more, but has not left yet: on a
 * slow machine that may take longer than an interval. */
static bool is_dying(const struct squeeze_look *look)
{
	return look->is_populated && look->process_cnt == 0;
}

/* Until an interval has passed without a kill, nobody is left, or somebody wants it to end. */
static int settle(struct drill *drill, struct squeeze_level *level)
{
	uint64_t interval_ns = drill->record->plan.interval_ns, began_ns = apply_now_ns();
	uint64_t kills = level->before.kill_cnt, quiet_since_ns = began_ns;
	int err;

	for (;;) {
		err = squeeze_look(drill->target->dir_fd, &level->after);
		if (err)
			return err;
		if (level->after.kill_cnt != kills ||
		    squeeze_witness__last_kill_ns(drill->witness) > quiet_since_ns ||
		    is_dying(&level->after))
			quiet_since_ns = apply_now_ns();
		kills = level->after.kill_cnt;
		level->is_settled = apply_now_ns() - quiet_since_ns >= interval_ns;
		/* Its first process is known to be dead a moment after the cgroup is empty. */
		if (level->is_settled || is_asked_to_end ||
		    apply_now_ns() - began_ns > RESTLESS_INTERVALS * interval_ns)
			return 0;
		if (!level->after.is_populated && drill->fds[FROM_FIRST].fd < 0) {
			level->is_settled = true;
			return 0;
		}
		wait_until(drill, quiet_since_ns + interval_ns);
	}
}

static void say_level(const struct squeeze_level *level)
{
	log_info("memory.max %" PRIu64 " KiB: in use %" PRIu64 " -> %" PRIu64 " KiB, %" PRIu64
		 " killed, %u processes left",
		 level->limit_bytes / 1024, level->before.usage_bytes / 1024,
		 level->after.usage_bytes / 1024, level->after.kill_cnt - level->before.kill_cnt,
		 level->after.process_cnt);
}

static int one_level(struct drill *drill, uint64_t limit_bytes)
{
	struct squeeze_record *record = drill->record;
	struct squeeze_level *level = &record->levels[record->level_cnt];
	const struct apply_end end = {&drill->open_mask, &is_asked_to_end};
	uint64_t began_ns = apply_now_ns();
	int err;

	*level = (struct squeeze_level){.limit_bytes = limit_bytes};
	err = squeeze_look(drill->target->dir_fd, &level->before);
	if (!err)
		err = apply__press(&drill->apply, drill->target->id, drill->target->dir_fd,
				   limit_bytes, &end);
	if (err)
		return err;
	level->write_ns = apply_now_ns() - began_ns;
	err = settle(drill, level);
	if (err)
		return err;
	/* What was said before the look. */
	wait_until(drill, 0);
	level->lasted_ns = apply_now_ns() - began_ns;
	level->is_first_alive = drill->fds[FROM_FIRST].fd >= 0;
	record->level_cnt++;
	say_level(level);
	return 0;
}

static void all_levels(struct drill *drill)
{
	struct squeeze_record *record = drill->record;
	size_t cnt = squeeze_level_cnt(&record->plan);
	int err = 0;

	record->end = SQUEEZE_DONE;
	for (size_t i = 0; i < cnt && record->end == SQUEEZE_DONE; i++) {
		err = one_level(drill, squeeze_limit(&record->plan, i));
		if (err && err != -ECANCELED) {
			record->end = cgfs_is_gone(err) ? SQUEEZE_GONE : SQUEEZE_FAILED;
			record->err = err;
		} else if (is_asked_to_end) {
			record->end = SQUEEZE_INTERRUPTED;
		} else if (!record->levels[i].after.is_populated) {
			record->end = SQUEEZE_EMPTY;
		}
	}
	/* A last word of the reaper, and deaths that took their time. */
	wait_until(drill, 0);
	wait_until(drill, 0);
}

static int open_all(struct drill *drill)
{
	const struct squeeze_target *target = drill->target;
	struct pollfd *fds = drill->fds;

	fds[FROM_MEMORY].fd = openat(target->dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);
	fds[FROM_CGROUP].fd = openat(target->dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (fds[FROM_MEMORY].fd < 0 || fds[FROM_CGROUP].fd < 0)
		return -errno;
	read_again(fds[FROM_MEMORY].fd);
	read_again(fds[FROM_CGROUP].fd);
	fds[FROM_MEMORY].events = fds[FROM_CGROUP].events = POLLPRI;
	fds[FROM_KILLS].fd = squeeze_witness__fd(drill->witness);
	fds[FROM_KILLS].events = fds[FROM_FIRST].events = fds[FROM_LOG].events = POLLIN;
	fds[FROM_FIRST].fd = target->first_pid ? pidfd_open(target->first_pid, 0) : -1;
	drill->record->has_log = squeeze_log__open(&drill->log) == 0;
	if (drill->record->has_log)
		fds[FROM_LOG].fd = squeeze_log__fd(drill->log);
	else
		log_warning("/dev/kmsg cannot be read: the kernel's own lines are left out, "
			    "ignoring");
	return 0;
}

/* The value from before goes into the ledger: `restore` finds it there whatever becomes of us. */
static int remember(struct drill *drill)
{
	struct cgbpf_ledger_key key = {.cgroup_id = drill->target->id,
				       .knob = CGBPF_KNOB_MEMORY_MAX};
	char original[CGBPF_VALUE_LEN];
	int err = cgfs_read(drill->target->dir_fd, "memory.max", original, sizeof(original));

	if (!err)
		err = cgfs_read_bytes(drill->target->dir_fd, "memory.max",
				      &drill->record->original_bytes);
	if (!err)
		err = ledger__remember(drill->apply.ledger_fd, &key, original, "squeeze");
	if (err == -EEXIST)
		log_error("squeeze: an earlier run's original of this limit is still in the "
			  "ledger: 'cgbpf restore' first");
	else if (err)
		log_error("squeeze: memory.max: %s", strerror(-err));
	return err;
}

static void put_back(struct drill *drill)
{
	struct cgbpf_ledger_key key = {.cgroup_id = drill->target->id,
				       .knob = CGBPF_KNOB_MEMORY_MAX};
	struct restored_limit limit;
	enum restored outcome = restore__key(&drill->apply, drill->root_fd, &key, &limit);

	drill->record->is_put_back = outcome == RESTORED_BACK || outcome == RESTORED_UNCHANGED;
	if (outcome == RESTORED_NOT_OURS)
		log_warning("memory.max: somebody else has set it meanwhile: left");
	else if (outcome == RESTORED_IN_USE || outcome == RESTORED_FAILED)
		log_warning("memory.max stays; its original is in the ledger: run 'cgbpf restore' "
			    "when less is in use");
}

static int drill_locked(struct drill *drill)
{
	int status = squeeze_witness__open(drill->root_fd, drill->target, drill->record,
					   &drill->witness);

	if (status)
		return status;
	drill->apply.ledger_fd = squeeze_witness__ledger_fd(drill->witness);
	if (open_all(drill)) {
		log_error("squeeze: the cgroup's files cannot be opened: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (remember(drill))
		return EXIT_FAILED;
	drill->record->began_ns = apply_now_ns();
	all_levels(drill);
	put_back(drill);
	if (drill->target->container && drill->record->is_first_dead)
		squeeze_container__end(drill->target, drill->record);
	return drill->record->end == SQUEEZE_GONE || drill->record->end == SQUEEZE_FAILED ||
			       (!drill->record->is_put_back && drill->record->end != SQUEEZE_EMPTY)
		       ? EXIT_FAILED
		       : EXIT_DONE;
}

static void close_all(struct drill *drill)
{
	const enum source own[] = {FROM_MEMORY, FROM_CGROUP, FROM_FIRST};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (drill->fds[own[i]].fd >= 0)
			close(drill->fds[own[i]].fd);
	squeeze_log__close(drill->log);
	squeeze_witness__close(drill->witness);
}

int squeeze_drill(int root_fd, const struct squeeze_target *target, struct squeeze_record *record)
{
	struct drill drill = {
		.target = target,
		.record = record,
		.root_fd = root_fd,
		.apply = {.ledger_fd = -1, .cpus = sysconf(_SC_NPROCESSORS_ONLN)},
	};
	int lock_fd, status, err;
	pid_t holder = 0;

	for (int i = 0; i < SOURCES; i++)
		drill.fds[i].fd = -1;
	err = protect_lock(&lock_fd, &holder);
	if (err == -EWOULDBLOCK)
		log_error("squeeze: a controller is running: pid %d; it would answer what is to "
			  "be measured: end it first",
			  holder);
	else if (err)
		log_error("squeeze: /run/cgbpf/lock: %s", strerror(-err));
	if (err)
		return EXIT_FAILED;
	catch_signals(&drill.open_mask);
	record->levels = calloc(squeeze_level_cnt(&record->plan), sizeof(*record->levels));
	status = record->levels ? drill_locked(&drill) : EXIT_FAILED;
	close_all(&drill);
	close(lock_fd);
	sigprocmask(SIG_SETMASK, &drill.open_mask, NULL);
	return status;
}

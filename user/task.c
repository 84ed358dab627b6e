// SPDX-License-Identifier: BSD-2-Clause
/* Owns what is changed of threads, ledger first, and how it is put back. It never decides. */
#include "user/task.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/proc_stat.h"

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6 /* include/uapi/linux/sched.h */
#endif
#define KERNEL_THREAD 0x00200000UL /* PF_KTHREAD in include/linux/sched.h */
/* A thread that is forked while its cgroup is gone through has its parent's values; one that came
 * from elsewhere is an event. Twice is enough for what was neither. */
#define ROUNDS 2
/* A fork copies its parent's values some time before cgroup.threads shows the child
 * (copy_process() in kernel/fork.c): while a thread may be in the middle of one, it is looked again
 * for so many rounds without anything new. */
#define QUIET_ROUNDS 12
#define UNDO_ROUNDS 48
#define BETWEEN_ROUNDS_NS 10000000L

/* Runs, wants to, or waits in the kernel for what will come. */
static bool is_busy(uint32_t tid)
{
	char text[PROC_STAT_LEN];
	const char *at = proc_stat_read(tid, PROC_STAT_STATE, text);

	return at && (*at == 'R' || *at == 'D');
}

int task_start(uint32_t tid, uint64_t *ret_ticks)
{
	return proc_stat_number(tid, PROC_STAT_START, ret_ticks);
}

bool task_is_kernel(uint32_t pid)
{
	uint64_t flags;

	return !proc_stat_number(pid, PROC_STAT_FLAGS, &flags) && flags & KERNEL_THREAD;
}

int task_read(uint32_t tid, uint32_t knob, char value[TASK_VALUE_LEN])
{
	struct sched_param param;
	int result;

	errno = 0;
	if (knob == CGBPF_KNOB_NICE) {
		result = getpriority(PRIO_PROCESS, tid);
		if (result == -1 && errno)
			return -errno;
		snprintf(value, TASK_VALUE_LEN, "%d", result);
		return 0;
	}
	result = sched_getscheduler((pid_t)tid);
	if (result < 0 || sched_getparam((pid_t)tid, &param))
		return -errno;
	snprintf(value, TASK_VALUE_LEN, "%d %d", result & ~SCHED_RESET_ON_FORK,
		 param.sched_priority);
	return 0;
}

/* Whether a thread's children begin without its priority is not ours: it stays as it is. */
static int write_value(uint32_t tid, uint32_t knob, const char *value)
{
	struct sched_param param = {};
	int policy, now;

	if (knob == CGBPF_KNOB_NICE)
		return setpriority(PRIO_PROCESS, tid, atoi(value)) ? -errno : 0;
	if (sscanf(value, "%d %d", &policy, &param.sched_priority) != 2)
		return -EINVAL;
	now = sched_getscheduler((pid_t)tid);
	if (now < 0)
		return -errno;
	policy |= now & SCHED_RESET_ON_FORK;
	return sched_setscheduler((pid_t)tid, policy, &param) ? -errno : 0;
}

/* It has its own promises from the kernel, which sched_setscheduler(2) could not give back. */
static bool is_deadline(uint32_t knob, const char *value)
{
	return knob == CGBPF_KNOB_POLICY && atoi(value) == SCHED_DEADLINE;
}

/* What a thread has now is what it gets back. -ENOSPC: there is no room for that. */
static int record(const struct task_rule *rule, const struct cgbpf_ledger_key *key, const char *now)
{
	struct cgbpf_ledger_entry entry;
	int err;

	if (ledger__get(rule->apply->ledger_fd, key, &entry)) {
		if (*rule->cgroup_cnt >= TASK_RECORDS_OF_ONE || *rule->all_cnt >= TASK_RECORDS_MOST)
			return -ENOSPC;
		err = apply__remember_knob(rule->apply, key, now, rule->target);
		if (err == -E2BIG) {
			*rule->all_cnt = task__prune(rule->apply);
			err = apply__remember_knob(rule->apply, key, now, rule->target);
		}
		if (err)
			return err == -E2BIG ? -ENOSPC : err;
		++*rule->cgroup_cnt;
		++*rule->all_cnt;
	}
	return ledger__intend(rule->apply->ledger_fd, key, rule->value);
}

static int key_of(uint32_t tid, uint32_t knob, struct cgbpf_ledger_key *ret_key)
{
	uint64_t ticks;
	int err = task_start(tid, &ticks);

	if (err)
		return err;
	*ret_key = (struct cgbpf_ledger_key){.cgroup_id = ticks, .knob = knob, .device = tid};
	return 0;
}

int task__set(const struct task_rule *rule, uint32_t tid)
{
	struct cgbpf_ledger_key key;
	char now[TASK_VALUE_LEN];
	int err = task_read(tid, rule->knob, now);

	if (err || strcmp(now, rule->value) == 0 || rule->apply->is_dry_run ||
	    is_deadline(rule->knob, now))
		return err;
	if (strcmp(now, rule->common) != 0) {
		err = key_of(tid, rule->knob, &key);
		if (!err)
			err = record(rule, &key, now);
	}
	return err ?: write_value(tid, rule->knob, rule->value);
}

int task__keep(const struct task_rule *rule, uint32_t tid)
{
	struct cgbpf_ledger_key key;
	char now[TASK_VALUE_LEN];
	int err = task_read(tid, rule->knob, now);

	if (err || strcmp(now, rule->value) != 0 || strcmp(now, rule->common) == 0 ||
	    rule->apply->is_dry_run)
		return err;
	err = key_of(tid, rule->knob, &key);
	return err ?: record(rule, &key, now);
}

struct all {
	const struct task_rule *rule;
	int (*change)(const struct task_rule *rule, uint32_t tid);
	size_t left_cnt;
};

static int change_one(void *context, uint32_t tid)
{
	struct all *all = context;
	int err = all->change(all->rule, tid);

	all->left_cnt += err == -ENOSPC;
	return err == -ESRCH || err == -ENOSPC ? 0 : err;
}

int task__keep_all(const struct task_rule *rule, int dir_fd)
{
	struct all all = {rule, task__keep, 0};

	return task__each_below(rule->apply, dir_fd, rule->knob, change_one, &all);
}

int task__set_all(const struct task_rule *rule, int dir_fd, size_t *ret_left_cnt)
{
	struct all all = {rule, task__set, 0};
	int err = 0;

	for (int round = 0; round < ROUNDS && !err; round++) {
		all.left_cnt = 0;
		err = task__each(dir_fd, change_one, &all);
	}
	*ret_left_cnt = all.left_cnt;
	return err;
}

static int set_common(const struct task_rule *rule, uint32_t tid)
{
	char now[TASK_VALUE_LEN];
	int err = task_read(tid, rule->knob, now);

	return err || strcmp(now, rule->common) != 0 ? err : task__set(rule, tid);
}

int task__catch_up(const struct task_rule *rule, int dir_fd)
{
	struct all all = {rule, set_common, 0};

	return task__each(dir_fd, change_one, &all);
}

int task__set_process(const struct task_rule *rule, uint32_t pid, uint32_t most_cnt, bool with_keep,
		      size_t *ret_left_cnt)
{
	struct all keep = {rule, task__keep, 0}, set = {rule, task__set, 0};
	int err = with_keep ? task__each_of(pid, most_cnt, change_one, &keep) : 0;

	/* Where some end meanwhile, the folder's places shift, and one is passed over. */
	for (int round = 0; round < ROUNDS && !err; round++) {
		set.left_cnt = 0;
		err = task__each_of(pid, most_cnt, change_one, &set);
	}
	*ret_left_cnt = set.left_cnt;
	return err;
}

struct undo {
	const struct apply *apply;
	uint32_t knob;
	const struct cgbpf_ledger_entry *entry;
	size_t changed_cnt, busy_cnt;
};

/* What its own record says, or else that of the cgroup. */
static int undo_one(void *context, uint32_t tid)
{
	struct undo *undo = context;
	const char *original = undo->entry->original;
	struct cgbpf_ledger_key key;
	struct cgbpf_ledger_entry own;
	char now[TASK_VALUE_LEN];

	undo->busy_cnt += is_busy(tid);
	if (task_read(tid, undo->knob, now) || strcmp(now, undo->entry->current) != 0 ||
	    key_of(tid, undo->knob, &key))
		return 0;
	if (!ledger__get(undo->apply->ledger_fd, &key, &own))
		original = own.original;
	if (strcmp(now, original) != 0 && !write_value(tid, undo->knob, original))
		undo->changed_cnt++;
	return 0;
}

/* Also of threads that went to cgroups below, and of those that others forked meanwhile: again
 * until there is nothing to do. */
static void undo_all(const struct apply *apply, int dir_fd, uint32_t knob,
		     const struct cgbpf_ledger_entry *entry)
{
	static const struct timespec between = {.tv_nsec = BETWEEN_ROUNDS_NS};
	struct undo undo = {apply, knob, entry, 0, 0};
	int quiet = 0;

	for (int round = 0; round < UNDO_ROUNDS && quiet < QUIET_ROUNDS; round++) {
		if (round)
			nanosleep(&between, NULL);
		undo.changed_cnt = undo.busy_cnt = 0;
		task__each_below(apply, dir_fd, knob, undo_one, &undo);
		quiet = undo.changed_cnt ? 0 : quiet + 1;
		if (quiet && (!undo.busy_cnt || !round))
			return;
	}
}

int task__undo(const struct apply *apply, int root_fd, const struct cgbpf_ledger_key *key,
	       const struct cgbpf_ledger_entry *entry)
{
	char now[TASK_VALUE_LEN];
	uint64_t ticks;
	int fd, err;

	if (!key->device) {
		err = cgfs_open_id(root_fd, key->cgroup_id, &fd);
		if (err)
			return err;
		undo_all(apply, fd, key->knob, entry);
		close(fd);
		return 0;
	}
	if (task_start(key->device, &ticks) || ticks != key->cgroup_id)
		return -ESRCH;
	if (key->knob == CGBPF_KNOB_TASK_CGROUP)
		return task__undo_move(root_fd, key, entry);
	err = task_read(key->device, key->knob, now);
	if (!err && strcmp(now, entry->current) != 0)
		err = strcmp(now, entry->original) == 0 ? 0 : -ESTALE;
	else if (!err)
		err = write_value(key->device, key->knob, entry->original);
	return err;
}

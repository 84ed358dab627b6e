/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads as knobs: nice and policy, the cgroup they are in, and folders made for them. Ledger
 * first, as apply does with files. It never decides.
 */
#ifndef CGBPF_TASK_H
#define CGBPF_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "user/apply.h"

/* "-5" or, for the policy, "batch 0": what the ledger keeps. */
#define TASK_VALUE_LEN 24

/* In clock ticks since boot; with the id it names a task for good. -ESRCH: there is none. */
int task_start(uint32_t tid, uint64_t *ret_ticks);
bool task_is_kernel(uint32_t pid);
/* What KNOB (nice or policy) of a thread is now, as the ledger has it. */
int task_read(uint32_t tid, uint32_t knob, char value[TASK_VALUE_LEN]);

/* What every thread of a cgroup is to have. */
struct task_rule {
	const struct apply *apply;
	uint32_t knob;
	const char *value;
	const char *common; /* what the cgroup's record says of threads that have none */
	const char *target;
	uint32_t *cgroup_cnt, *all_cnt; /* records of single threads: of this cgroup, of all */
};

/* So that limits always find room in the ledger, and no cgroup takes what others need. */
#define TASK_RECORDS_MOST (CGBPF_MAX_GOVERNED / 2)
#define TASK_RECORDS_OF_ONE (CGBPF_MAX_GOVERNED / 16)

/* Gives a thread the value; its original is recorded first where it is not the common one. -ENOSPC:
 * there is no room for that, and nothing was changed. */
int task__set(const struct task_rule *rule, uint32_t tid);
/* A thread that has the value already, and not from us, has it in the end. */
int task__keep(const struct task_rule *rule, uint32_t tid);
/* Every thread of the cgroup and, as undoing goes there, of those below: before the first is set.
 */
int task__keep_all(const struct task_rule *rule, int dir_fd);
/* Every thread of the cgroup. *RET_LEFT_CNT: for how many there was no room. */
int task__set_all(const struct task_rule *rule, int dir_fd, size_t *ret_left_cnt);
/*
 * Those whose coming nobody told: every thread of the cgroup that has the common value. Another
 * value may have been given to it since.
 */
int task__catch_up(const struct task_rule *rule, int dir_fd);

/* Every thread of a process, as task__each_of, with what they have kept first where WITH_KEEP. */
int task__set_process(const struct task_rule *rule, uint32_t pid, uint32_t most_cnt, bool with_keep,
		      size_t *ret_left_cnt);

/* task_threads.c; a return other than 0 ends the walk with it. */
typedef int (*task_visit)(void *context, uint32_t tid);
int task__each(int dir_fd, task_visit visit, void *context);
/* Of a process, the MOST_CNT oldest: one that makes threads on and on keeps nobody. */
int task__each_of(uint32_t pid, uint32_t most_cnt, task_visit visit, void *context);
/* Also of the cgroups below, but for those that have a record of KNOB themselves. */
int task__each_below(const struct apply *apply, int dir_fd, uint32_t knob, task_visit visit,
		     void *context);
/* Forgets records of threads and processes that are gone; returns how many stay. */
uint32_t task__prune(const struct apply *apply);
/* How many threads, there and below, have a record of their own. */
uint32_t task__count(const struct apply *apply, int dir_fd, uint32_t knob);

/* task_move.c */
/* Puts a process into the cgroup, with where it was recorded first. */
int task__move(const struct apply *apply, int root_fd, uint32_t pid, int dir_fd,
	       const char *target);

int task__undo_move(int root_fd, const struct cgbpf_ledger_key *key,
		    const struct cgbpf_ledger_entry *entry);

/* What the ledger says of a task, or of all tasks of a cgroup, is put back. 0; -ESRCH: gone;
 * -EBUSY: not now; -ESTALE: somebody else has set it since. */
int task__undo(const struct apply *apply, int root_fd, const struct cgbpf_ledger_key *key,
	       const struct cgbpf_ledger_entry *entry);

#endif

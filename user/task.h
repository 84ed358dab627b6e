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
/* Gives a thread VALUE; its original is recorded first where it is not COMMON, what a record of the
 * whole cgroup says of all others. */
int task__set(const struct apply *apply, uint32_t tid, uint32_t knob, const char *value,
	      const char *common, const char *target);
/* VALUE for every thread of the cgroup. */
int task__set_all(const struct apply *apply, int dir_fd, uint32_t knob, const char *value,
		  const char *common, const char *target);
/* Puts a process into the cgroup, with where it was recorded first. */
int task__move(const struct apply *apply, int root_fd, uint32_t pid, int dir_fd,
	       const char *target);

/* What the ledger says of a task, or of all tasks of a cgroup, is put back. 0; -ESRCH: gone;
 * -EBUSY: not now; -ESTALE: somebody else has set it since. */
int task__undo(const struct apply *apply, int root_fd, const struct cgbpf_ledger_key *key,
	       const struct cgbpf_ledger_entry *entry);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* How much CPU time a cgroup is to have: pure functions of what was seen. No files, no clock, no
 * libbpf. */
#ifndef CGBPF_DECIDE_CPU_H
#define CGBPF_DECIDE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "user/explain.h"

/* Amounts are parts per million of one CPU; in mode weight they are weights. UINT64_MAX: no limit.
 */
struct cpu_rule {
	uint64_t soft, hard, step;
};

struct cpu_observation {
	uint64_t amount; /* what it has */
	uint64_t ancestor; /* the least that an ancestor has; UINT64_MAX: none has a limit */
	uint64_t suggested; /* what the policy's model says it needs; 0: it says nothing */
	bool is_by_ancestor; /* the ancestor's quota is used up, not its own */
	bool is_target; /* above soft the target controller raises it, in steps of its own */
};

struct cpu_plan {
	enum reason reason; /* why it is raised, or why not */
	bool is_raise;
	uint64_t amount; /* the new one; the old one when not raised */
	uint64_t wanted; /* what it would be if no ancestor bound it */
};

/* SOFT and HARD where the configuration leaves them out (0): as found, and twice that. */
struct cpu_rule decide_cpu_rule(uint64_t soft, uint64_t hard, uint64_t step, uint64_t found);

/* It was throttled: as far as is suggested where that is more than now, else by a step; never past
 * hard. REASON_TARGET: nothing keeps the target controller from raising it. */
void decide_cpu_raise(const struct cpu_rule *rule, const struct cpu_observation *seen,
		      struct cpu_plan *ret_plan);

/*
 * The next lower amount on the way back to soft, or AMOUNT when there is none or USED, its use of
 * late, needs what it has.
 */
uint64_t decide_cpu_return(const struct cpu_rule *rule, uint64_t amount, uint64_t used);

#endif

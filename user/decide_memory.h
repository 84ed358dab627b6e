/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory a cgroup is to have: pure functions of what was seen. No files, no clock, no
 * libbpf. */
#ifndef CGBPF_DECIDE_MEMORY_H
#define CGBPF_DECIDE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "user/explain.h"

struct memory_rule {
	uint64_t soft_bytes, hard_bytes, step_bytes;
	uint32_t watermark_ppm;
};

enum memory_moment {
	MOMENT_WATERMARK = 1,
	MOMENT_TIME_TO_LIMIT = 2,
	MOMENT_OOM = 3, /* reclaim has failed: the need is proved */
};

struct memory_observation {
	enum memory_moment moment;
	uint64_t usage_bytes;
	uint64_t limit_bytes;
	uint64_t file_bytes; /* of usage: what reclaim can take */
	uint64_t growth_bytes_per_ms;
	uint64_t reaction_us; /* how long an answer takes here */
	uint64_t reach_bytes; /* how far the tightest ancestor lets its use grow; UINT64_MAX: none
				 has a limit */
};

struct memory_plan {
	enum reason reason; /* why it is raised, or why not */
	bool is_raise;
	uint64_t limit_bytes; /* the new limit; the old one when not raised */
	uint64_t wanted_bytes; /* what the new limit would be if nothing but hard bound it */
};

/* SPARE: what the machine can still give, above the reserve and what is promised to others. */
void decide_memory_raise(const struct memory_rule *rule, const struct memory_observation *seen,
			 uint64_t spare_bytes, struct memory_plan *ret_plan);

/* A limit is never set under FIXED (in use, cannot be reclaimed) plus this. */
uint64_t decide_memory_margin(uint64_t fixed_bytes, unsigned int cpus);

/*
 * The limit with which governing begins. FOUND is the present limit, FIXED what is in use and
 * cannot be reclaimed. Returns soft; above it (usage plus a step, at most hard) when soft would be
 * under use; FOUND itself when even hard would be, with *RET_REASON saying so.
 */
uint64_t decide_memory_start(const struct memory_rule *rule, uint64_t found_bytes,
			     uint64_t fixed_bytes, uint64_t margin_bytes, enum reason *ret_reason);

/*
 * The next lower limit on the way back to soft, or LIMIT when there is none or when the cgroup
 * needs what it has: so much is left free under the new limit's watermark that the return does not
 * call for the next raise.
 */
uint64_t decide_memory_return(const struct memory_rule *rule, uint64_t limit_bytes,
			      uint64_t fixed_bytes, uint64_t margin_bytes);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target controller, after Autothrottle (NSDI 2024): a quota that rises while the ratio of
 * throttled periods is far above a target, and falls to what is used. Pure: no files, no clock; its
 * memory is the caller's.
 */
#ifndef CGBPF_DECIDE_TARGET_H
#define CGBPF_DECIDE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#define TARGET_HISTORY 60

struct target_rule {
	double soft_cores, hard_cores;
};

struct target_state {
	float usage[TARGET_HISTORY]; /* cores, the newest at (next - 1) */
	int cnt, next;
	double margin; /* how many deviations above the mean; grows when throttled */
	double before_shrink_cores; /* > 0: the last shrink may still be rolled back */
	int since_shrink; /* steps */
};

enum target_move {
	TARGET_STAY = 1,
	TARGET_RAISE = 2, /* the ratio is above target */
	TARGET_SHRINK = 3,
	TARGET_ROLL_BACK = 4, /* the shrink throttled */
};

/*
 * One step: what was used and how often it was throttled (ratio of its periods) since the last one.
 * Returns the move; *RET_CORES is the quota from now on, from soft to hard.
 */
enum target_move decide_target(const struct target_rule *rule, struct target_state *state,
			       double quota_cores, double usage_cores, double throttle_ratio,
			       double *ret_cores);

#endif

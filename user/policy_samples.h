/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads samples (`run --samples`) as rows to learn from: what was seen before an interval in which
 * it was throttled, and the peak of what was needed from then on. Memory does not grow with the
 * file. It never fits anything.
 */
#ifndef CGBPF_POLICY_SAMPLES_H
#define CGBPF_POLICY_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "user/policy.h"

#define POLICY_SAMPLE_SCHEMA 1
/* What a raise has to last for: a quota is given back a step at a time, and late. */
#define POLICY_HORIZON 20 /* intervals, at most */
#define POLICY_TS_LEN 40

enum policy_drop {
	DROP_TORN = 0, /* the last line, without its end */
	DROP_MALFORMED = 1, /* no JSON object; NaN and infinity are none */
	DROP_SCHEMA = 2, /* of another version */
	DROP_NO_LIMIT = 3, /* no quota, or its target has no hard limit */
	DROP_NOT_A_NUMBER = 4, /* a value is missing, no number, or cannot be */
	DROP_NO_FUTURE = 5, /* what came after it is not known */
	DROP_SPANS_FOLDS = 6, /* it lies in one fold and what came after it in the next */
	DROP_TOO_MANY = 7, /* more cgroups at a time than are followed */
	DROP_NOT_THROTTLED = 8, /* nor was it in the next interval: nobody would have asked */
	DROP_REASONS
};

struct policy_row {
	struct policy_observation seen;
	double x[POLICY_FEATURES];
	double peak_cores; /* the most that was needed in the next intervals */
	double then_cores; /* the quota with which it was throttled */
	double soft_cores, interval_s;
	unsigned int fold;
	bool is_throttled; /* in its own interval */
	char ts[POLICY_TS_LEN];
	const char *series; /* target, cgroup and boot; valid in the visit */
};

struct policy_read {
	uint64_t line_cnt, row_cnt, other_cnt; /* lines; rows given out; lines of other kinds */
	uint64_t dropped[DROP_REASONS];
};

const char *policy_drop_name(enum policy_drop reason);

/* How many lines FILE has, for the folds. 0 or a negative errno: -EINVAL, it is no regular file. */
int policy_samples__count(const char *file, uint64_t *ret_cnt);

/*
 * Calls VISIT for every row, in the order of the file, with `fold` from 0 to FOLDS - 1 by the place
 * among LINE_CNT lines. HORIZON 0: every row as it comes, without what came after it. PROGRESS:
 * said on standard error. 0 or a negative errno, also VISIT's.
 */
typedef int (*policy_visit)(void *context, const struct policy_row *row);
int policy_samples__read(const char *file, uint64_t line_cnt, unsigned int folds, int horizon,
			 bool is_progress, policy_visit visit, void *context,
			 struct policy_read *ret_read);

#endif

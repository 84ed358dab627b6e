/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The learned CPU policy: what a throttled cgroup will need next, by a linear model. Pure: no
 * files, no clock, no allocation. It never decides what is applied (see decide_cpu).
 */
#ifndef CGBPF_POLICY_H
#define CGBPF_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_kind {
	POLICY_HEURISTIC = 1, /* the fixed step */
	POLICY_LINEAR = 2, /* the model */
	POLICY_TARGET = 3, /* by throttle ratio: see decide_target.h */
};

/* What was seen of a cgroup over a while that ends now. */
struct policy_observation {
	double usage_cores;
	double throttled_share; /* of the time, 0 to 1 */
	double throttle_ratio; /* throttled periods of all periods, 0 to 1 */
	double quota_cores; /* at the end */
	double hard_cores;
	double psi_share; /* of the time, in which some task waited for a CPU */
	double trend_cores; /* usage, less that of the while before */
};

enum policy_feature {
	POLICY_USAGE = 0,
	POLICY_SHARE = 1,
	POLICY_RATIO = 2,
	POLICY_QUOTA = 3,
	POLICY_HARD = 4,
	POLICY_PSI = 5,
	POLICY_TREND = 6,
	POLICY_DEMAND = 7, /* made of the others: usage / (1 - throttled share), at most hard */
	POLICY_FEATURES
};

const char *policy_feature_name(enum policy_feature feature);
void policy_features(const struct policy_observation *seen, double ret_x[POLICY_FEATURES]);

struct policy_weight {
	double weight; /* of the scaled feature; 0: it was constant */
	double mean, scale; /* of the training rows; scale > 0 */
	double least, most; /* as trained on */
};

struct policy_model {
	struct policy_weight weights[POLICY_FEATURES];
	double intercept;
	double spread_cores; /* how far what was needed lay from what was predicted, in the mean */
};

enum policy_says {
	POLICY_SAYS_CORES = 1,
	POLICY_NO_MODEL = 2,
	POLICY_OUT_OF_RANGE = 3, /* of what it was trained on: not to be trusted */
	POLICY_NOT_A_NUMBER = 4,
};

struct policy_answer {
	enum policy_says says;
	enum policy_feature feature; /* POLICY_OUT_OF_RANGE: which */
	double predicted_cores; /* what it would be also where out of range */
	/* POLICY_SAYS_CORES: what is needed, given that it is more than there is; at most hard */
	double cores;
};

/* MODEL NULL: POLICY_NO_MODEL. */
void policy_ask(const struct policy_model *model, const struct policy_observation *seen,
		struct policy_answer *ret_answer);
/* One word, for journal and reports. */
const char *policy_says_name(enum policy_says says);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* Asks the linear model. It never reads, writes, allocates or asks the time. */
#include "user/policy.h"

#include <math.h>

/* A feature may lie so far outside the range that was trained on, as a part of that range. */
#define SLACK 0.05
/* The same where all rows had one value, in the feature's own unit. */
#define SLACK_LEAST 0.01
#define FAR 8
/* All but this much throttled says nothing about demand any more. */
#define SHARE_MOST 0.9

static const char *const names[POLICY_FEATURES] = {
	[POLICY_USAGE] = "usage_cores",	   [POLICY_SHARE] = "throttled_share",
	[POLICY_RATIO] = "throttle_ratio", [POLICY_QUOTA] = "quota_cores",
	[POLICY_HARD] = "hard_cores",	   [POLICY_PSI] = "psi_share",
	[POLICY_TREND] = "trend_cores",	   [POLICY_DEMAND] = "demand_cores",
};

const char *policy_feature_name(enum policy_feature feature)
{
	return names[feature];
}

const char *policy_says_name(enum policy_says says)
{
	static const char *const words[] = {
		[POLICY_SAYS_CORES] = "cores",
		[POLICY_NO_MODEL] = "no_model",
		[POLICY_OUT_OF_RANGE] = "out_of_range",
		[POLICY_NOT_A_NUMBER] = "not_a_number",
	};

	return words[says];
}

/* A task that is throttled for a part of the time ran faster in the rest of it. */
static double demand_of(const struct policy_observation *seen)
{
	double share = seen->throttled_share < SHARE_MOST ? seen->throttled_share : SHARE_MOST;
	double demand = seen->usage_cores / (1 - share);

	return demand < seen->hard_cores ? demand : seen->hard_cores;
}

void policy_features(const struct policy_observation *seen, double ret_x[POLICY_FEATURES])
{
	ret_x[POLICY_USAGE] = seen->usage_cores;
	ret_x[POLICY_SHARE] = seen->throttled_share;
	ret_x[POLICY_RATIO] = seen->throttle_ratio;
	ret_x[POLICY_QUOTA] = seen->quota_cores;
	ret_x[POLICY_HARD] = seen->hard_cores;
	ret_x[POLICY_PSI] = seen->psi_share;
	ret_x[POLICY_TREND] = seen->trend_cores;
	ret_x[POLICY_DEMAND] = demand_of(seen);
}

static bool is_outside(const struct policy_weight *weight, double x)
{
	double slack = SLACK * (weight->most - weight->least);

	if (slack < SLACK_LEAST)
		slack = SLACK_LEAST;
	return x < weight->least - slack || x > weight->most + slack;
}

/*
 * It is asked of what is throttled: what is needed is more than there is. How far beyond the
 * prediction it then lies in the mean, where there is SHORT cores more than was predicted, if the
 * errors are normal: the inverse Mills ratio.
 */
static double beyond(double short_cores, double spread)
{
	double z = short_cores / spread;

	if (!(spread > 0))
		return 0;
	if (z > FAR) /* where erfc() runs out of digits */
		return short_cores + spread / z;
	return spread * 2 / sqrt(2 * M_PI) * exp(-z * z / 2) / erfc(z / M_SQRT2);
}

void policy_ask(const struct policy_model *model, const struct policy_observation *seen,
		struct policy_answer *ret_answer)
{
	struct policy_answer answer = {.says = POLICY_SAYS_CORES};
	double x[POLICY_FEATURES], cores;

	if (!model) {
		answer.says = POLICY_NO_MODEL;
		goto out;
	}
	policy_features(seen, x);
	cores = model->intercept;
	for (int i = 0; i < POLICY_FEATURES; i++) {
		const struct policy_weight *weight = &model->weights[i];

		cores += weight->weight * (x[i] - weight->mean) / weight->scale;
		if (answer.says == POLICY_SAYS_CORES && is_outside(weight, x[i])) {
			answer.says = POLICY_OUT_OF_RANGE;
			answer.feature = i;
		}
	}
	if (!isfinite(cores)) {
		answer.says = POLICY_NOT_A_NUMBER;
		goto out;
	}
	answer.predicted_cores = cores;
	cores += beyond(seen->quota_cores - cores, model->spread_cores);
	answer.cores = cores < 0 ? 0 : cores < seen->hard_cores ? cores : seen->hard_cores;
out:
	*ret_answer = answer;
}

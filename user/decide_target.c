// SPDX-License-Identifier: BSD-2-Clause
/* Decides by throttle ratio. It never reads, writes or asks the time. */
#include "user/decide_target.h"

#include <math.h>

/* The ratio that is meant, and how many times as much is too much: up to there nothing is given. */
#define RATIO_TARGET 0.05
#define RATIO_SLACK 3.0
/* A shrink must be worth it, and is never more than this at once. */
#define SHRINK_AT_MOST 0.9
#define SHRINK_TO_LEAST 0.5
/* Steps before a shrink is judged from history, and within which it is rolled back. */
#define HISTORY_LEAST 20
#define ROLL_BACK_STEPS 20
#define MARGIN_FIRST 3.0
#define MARGIN_MOST 10.0
#define NARROWING 0.1

static void remember(struct target_state *state, double usage_cores)
{
	state->usage[state->next] = (float)usage_cores;
	state->next = (state->next + 1) % TARGET_HISTORY;
	if (state->cnt < TARGET_HISTORY)
		state->cnt++;
}

/* Mean and a multiple of the deviation. */
static double needed(const struct target_state *state)
{
	double sum = 0, squares = 0, mean, var;

	for (int i = 0; i < state->cnt; i++) {
		sum += state->usage[i];
		squares += (double)state->usage[i] * state->usage[i];
	}
	mean = sum / state->cnt;
	var = squares / state->cnt - mean * mean;
	return mean + state->margin * (var > 0 ? sqrt(var) : 0);
}

static double between(double cores, const struct target_rule *rule)
{
	cores = cores < rule->soft_cores ? rule->soft_cores : cores;
	return cores > rule->hard_cores ? rule->hard_cores : cores;
}

static enum target_move decide(const struct target_rule *rule, struct target_state *state,
			       double quota, double ratio, double *cores)
{
	bool is_above = ratio > RATIO_SLACK * RATIO_TARGET;
	double proposed;

	if (is_above && state->before_shrink_cores > quota) {
		/* It took too much: what was taken comes back, and as much again. */
		*cores = between(2 * state->before_shrink_cores - quota, rule);
		state->before_shrink_cores = 0;
		state->cnt = 0;
		return *cores > quota ? TARGET_ROLL_BACK : TARGET_STAY;
	}
	if (is_above) {
		*cores = between(quota * (1 + ratio - RATIO_SLACK * RATIO_TARGET), rule);
		state->cnt = 0; /* use under a quota that throttled says little */
		return *cores > quota ? TARGET_RAISE : TARGET_STAY;
	}
	if (state->before_shrink_cores > 0 && ++state->since_shrink > ROLL_BACK_STEPS)
		state->before_shrink_cores = 0;
	if (state->cnt < HISTORY_LEAST || state->before_shrink_cores > 0)
		return TARGET_STAY;
	proposed = needed(state);
	if (proposed > SHRINK_AT_MOST * quota)
		return TARGET_STAY;
	*cores = between(fmax(proposed, SHRINK_TO_LEAST * quota), rule);
	if (*cores >= quota)
		return TARGET_STAY;
	state->before_shrink_cores = quota;
	state->since_shrink = 0;
	return TARGET_SHRINK;
}

enum target_move decide_target(const struct target_rule *rule, struct target_state *state,
			       double quota_cores, double usage_cores, double throttle_ratio,
			       double *ret_cores)
{
	double cores = quota_cores;
	enum target_move move;

	if (!(state->margin > 0))
		state->margin = MARGIN_FIRST;
	/* Wider where it is throttled more than wanted, narrower, and slower, where less. */
	state->margin +=
		(throttle_ratio - RATIO_TARGET) * (throttle_ratio > RATIO_TARGET ? 1 : NARROWING);
	state->margin = fmin(fmax(state->margin, 1), MARGIN_MOST);
	remember(state, usage_cores);
	move = decide(rule, state, quota_cores, throttle_ratio, &cores);
	*ret_cores = cores;
	return move;
}

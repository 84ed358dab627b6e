/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cgroup under CFS bandwidth, in arithmetic: how long a load is throttled, and how much it is
 * allotted, under each policy. Pure and deterministic; it says nothing about a real machine that
 * its assumptions do not.
 *
 * Assumed: a load runs on as many threads as its demand fills; work that was throttled waits, a
 * second of it at most; a raise takes effect `reaction_s` after the throttle and refills the quota
 * (tg_set_cfs_bandwidth() in kernel/sched/core.c does).
 */
#ifndef CGBPF_POLICY_SIM_H
#define CGBPF_POLICY_SIM_H

#include "user/decide_target.h"
#include "user/policy.h"

#define SIM_PERIOD_S 0.1
/* What the model is shown: about what an interval of the samples is. */
#define SIM_WINDOW_PERIODS 10

struct sim_rule {
	double soft_cores, hard_cores, step_cores, return_after_s, reaction_s;
};

struct sim_result {
	double time_s, throttled_s, used_s, allotted_s; /* the last two in core-seconds */
	double raises, lowers;
	double asked, applied, lower, out_of_range; /* of the model */
	double periods, throttled_periods;
};

/* What was seen while it ran, for a sample line. */
struct sim_window {
	double time_s, used_s, throttled_s, periods, throttled;
};

struct sim {
	struct sim_rule rule;
	enum policy_kind kind;
	const struct policy_model *model;
	double quota_cores, backlog_s;
	struct sim_window period, target; /* this period; since the target controller's last step */
	struct sim_window past[2 * SIM_WINDOW_PERIODS]; /* the newest at (next - 1) */
	int next;
	double calm_s; /* how long a step less would have done; negative: would not */
	double rest_s; /* asked for, and less than a period */
	struct target_state state;
	struct sim_result result;
};

void sim__begin(struct sim *sim, const struct sim_rule *rule, enum policy_kind kind,
		const struct policy_model *model);
/* DEMAND cores for TIME, in whole periods: what is left of TIME is added to the next. What was seen
 * is added to SEEN (may be NULL). */
void sim__run(struct sim *sim, double time_s, double demand_cores, struct sim_window *seen);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* Runs a load against a policy, period by period. It never reads a file or a clock. */
#include "user/policy_sim.h"

#include <math.h>

#define BACKLOG_S 1.0
/* How often the target controller moves, in periods. */
#define STEP_PERIODS 10
/* How often the return looks: as calm_look_ns. */
#define LOOK_SHARE 4
#define LOOK_MOST_S 5.0
/* As decide_cpu: use up to this part of the lower amount leaves room. */
#define RETURN_SHARE 0.8
#define TINY 1e-9
#define NOT_CALM (-1.0)

void sim__begin(struct sim *sim, const struct sim_rule *rule, enum policy_kind kind,
		const struct policy_model *model)
{
	*sim = (struct sim){.rule = *rule,
			    .kind = kind,
			    .model = model,
			    .quota_cores = rule->soft_cores,
			    .calm_s = NOT_CALM};
}

static void add(struct sim_window *window, const struct sim_window *more)
{
	window->time_s += more->time_s;
	window->used_s += more->used_s;
	window->throttled_s += more->throttled_s;
	window->periods += more->periods;
	window->throttled += more->throttled;
}

static double set_quota(struct sim *sim, double cores)
{
	cores = fmin(fmax(cores, sim->rule.soft_cores), sim->rule.hard_cores);
	sim->result.raises += cores > sim->quota_cores + TINY;
	sim->result.lowers += cores < sim->quota_cores - TINY;
	sim->quota_cores = cores;
	return cores;
}

static struct sim_window past(const struct sim *sim, int from, int to)
{
	struct sim_window sum = {};
	int room = 2 * SIM_WINDOW_PERIODS;

	for (int i = from; i < to; i++)
		add(&sum, &sim->past[(sim->next - 1 - i + 2 * room) % room]);
	return sum;
}

/* The last periods and this one so far. */
static void observe(const struct sim *sim, struct policy_observation *ret_seen)
{
	struct sim_window window = past(sim, 0, SIM_WINDOW_PERIODS - 1);
	struct sim_window before = past(sim, SIM_WINDOW_PERIODS - 1, 2 * SIM_WINDOW_PERIODS - 1);

	add(&window, &sim->period);
	*ret_seen = (struct policy_observation){
		.usage_cores = window.used_s / window.time_s,
		.throttled_share = fmin(window.throttled_s / window.time_s, 1),
		.throttle_ratio = window.throttled / window.periods,
		.quota_cores = sim->quota_cores,
		.hard_cores = sim->rule.hard_cores,
		.psi_share = fmin(window.throttled_s / window.time_s, 1),
	};
	if (before.time_s > 0)
		ret_seen->trend_cores = ret_seen->usage_cores - before.used_s / before.time_s;
}

/* It is throttled: what it has from now on. */
static double answer(struct sim *sim)
{
	double wanted = sim->quota_cores + sim->rule.step_cores;
	struct policy_observation seen;
	struct policy_answer says;

	if (sim->kind == POLICY_TARGET || sim->quota_cores >= sim->rule.hard_cores - TINY)
		return sim->quota_cores;
	if (sim->kind == POLICY_LINEAR) {
		observe(sim, &seen);
		policy_ask(sim->model, &seen, &says);
		sim->result.asked++;
		if (says.says == POLICY_SAYS_CORES && says.cores > sim->quota_cores + TINY) {
			sim->result.applied++;
			wanted = says.cores;
		} else if (says.says == POLICY_SAYS_CORES) {
			sim->result.lower++;
		} else {
			sim->result.out_of_range++;
		}
	}
	return set_quota(sim, wanted);
}

static void one_period(struct sim *sim, double demand_cores)
{
	double threads = fmax(ceil(demand_cores), 1), at_s = 0;
	double work_s = sim->backlog_s + demand_cores * SIM_PERIOD_S;
	double left_s = fmin(work_s, threads * SIM_PERIOD_S), done_s = left_s;
	double runtime_s = sim->quota_cores * SIM_PERIOD_S;
	struct sim_window *now = &sim->period;

	*now = (struct sim_window){.periods = 1};
	while (left_s > TINY && at_s < SIM_PERIOD_S - TINY) {
		double run_s = fmin(fmin(left_s, runtime_s), (SIM_PERIOD_S - at_s) * threads);
		double stopped_s, had = sim->quota_cores;

		at_s += run_s / threads;
		left_s -= run_s;
		runtime_s -= run_s;
		now->used_s += run_s;
		now->time_s = fmax(at_s, TINY);
		if (left_s <= TINY || at_s >= SIM_PERIOD_S - TINY)
			break;
		stopped_s = SIM_PERIOD_S - at_s;
		if (answer(sim) > had + TINY) {
			stopped_s = fmin(stopped_s, sim->rule.reaction_s);
			runtime_s = sim->quota_cores * SIM_PERIOD_S;
		}
		now->throttled_s += stopped_s;
		at_s += stopped_s;
		/* Counted where it lasts to the end, as nr_throttled is
		 * (do_sched_cfs_period_timer()). */
		now->throttled = at_s >= SIM_PERIOD_S - TINY;
	}
	now->time_s = SIM_PERIOD_S;
	sim->backlog_s = fmin(work_s - (done_s - left_s), BACKLOG_S * sim->rule.hard_cores);
}

static void step_target(struct sim *sim)
{
	struct target_rule rule = {sim->rule.soft_cores, sim->rule.hard_cores};
	double cores;

	decide_target(&rule, &sim->state, sim->quota_cores, sim->target.used_s / sim->target.time_s,
		      sim->target.throttled / sim->target.periods, &cores);
	set_quota(sim, cores);
}

static long periods_between_looks(const struct sim *sim)
{
	double look_s = fmin(sim->rule.return_after_s / LOOK_SHARE, LOOK_MOST_S);

	return sim->kind == POLICY_TARGET ? STEP_PERIODS : lround(fmax(look_s / SIM_PERIOD_S, 1));
}

/* As cpu_calm: when a step lower would have done for long enough, a step at each look. */
static void step_return(struct sim *sim)
{
	double lower = fmax(sim->quota_cores - sim->rule.step_cores, sim->rule.soft_cores);
	double used = sim->target.used_s / sim->target.time_s;

	if (sim->quota_cores <= sim->rule.soft_cores + TINY || used > lower * RETURN_SHARE) {
		sim->calm_s = NOT_CALM;
		return;
	}
	sim->calm_s = sim->calm_s == NOT_CALM ? 0 : sim->calm_s + sim->target.time_s;
	if (sim->calm_s < sim->rule.return_after_s)
		return;
	set_quota(sim, lower);
}

void sim__run(struct sim *sim, double time_s, double demand_cores, struct sim_window *seen)
{
	struct sim_result *result = &sim->result;
	long cnt = (long)floor((sim->rest_s + time_s + TINY) / SIM_PERIOD_S);

	sim->rest_s = fmax(sim->rest_s + time_s - (double)cnt * SIM_PERIOD_S, 0);
	for (long i = 0; i < cnt; i++) {
		double before = sim->quota_cores;

		one_period(sim, demand_cores);
		result->time_s += SIM_PERIOD_S;
		result->throttled_s += sim->period.throttled_s;
		result->used_s += sim->period.used_s;
		result->periods++;
		result->throttled_periods += sim->period.throttled;
		/* What was raised within it counts from its beginning: so does the kernel. */
		result->allotted_s += fmax(before, sim->quota_cores) * SIM_PERIOD_S;
		add(&sim->target, &sim->period);
		if (seen)
			add(seen, &sim->period);
		sim->past[sim->next] = sim->period;
		sim->next = (sim->next + 1) % (2 * SIM_WINDOW_PERIODS);
		sim->period = (struct sim_window){};
		if (sim->target.periods >= periods_between_looks(sim)) {
			if (sim->kind == POLICY_TARGET)
				step_target(sim);
			else
				step_return(sim);
			sim->target = (struct sim_window){};
		}
	}
}

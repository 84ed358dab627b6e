// SPDX-License-Identifier: BSD-2-Clause
/* Answers a throttled cgroup with a higher quota, or with the reason why not. It never lowers a
 * limit and never waits. */
#include "user/answer_cpu.h"

#include <errno.h>
#include <string.h>

#include "user/amount.h"

#define NSEC_PER_USEC 1000ULL
/* Less than this more is no more; more CPUs than this has nobody. */
#define LEAST_PPM 10000
#define MOST_PPM (65536 * PPM)

/* Another quota than ours: somebody else's write is on its way to the main thread, or this record
 * is older than our last raise. */
static bool is_about_ours(const struct group_cpu *cpu, const struct cgbpf_cpu_event *event)
{
	uint64_t quota_us =
		event->quota_ns == UINT64_MAX ? UINT64_MAX : event->quota_ns / NSEC_PER_USEC;

	return quota_us == cpu->standing.quota_us &&
	       event->period_ns / NSEC_PER_USEC == cpu->standing.period_us;
}

/* Hard is said once until the limit moves, other refusals now and then. */
static bool is_news(struct group_cpu *cpu, const struct action *action)
{
	uint64_t now_ns = apply_now_ns();
	bool is_known = cpu->refused == action->reason &&
			now_ns - cpu->refused_ns < ANSWER_REFUSED_AGAIN_NS;

	if (action->kind == ACTION_RAISED) {
		cpu->is_hard_said = false;
		cpu->refused = REASON_NONE;
		return true;
	}
	if (action->kind == ACTION_FAILED)
		return true;
	if (action->reason == REASON_HARD_LIMIT) {
		is_known = cpu->is_hard_said;
		cpu->is_hard_said = true;
	}
	if (!is_known) {
		cpu->refused = action->reason;
		cpu->refused_ns = now_ns;
	}
	return !is_known;
}

/* Raises GROUP as planned and hands on what came of it. Returns whether the quota rose. */
static bool carry_out(struct answerer *answerer, struct group *group,
		      const struct cgbpf_event *event, const struct cpu_plan *plan,
		      struct action *action)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_CPU_MAX, 0);
	struct quota next = group->cpu->standing;
	uint64_t written_ns = 0;
	char value[48], ours[48];

	action->cgroup_id = group->id;
	action->knob = CGBPF_KNOB_CPU_MAX;
	action->reason = plan->reason;
	action->period_us = next.period_us;
	action->old_amount = action->new_amount = next.quota_us;
	action->kind = ACTION_REFUSED;
	next.quota_us = quota_for(plan->amount, next.period_us);
	if (plan->is_raise && next.quota_us > group->cpu->standing.quota_us) {
		quota_format(&next, value, sizeof(value));
		quota_format(&group->cpu->standing, ours, sizeof(ours));
		action->err = apply__replace(answerer->apply, &key, group->cpu->fd, ours, value,
					     &written_ns);
		if (action->err == -EAGAIN)
			return false; /* another quota than ours, as in is_about_ours */
		action->new_amount = next.quota_us;
		action->times.written_ns = answer_since(event, written_ns);
		action->kind = action->err ? ACTION_FAILED : ACTION_RAISED;
	}
	if (action->kind == ACTION_RAISED) {
		/* The kernel has let every run queue go when the write returns. */
		action->times.effective_ns = answer_since(event, apply_now_ns());
		group->cpu->standing = next;
		group->cpu->calm_since_ns = 0;
		if (plan->reason == REASON_SUGGESTED)
			advise__applied(group->cpu->advise, &action->advice,
					(double)group_cpu__amount(group->cpu) / PPM);
	}
	if (is_news(group->cpu, action))
		actions__add(answerer->actions, action);
	return action->kind == ACTION_RAISED;
}

/* The tightest ancestor is governed and binds: it rises first, by a step of its own. Returns what
 * it has then. */
static uint64_t raise_ancestor(struct answerer *answerer, const struct cgbpf_event *event)
{
	struct group *ancestor = groups__find(answerer->groups, event->cpu.binder_id);
	struct action action = {.binder_id = event->cgroup_id};
	struct cpu_observation seen = {.ancestor = UINT64_MAX};
	struct cpu_plan plan;

	if (!ancestor || !ancestor->cpu || ancestor->cpu->is_stopped ||
	    ancestor->cpu->mode != CPU_MODE_QUOTA)
		return event->cpu.ancestor_ppm;
	seen.amount = group_cpu__amount(ancestor->cpu);
	decide_cpu_raise(&ancestor->cpu->rule, &seen, &plan);
	if (plan.is_raise)
		plan.reason = REASON_CHILD_NEEDS;
	action.times.received_ns = action.times.decided_ns = answer_since(event, apply_now_ns());
	carry_out(answerer, ancestor, event, &plan, &action);
	return group_cpu__amount(ancestor->cpu);
}

/* What the model says it needs, where that is more than it has; else 0. */
static uint64_t suggested(const struct answerer *answerer, const struct group_cpu *cpu,
			  struct advice *ret_advice)
{
	uint64_t amount = group_cpu__amount(cpu);

	if (!cpu->advise || amount >= cpu->rule.hard || cpu->rule.hard > MOST_PPM)
		return 0;
	advise__ask(answerer->advisor, cpu->advise, (double)amount / PPM,
		    (double)cpu->rule.hard / PPM, ret_advice);
	if (!ret_advice->is_asked || ret_advice->answer.says != POLICY_SAYS_CORES ||
	    ret_advice->answer.cores * PPM < (double)amount + LEAST_PPM)
		return 0;
	return (uint64_t)(ret_advice->answer.cores * PPM);
}

static void answer_locked(struct answerer *answerer, const struct cgbpf_event *event,
			  uint64_t received_ns)
{
	struct group *group = groups__find(answerer->groups, event->cgroup_id);
	struct action action = {.binder_id = event->cpu.binder_id};
	struct cpu_observation seen = {
		.ancestor = event->cpu.ancestor_ppm,
		.is_by_ancestor = event->cpu.flags & CGBPF_CPU_BY_ANCESTOR,
	};
	struct cpu_plan plan;

	if (!group || !group->cpu || group->cpu->is_stopped || group->cpu->mode != CPU_MODE_QUOTA ||
	    !is_about_ours(group->cpu, &event->cpu))
		return;
	seen.amount = group_cpu__amount(group->cpu);
	seen.is_target = answerer->advisor->kind == POLICY_TARGET && group->cpu->advise;
	seen.suggested = suggested(answerer, group->cpu, &action.advice);
	decide_cpu_raise(&group->cpu->rule, &seen, &plan);
	if (plan.wanted > seen.ancestor) {
		seen.ancestor = raise_ancestor(answerer, event);
		decide_cpu_raise(&group->cpu->rule, &seen, &plan);
	}
	if (plan.reason == REASON_TARGET)
		return; /* raised on the main thread, where the ratio asks for it */
	action.times.received_ns = answer_since(event, received_ns);
	action.times.decided_ns = answer_since(event, apply_now_ns());
	carry_out(answerer, group, event, &plan, &action);
}

void answer_cpu(struct answerer *answerer, const struct cgbpf_event *event)
{
	uint64_t received_ns = apply_now_ns();

	pthread_mutex_lock(&answerer->groups->lock);
	answer_locked(answerer, event, received_ns);
	pthread_mutex_unlock(&answerer->groups->lock);
}

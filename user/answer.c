// SPDX-License-Identifier: BSD-2-Clause
/* Answers one event with a higher limit, or with the reason why not. It never lowers a limit and
 * never waits. */
#include "user/answer.h"

#include <errno.h>
#include <signal.h>

#include "user/amount.h"
#include "user/cover.h"

/* By this part the expected answer follows faster ones; what is told to the kernel side is twice as
 * long. */
#define REACTION_SHARE 16
#define REACTION_LEAST_US 50
#define REACTION_MOST_US 100000
/* A look at page cache that is older says nothing; longer than the longest silence between two
 * events. */
#define LOOK_FRESH_NS 2000000000ULL

static enum memory_moment moment_of(uint32_t kind)
{
	return kind == CGBPF_EVENT_OOM		   ? MOMENT_OOM
	       : kind == CGBPF_EVENT_TIME_TO_LIMIT ? MOMENT_TIME_TO_LIMIT
						   : MOMENT_WATERMARK;
}

/* Up at once, down slowly: one late answer is a warning of the next. */
static void learn_reaction(struct answerer *answerer, uint64_t took_ns)
{
	uint64_t took_us = took_ns / 1000, reaction_us = answerer->reaction_us;

	if (took_us < reaction_us)
		took_us = reaction_us - (reaction_us - took_us) / REACTION_SHARE;
	took_us = took_us < REACTION_LEAST_US  ? REACTION_LEAST_US
		  : took_us > REACTION_MOST_US ? REACTION_MOST_US
					       : took_us;
	answerer->reaction_us = took_us;
	loader__set_reaction(answerer->loader, 2 * took_us);
}

static void observe(const struct answerer *answerer, const struct group *group,
		    const struct cgbpf_event *event, uint64_t now_ns,
		    struct memory_observation *ret_seen)
{
	const struct cgbpf_memory_event *memory = &event->memory;

	*ret_seen = (struct memory_observation){
		.moment = moment_of(event->kind),
		.usage_bytes = memory->usage_bytes,
		.limit_bytes = memory->limit_bytes,
		.file_bytes = memory->file_bytes,
		.growth_bytes_per_ms = memory->growth_bytes_per_ms,
		.reaction_us = answerer->reaction_us,
		.reach_bytes = memory->reach_bytes,
	};
	if (now_ns - group->look_ns < LOOK_FRESH_NS && group->look_file_bytes > memory->file_bytes)
		ret_seen->file_bytes = group->look_file_bytes;
}

static uint64_t spare_for(const struct answerer *answerer, const struct group *group,
			  uint64_t free_bytes, uint64_t usage_bytes)
{
	uint64_t unused = group->limit_bytes > usage_bytes ? group->limit_bytes - usage_bytes : 0;

	return pool__spare(answerer->pool, free_bytes, unused, group->unused_bytes);
}

/* Whether what came of it is news: hard is said once until the limit moves, other refusals now and
 * then. */
static bool is_news(struct group *group, const struct action *action)
{
	uint64_t now_ns = apply_now_ns();
	bool is_oom = action->moment == MOMENT_OOM;
	/* What is refused when the kernel is about to kill is no old news. */
	bool is_known = group->refused == action->reason &&
			now_ns - group->refused_ns < ANSWER_REFUSED_AGAIN_NS &&
			(group->is_refused_at_oom || !is_oom);

	if (action->kind == ACTION_RAISED) {
		group->is_hard_said = false;
		group->refused = REASON_NONE;
		return true;
	}
	if (action->kind == ACTION_FAILED)
		return action->err !=
		       -EAGAIN; /* somebody else's higher limit; their write is a note */
	if (action->reason == REASON_HARD_LIMIT) {
		is_known = group->is_hard_said;
		group->is_hard_said = true;
	}
	if (!is_known) {
		group->refused = action->reason;
		group->refused_ns = now_ns;
		group->is_refused_at_oom = is_oom;
	}
	return !is_known;
}

/* Raises GROUP as planned and hands on what came of it. Returns whether the limit rose. */
static bool carry_out(struct answerer *answerer, struct group *group,
		      const struct cgbpf_event *event, const struct memory_plan *plan,
		      struct action *action)
{
	uint64_t written_ns = 0, now_ns;

	action->old_bytes = group->limit_bytes;
	action->old_high_bytes = group->high_bytes;
	action->new_bytes = plan->limit_bytes;
	action->reason = plan->reason;
	action->cgroup_id = group->id;
	if (!plan->is_raise) {
		/* What came just before that write has not ended it. */
		if (group->is_high_moving)
			pthread_kill(answerer->main_thread, SIGURG);
		action->kind = ACTION_REFUSED;
		return false;
	}
	action->err = apply__raise(answerer->apply, group, plan->limit_bytes, &written_ns);
	now_ns = apply_now_ns();
	action->new_high_bytes = group->high_bytes;
	if (group->is_shrinking || group->is_high_moving)
		pthread_kill(answerer->main_thread,
			     SIGURG); /* ends reclaim under the older limit */
	action->kind = action->err ? ACTION_FAILED : ACTION_RAISED;
	action->times.written_ns = answer_since(event, written_ns);
	if (action->err)
		return false;
	action->times.effective_ns = answer_since(event, now_ns);
	group->calm_since_ns = 0;
	return true;
}

/* The tightest ancestor is governed and binds: it rises first, so that its child can have WANTED,
 * as far as its own rule lets it. */
static void raise_parent(struct answerer *answerer, const struct cgbpf_event *event,
			 uint64_t wanted, struct memory_observation *child)
{
	struct group *parent = groups__find(answerer->groups, event->memory.binder_id);
	struct action action = {.moment = child->moment, .binder_id = event->cgroup_id};
	struct memory_observation seen;
	struct memory_plan plan;
	uint64_t before;

	if (!parent || parent->is_stopped || parent->limit_bytes == UINT64_MAX)
		return;
	before = parent->limit_bytes;
	seen = (struct memory_observation){
		.moment = MOMENT_OOM, /* its child's need is proved */
		/* What others use there, and what the child wants. */
		.usage_bytes = before - least(before, child->reach_bytes) + wanted,
		.limit_bytes = before,
		.reach_bytes = UINT64_MAX,
	};
	decide_memory_raise(&parent->rule, &seen,
			    spare_for(answerer, parent, event->memory.free_bytes, before), &plan);
	if (plan.is_raise)
		plan.reason = REASON_CHILD_NEEDS;
	action.times = (struct journal_times){.received_ns = answer_since(event, apply_now_ns())};
	action.times.decided_ns = action.times.received_ns;
	if (carry_out(answerer, parent, event, &plan, &action)) {
		child->reach_bytes += parent->limit_bytes - before;
		group__promise(parent, before, &answerer->pool->promised_bytes);
	}
	if (is_news(parent, &action))
		actions__add(answerer->actions, &action);
}

/* For the audit record: who gave, and what could have been given. */
static void note_taking(struct action *action, const struct taking *taking)
{
	for (size_t i = 0; i < taking->cnt; i++) {
		action->donations[i].id = taking->donations[i].id;
		action->donations[i].bytes = taking->donations[i].bytes;
		action->donations[i].limit_bytes = taking->donations[i].limit_bytes;
	}
	action->donations_cnt = taking->cnt;
	action->asked_cnt = taking->asked_cnt;
	action->spares_cnt = taking->spares_cnt;
	action->spare_bytes = taking->spare_bytes;
}

static void answer_locked(struct answerer *answerer, const struct cgbpf_event *event,
			  uint64_t received_ns)
{
	struct action action = {
		.moment = moment_of(event->kind),
		.cgroup_id = event->cgroup_id,
		.binder_id = event->memory.binder_id,
	};
	struct group *group = groups__find(answerer->groups, event->cgroup_id);
	struct memory_observation seen;
	struct memory_plan plan;
	struct memory_rule rule;
	struct taking taking;
	uint64_t spare, kept, written_ns;
	bool is_raised;

	if (!group || group->is_stopped)
		return;
	/*
	 * Another limit than ours: somebody else's write is on its way to the main thread, or this
	 * record is older than our last raise. While the limit is being lowered, the one it comes
	 * from is ours too.
	 */
	if (group->is_shrinking && event->memory.limit_bytes < group->limit_bytes) {
		/* The lower limit was written over our raise. */
		if (!apply__raise(answerer->apply, group, group->limit_bytes, &written_ns))
			pthread_kill(answerer->main_thread, SIGURG);
		return;
	}
	if (event->memory.limit_bytes != group->limit_bytes &&
	    !(group->is_shrinking && event->memory.limit_bytes == group->shrink_from_bytes))
		return;
	observe(answerer, group, event, received_ns, &seen);
	/* What memory.high keeps from it is no part of the limit until the plan is carried out. */
	rule = group->rule;
	kept = group->limit_bytes - group__reach_at(group, group->limit_bytes);
	seen.limit_bytes -= kept;
	rule.hard_bytes -= kept < rule.hard_bytes ? kept : rule.hard_bytes;
	spare = spare_for(answerer, group, event->memory.free_bytes, seen.usage_bytes);
	decide_memory_raise(&rule, &seen, spare, &plan);
	if (plan.wanted_bytes > seen.reach_bytes &&
	    (plan.is_raise || plan.reason == REASON_PARENT_BINDS)) {
		raise_parent(answerer, event, plan.wanted_bytes, &seen);
		decide_memory_raise(&rule, &seen, spare, &plan);
	}
	cover__plan(answerer, group, event, &seen, &plan, &taking);
	note_taking(&action, &taking);
	plan.limit_bytes += kept;
	action.times.received_ns = answer_since(event, received_ns);
	action.times.decided_ns = answer_since(event, apply_now_ns());
	is_raised = carry_out(answerer, group, event, &plan, &action);
	cover__settle(answerer, group, action.old_bytes, is_raised, &taking);
	if (is_raised) {
		group__promise(group, seen.usage_bytes, &answerer->pool->promised_bytes);
		learn_reaction(answerer, action.times.effective_ns);
	}
	if (is_news(group, &action))
		actions__add(answerer->actions, &action);
}

void answer(struct answerer *answerer, const struct cgbpf_event *event)
{
	uint64_t received_ns = apply_now_ns();

	pthread_mutex_lock(&answerer->groups->lock);
	answer_locked(answerer, event, received_ns);
	pthread_mutex_unlock(&answerer->groups->lock);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Covers from donors what a plan is short of. It never raises and never waits. */
#include "user/cover.h"

#include "user/amount.h"
#include "user/decide_cover.h"

static enum reason reason_of(enum memory_moment moment)
{
	return moment == MOMENT_OOM		? REASON_OOM
	       : moment == MOMENT_TIME_TO_LIMIT ? REASON_TIME_TO_LIMIT
						: REASON_WATERMARK;
}

static void raise_to(struct memory_plan *plan, uint64_t limit_bytes, enum memory_moment moment)
{
	plan->limit_bytes = limit_bytes;
	if (!plan->is_raise)
		plan->reason = reason_of(moment);
	plan->is_raise = true;
}

/*
 * A lender whose own need comes: what it lent is its own. Where borrowers use it all, it comes out
 * of the reserve, because a kill of the lender would be our doing.
 */
static void honour(const struct answerer *answerer, const struct group *group,
		   const struct cgbpf_event *event, uint64_t want, enum memory_moment moment,
		   struct memory_plan *plan)
{
	uint64_t lent = donors__lent(answerer->donors, group->id), spare, to;
	struct pool all = *answerer->pool;

	if (!lent || plan->limit_bytes >= want)
		return;
	all.reserve_bytes = 0;
	spare = pool__spare(&all, event->memory.free_bytes, 0, group->unused_bytes);
	to = page_floor(least(want, plan->limit_bytes + least(lent, spare)));
	if (to >= plan->limit_bytes + LEAST_RAISE_BYTES)
		raise_to(plan, to, moment);
}

/* A governed ancestor that can still rise makes room itself, when it is in need: see answer. */
static bool is_elastic(const struct answerer *answerer, uint64_t binder_id)
{
	const struct group *binder = groups__find(answerer->groups, binder_id);

	return binder && !binder->is_stopped && binder->limit_bytes < binder->rule.hard_bytes;
}

/* As far as PLAN may go by itself and by what donors gave; PLAN may have gone further. */
static void bring_to(struct memory_plan *plan, uint64_t old_bytes, uint64_t limit_bytes,
		     enum memory_moment moment)
{
	if (limit_bytes > old_bytes) {
		raise_to(plan, limit_bytes, moment);
	} else if (plan->is_raise) {
		plan->is_raise = false;
		plan->limit_bytes = old_bytes;
		plan->reason = REASON_PARENT_BINDS;
	}
}

void cover__plan(struct answerer *answerer, const struct group *group,
		 const struct cgbpf_event *event, const struct memory_observation *seen,
		 struct memory_plan *plan, struct taking *ret_taking)
{
	const struct cgbpf_memory_event *memory = &event->memory;
	struct cover_need need = {
		.limit_bytes = seen->limit_bytes,
		.wanted_bytes = plan->wanted_bytes,
		.given_bytes = plan->limit_bytes,
		.reach_bytes = seen->reach_bytes,
	};
	struct cover_plan cover;

	*ret_taking = (struct taking){};
	if (!plan->is_raise && plan->reason != REASON_NO_HEADROOM &&
	    plan->reason != REASON_PARENT_BINDS)
		return;
	if (need.reach_bytes != UINT64_MAX && !is_elastic(answerer, memory->binder_id))
		need.promised_bytes = donors__promised(answerer->donors, group, memory->binder_id);
	decide_cover(&need, &cover);
	if (cover.missing_bytes)
		donors__take(answerer->donors, group, cover.is_bound ? memory->binder_id : 0,
			     cover.missing_bytes, ret_taking);
	bring_to(plan, need.limit_bytes, decide_cover_limit(&need, &cover, ret_taking->bytes),
		 seen->moment);
	honour(answerer, group, event, cover.goal_bytes, seen->moment, plan);
}

void cover__settle(struct answerer *answerer, const struct group *group, uint64_t old_bytes,
		   bool is_raised, const struct taking *taking)
{
	uint64_t repaid = 0, rose = group->limit_bytes - old_bytes;

	if (answerer->apply->is_dry_run)
		return;
	if (!is_raised) {
		donors__undo(answerer->donors, taking);
		return;
	}
	for (size_t i = 0; i < taking->cnt; i++)
		repaid += taking->donations[i].is_repayment ? taking->donations[i].bytes : 0;
	donors__keep(answerer->donors, group, taking);
	if (rose > repaid)
		donors__rose(answerer->donors, group->id, rose - repaid);
}

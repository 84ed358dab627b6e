// SPDX-License-Identifier: BSD-2-Clause
/* Covers from donors what a plan is short of. It never raises and never waits. */
#include "user/cover.h"

#define PAGE_BYTES 4096ULL
/* As in decide_memory: less is used up before it is seen. */
#define LEAST_BYTES (512ULL << 10)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t page_floor(uint64_t bytes)
{
	return bytes & ~(PAGE_BYTES - 1);
}

static uint64_t reach_of(const struct memory_observation *seen)
{
	return seen->room_bytes > UINT64_MAX - seen->usage_bytes
		       ? UINT64_MAX
		       : seen->usage_bytes + seen->room_bytes;
}

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
	if (to >= plan->limit_bytes + LEAST_BYTES)
		raise_to(plan, to, moment);
}

void cover__plan(struct answerer *answerer, const struct group *group,
		 const struct cgbpf_event *event, const struct memory_observation *seen,
		 struct memory_plan *plan, struct taking *ret_taking)
{
	uint64_t want = page_floor(least(plan->wanted_bytes, reach_of(seen)));
	bool is_bound = plan->wanted_bytes > reach_of(seen);
	/* Where an ancestor binds, all of the raise is to be covered from below it. */
	uint64_t from = is_bound ? seen->limit_bytes : plan->limit_bytes, sum;

	*ret_taking = (struct taking){};
	if (!plan->is_raise && plan->reason != REASON_NO_HEADROOM &&
	    plan->reason != REASON_PARENT_BINDS)
		return;
	if (want < from + LEAST_BYTES)
		return;
	donors__take(answerer->donors, group, is_bound ? event->memory.binder_id : 0, want - from,
		     ret_taking);
	sum = from + ret_taking->bytes;
	/* Less than a step from donors: the ancestor's own room is the last resort. */
	if (ret_taking->bytes && (sum > plan->limit_bytes ||
				  ret_taking->bytes >= least(want - from, group->rule.step_bytes)))
		raise_to(plan, sum, seen->moment);
	honour(answerer, group, event, want, seen->moment, plan);
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

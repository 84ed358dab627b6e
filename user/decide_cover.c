// SPDX-License-Identifier: BSD-2-Clause
/* Decides what part of a raise donors pay for. It never reads, writes or asks the time. */
#include "user/decide_cover.h"

#include "user/amount.h"

void decide_cover(const struct cover_need *need, struct cover_plan *ret_plan)
{
	uint64_t own = need->reach_bytes;
	struct cover_plan plan = {.own_bytes = need->given_bytes};

	if (need->reach_bytes != UINT64_MAX)
		own -= least(own, need->promised_bytes);
	plan.is_bound = need->wanted_bytes > own;
	plan.goal_bytes = page_floor(least(need->wanted_bytes, need->reach_bytes));
	if (plan.is_bound)
		plan.own_bytes = least(plan.own_bytes, page_floor(own));
	if (plan.own_bytes < need->limit_bytes)
		plan.own_bytes = need->limit_bytes;
	if (plan.goal_bytes >= plus(plan.own_bytes, LEAST_RAISE_BYTES))
		plan.missing_bytes = plan.goal_bytes - plan.own_bytes;
	*ret_plan = plan;
}

uint64_t decide_cover_limit(const struct cover_need *need, const struct cover_plan *plan,
			    uint64_t taken_bytes)
{
	uint64_t limit = plus(plan->own_bytes, taken_bytes);

	return limit >= plus(need->limit_bytes, LEAST_RAISE_BYTES) ? limit : need->limit_bytes;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Decides how much CPU time a cgroup is to have. It never reads, writes or asks the time. */
#include "user/decide_cpu.h"

#include "user/amount.h"

/* Use up to this part of the lower amount leaves room for what comes in bursts. */
#define RETURN_SHARE_PERCENT 80

struct cpu_rule decide_cpu_rule(uint64_t soft, uint64_t hard, uint64_t step, uint64_t found)
{
	struct cpu_rule rule = {.soft = soft ? soft : found, .hard = hard, .step = step};

	if (!rule.hard)
		rule.hard = plus(rule.soft, rule.soft);
	if (rule.hard < rule.soft)
		rule.hard = rule.soft;
	return rule;
}

void decide_cpu_raise(const struct cpu_rule *rule, const struct cpu_observation *seen,
		      struct cpu_plan *ret_plan)
{
	struct cpu_plan plan = {.amount = seen->amount, .wanted = seen->amount};
	uint64_t wanted;

	if (seen->amount >= rule->hard) {
		plan.reason = REASON_HARD_LIMIT;
		goto out;
	}
	wanted = plus(seen->amount, rule->step);
	plan.reason = REASON_THROTTLED;
	if (seen->suggested > seen->amount) {
		wanted = seen->suggested;
		plan.reason = REASON_SUGGESTED;
	}
	wanted = least(wanted, rule->hard);
	plan.wanted = wanted;
	wanted = least(wanted, seen->ancestor);
	if (wanted <= seen->amount || seen->is_by_ancestor) {
		plan.reason = REASON_PARENT_BINDS;
		goto out;
	}
	if (seen->is_target && seen->amount > rule->soft) {
		plan.reason = REASON_TARGET;
		goto out;
	}
	plan.is_raise = true;
	plan.amount = wanted;
out:
	*ret_plan = plan;
}

uint64_t decide_cpu_return(const struct cpu_rule *rule, uint64_t amount, uint64_t used)
{
	uint64_t next;

	if (amount <= rule->soft)
		return amount;
	next = amount > rule->hard		  ? rule->hard
	       : amount - rule->soft > rule->step ? amount - rule->step
						  : rule->soft;
	return used > next / 100 * RETURN_SHARE_PERCENT ? amount : next;
}

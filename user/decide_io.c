// SPDX-License-Identifier: BSD-2-Clause
/* Decides how much IO a cgroup may do. It never reads, writes or asks the time. */
#include "user/decide_io.h"

#include "user/amount.h"

/* Use up to this part of the lower limit leaves room for what comes in bursts. */
#define RETURN_SHARE_PERCENT 80

typedef unsigned __int128 wide;

struct io_rule decide_io_rule(uint64_t soft, uint64_t hard, uint64_t step, uint64_t found)
{
	struct io_rule rule = {.soft = soft ? soft : found, .hard = hard, .step = step};

	if (!rule.hard)
		rule.hard = plus(rule.soft, rule.soft);
	if (rule.hard < rule.soft)
		rule.hard = rule.soft;
	if (!rule.step)
		rule.step = rule.soft;
	return rule;
}

enum io_kind decide_io_binding(const uint64_t limits[IO_KINDS], bool is_write, uint64_t bytes,
			       uint64_t ops)
{
	enum io_kind bps = is_write ? IO_WBPS : IO_RBPS, iops = is_write ? IO_WIOPS : IO_RIOPS;

	if (limits[bps] == UINT64_MAX)
		return limits[iops] == UINT64_MAX ? IO_KINDS : iops;
	if (limits[iops] == UINT64_MAX)
		return bps;
	/* bytes / bps against ops / iops, without a division. */
	return (wide)bytes * limits[iops] >= (wide)ops * limits[bps] ? bps : iops;
}

void decide_io_raise(const struct io_rule *rule, uint64_t rate, struct io_plan *ret_plan)
{
	struct io_plan plan = {.reason = REASON_HARD_LIMIT, .rate = rate};
	uint64_t wanted = plus(rate, rule->step);

	if (rate < rule->hard) {
		plan.reason = REASON_THROTTLED;
		plan.is_raise = true;
		plan.rate = wanted < rule->hard ? wanted : rule->hard;
	}
	*ret_plan = plan;
}

uint64_t decide_io_return(const struct io_rule *rule, uint64_t rate, uint64_t used)
{
	uint64_t next;

	if (rate <= rule->soft)
		return rate;
	next = rate > rule->hard		? rule->hard
	       : rate - rule->soft > rule->step ? rate - rule->step
						: rule->soft;
	return used > (wide)next * RETURN_SHARE_PERCENT / 100 ? rate : next;
}

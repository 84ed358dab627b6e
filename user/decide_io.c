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

/* What LIMITS let through a second: bytes times OPS, so that no division rounds it. */
static wide let_through(const uint64_t limits[IO_KINDS], const struct io_demand *demand)
{
	uint64_t bps = limits[demand->is_write ? IO_WBPS : IO_RBPS];
	uint64_t iops = limits[demand->is_write ? IO_WIOPS : IO_RIOPS];
	wide by_bytes = bps == UINT64_MAX ? ~(wide)0 : (wide)bps * demand->ops;
	wide by_ops = iops == UINT64_MAX ? ~(wide)0 : (wide)iops * demand->bytes;

	return by_bytes < by_ops ? by_bytes : by_ops;
}

size_t decide_io_level(const uint64_t levels[][IO_KINDS], size_t cnt,
		       const struct io_demand *demand)
{
	wide lowest = ~(wide)0;
	size_t level = 0;

	for (size_t i = 0; i < cnt; i++) {
		wide through = let_through(levels[i], demand);

		if (through > lowest || through == ~(wide)0)
			continue;
		lowest = through;
		level = i;
	}
	return level;
}

uint64_t decide_io_most(const uint64_t levels[][IO_KINDS], size_t cnt, enum io_kind kind,
			const struct io_demand *demand)
{
	static const enum io_kind others[IO_KINDS] = {IO_RIOPS, IO_WIOPS, IO_RBPS, IO_WBPS};
	bool is_bytes = kind == IO_RBPS || kind == IO_WBPS;
	uint64_t amount = is_bytes ? demand->bytes : demand->ops;
	uint64_t other = is_bytes ? demand->ops : demand->bytes;
	uint64_t most = UINT64_MAX;

	for (size_t i = 0; i < cnt; i++) {
		uint64_t limit = levels[i][others[kind]];

		most = least(most, levels[i][kind]);
		/* Rounded up: what is raised so far is past them, and they bind from then on. */
		if (limit != UINT64_MAX && (wide)limit * amount <= (wide)other * (most - 1))
			most = ((wide)limit * amount + other - 1) / other;
	}
	return most;
}

bool decide_io_is_own(const uint64_t levels[][IO_KINDS], size_t cnt, const uint64_t moved[IO_KINDS])
{
	bool is_any = moved[IO_RIOPS] || moved[IO_WIOPS];

	for (int way = 0; way < 2; way++) {
		enum io_kind bps = way ? IO_WBPS : IO_RBPS, iops = way ? IO_WIOPS : IO_RIOPS;
		struct io_demand demand = {way, moved[bps] ?: 1, moved[iops] ?: 1};

		if (is_any && !moved[iops])
			continue; /* nothing went this way */
		if ((levels[0][bps] != UINT64_MAX || levels[0][iops] != UINT64_MAX) &&
		    !decide_io_level(levels, cnt, &demand))
			return true;
	}
	return false;
}

void decide_io_raise(const struct io_rule *rule, uint64_t rate, uint64_t most,
		     struct io_plan *ret_plan)
{
	struct io_plan plan = {.reason = REASON_HARD_LIMIT, .rate = rate};
	uint64_t wanted = least(plus(rate, rule->step), rule->hard);

	if (rate < rule->hard)
		plan.reason = most > rate ? REASON_THROTTLED : REASON_PARENT_BINDS;
	if (plan.reason == REASON_THROTTLED) {
		plan.is_raise = true;
		plan.rate = least(wanted, most);
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

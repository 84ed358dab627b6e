// SPDX-License-Identifier: BSD-2-Clause
/* Decides how much memory a cgroup is to have. It never reads, writes or asks the time. */
#include "user/decide_memory.h"

#include "user/amount.h"

/* The answer may take twice as long as it mostly does. */
#define REACTION_SAFETY 2
/* A returned limit keeps usage below this part of its watermark. */
#define RETURN_SHARE_PPM 900000ULL
#define MARGIN_LEAST_BYTES (1ULL << 20)
/* MEMCG_CHARGE_BATCH pages may be charged ahead on each CPU (mm/memcontrol.c). */
#define MARGIN_CPU_BYTES (64 * PAGE_BYTES)
#define MARGIN_SHARE 32

typedef unsigned __int128 wide;

/* UINT64_MAX, which is no limit, where there is no page above. */
static uint64_t page_ceil(uint64_t bytes)
{
	return bytes > page_floor(UINT64_MAX) ? UINT64_MAX : page_floor(bytes + PAGE_BYTES - 1);
}

/* PART in parts per million of BYTES, without overflow for any 64-bit BYTES. */
static uint64_t share(uint64_t bytes, uint64_t part)
{
	return bytes / PPM * part + bytes % PPM * part / PPM;
}

/* At most hard, after the fewest steps that bring NEED under the watermark. */
static uint64_t wanted(const struct memory_rule *rule, const struct memory_observation *seen,
		       uint64_t need)
{
	/* 128 bits: no growth and no delay that the kernel may report overflows. */
	wide ahead = (wide)seen->growth_bytes_per_ms * seen->reaction_us / 1000;
	wide held = need + (ahead < UINT64_MAX ? ahead : UINT64_MAX) * REACTION_SAFETY;
	wide goal = (held * PPM + rule->watermark_ppm - 1) / rule->watermark_ppm;
	wide steps = 1;

	if (goal > seen->limit_bytes)
		steps = (goal - seen->limit_bytes + rule->step_bytes - 1) / rule->step_bytes;
	goal = seen->limit_bytes + steps * rule->step_bytes;
	return goal < rule->hard_bytes ? (uint64_t)goal : rule->hard_bytes;
}

void decide_memory_raise(const struct memory_rule *rule, const struct memory_observation *seen,
			 uint64_t spare_bytes, struct memory_plan *ret_plan)
{
	uint64_t need = seen->usage_bytes - least(seen->file_bytes, seen->usage_bytes);
	struct memory_plan plan = {.limit_bytes = seen->limit_bytes};
	uint64_t limit;

	/* The kernel rounds limits down to pages. */
	if (seen->limit_bytes >= page_floor(rule->hard_bytes)) {
		plan.reason = REASON_HARD_LIMIT;
		goto out;
	}
	limit = plan.wanted_bytes = page_floor(wanted(rule, seen, need));
	if (seen->moment == MOMENT_WATERMARK &&
	    need < share(seen->limit_bytes, rule->watermark_ppm)) {
		plan.reason = REASON_CACHE;
		goto out;
	}
	plan.reason = seen->moment == MOMENT_OOM	     ? REASON_OOM
		      : seen->moment == MOMENT_TIME_TO_LIMIT ? REASON_TIME_TO_LIMIT
							     : REASON_WATERMARK;
	if (limit > seen->reach_bytes) {
		limit = page_floor(seen->reach_bytes);
		if (limit < plus(seen->limit_bytes, LEAST_RAISE_BYTES)) {
			plan.reason = REASON_PARENT_BINDS;
			goto out;
		}
	}
	if (limit - seen->limit_bytes > spare_bytes) {
		limit = page_floor(seen->limit_bytes + spare_bytes);
		if (limit < plus(seen->limit_bytes, LEAST_RAISE_BYTES)) {
			plan.reason = REASON_NO_HEADROOM;
			goto out;
		}
	}
	plan.is_raise = true;
	plan.limit_bytes = limit;
out:
	*ret_plan = plan;
}

uint64_t decide_memory_margin(uint64_t fixed_bytes, unsigned int cpus)
{
	uint64_t margin = fixed_bytes / MARGIN_SHARE;

	if (margin < cpus * MARGIN_CPU_BYTES)
		margin = cpus * MARGIN_CPU_BYTES;
	return margin < MARGIN_LEAST_BYTES ? MARGIN_LEAST_BYTES : margin;
}

uint64_t decide_memory_start(const struct memory_rule *rule, uint64_t found_bytes,
			     uint64_t fixed_bytes, uint64_t margin_bytes, enum reason *ret_reason)
{
	uint64_t floor = plus(fixed_bytes, margin_bytes);

	if (floor <= rule->soft_bytes) {
		*ret_reason = REASON_SOFT;
		return rule->soft_bytes;
	}
	if (floor > rule->hard_bytes) {
		*ret_reason = REASON_ABOVE_HARD;
		return found_bytes;
	}
	*ret_reason = REASON_ABOVE_SOFT;
	floor = plus(fixed_bytes,
		     rule->step_bytes > margin_bytes ? rule->step_bytes : margin_bytes);
	return least(page_ceil(floor), rule->hard_bytes);
}

uint64_t decide_memory_return(const struct memory_rule *rule, uint64_t limit_bytes,
			      uint64_t fixed_bytes, uint64_t margin_bytes)
{
	uint64_t next, floor = plus(fixed_bytes, margin_bytes);

	if (limit_bytes <= rule->soft_bytes)
		return limit_bytes;
	next = limit_bytes > rule->hard_bytes	? rule->hard_bytes
	       : limit_bytes > rule->step_bytes ? page_ceil(limit_bytes - rule->step_bytes)
						: rule->soft_bytes;
	if (next < rule->soft_bytes)
		next = rule->soft_bytes;
	if (next < floor || fixed_bytes > share(share(next, rule->watermark_ppm), RETURN_SHARE_PPM))
		return limit_bytes;
	return next;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Draws rules and observations by lot and holds user/decide_memory.c to what is always true. It
 * never draws others twice: CGBPF_SEED, else a fixed seed, gives the same lots. */
#include <stdlib.h>

#include "tests/fixtures/lots.h"
#include "user/amount.h"
#include "user/decide_memory.h"

#define ROUNDS 100000U
#define SEED 20260101U
#define MIB (1ULL << 20)
/* So many rounds at least must be worth their name. */
#define LEAST_HITS (ROUNDS / 20)

typedef unsigned __int128 wide;

struct lot {
	struct memory_rule rule;
	struct memory_observation seen;
	uint64_t spare_bytes, fixed_bytes, margin_bytes;
	struct memory_plan plan; /* what came of it */
};

static uint64_t between(uint64_t least, uint64_t most)
{
	return most - least == UINT64_MAX ? draw() : least + draw() % (most - least + 1);
}

/* All sizes are as likely, and those about the ends of 64 bits more so. */
static uint64_t any(void)
{
	uint64_t bytes = draw() >> draw() % 64;

	return draw() % 8 ? bytes : UINT64_MAX - bytes % (64 * MIB);
}

/* What user/config_schema.c lets through; hard and soft of any alignment. */
static struct memory_rule draw_rule(uint64_t most)
{
	struct memory_rule rule = {
		.soft_bytes = between(MIB, most),
		.step_bytes = MIB << draw() % 21,
		.watermark_ppm = between(500000, 990000),
	};

	rule.hard_bytes = between(rule.soft_bytes, most);
	if (draw() % 2)
		rule.step_bytes += draw() % rule.step_bytes;
	if (draw() % 2) {
		rule.soft_bytes = page_floor(rule.soft_bytes);
		rule.hard_bytes = page_floor(rule.hard_bytes);
	}
	return rule;
}

static struct lot draw_likely(void)
{
	struct lot lot = {.rule = draw_rule(MIB << draw() % 31)};
	uint64_t hard = lot.rule.hard_bytes;

	lot.seen.limit_bytes = page_floor(between(lot.rule.soft_bytes / 2, hard + hard / 8));
	lot.seen.usage_bytes = between(lot.seen.limit_bytes / 2, lot.seen.limit_bytes + MIB);
	lot.seen.file_bytes = draw() % 2 ? between(0, lot.seen.usage_bytes) : 0;
	lot.seen.growth_bytes_per_ms = draw() % (64 * MIB);
	lot.seen.reaction_us = draw() % 20000;
	lot.seen.reach_bytes = draw() % 2 ? UINT64_MAX : between(0, 2 * hard);
	lot.spare_bytes = draw() % 2 ? UINT64_MAX : between(0, hard);
	lot.fixed_bytes = lot.seen.usage_bytes - lot.seen.file_bytes;
	lot.margin_bytes = decide_memory_margin(lot.fixed_bytes, 1 + draw() % 64);
	return lot;
}

static struct lot draw_wild(void)
{
	return (struct lot){
		.rule = draw_rule(draw() % 2 ? UINT64_MAX : MIB + any() / 2),
		.seen = {.usage_bytes = any(),
			 .limit_bytes = draw() % 2 ? page_floor(any()) : any(),
			 .file_bytes = any(),
			 .growth_bytes_per_ms = any(),
			 .reaction_us = any(),
			 .reach_bytes = any()},
		.spare_bytes = any(),
		.fixed_bytes = any(),
		.margin_bytes = any(),
	};
}

/* CHECK says whether the lot was one that could have broken its promise. */
static void each_lot(bool (*check)(const struct lot *lot))
{
	unsigned int hit_cnt = 0;

	drawn = seed;
	for (round_no = 0; round_no < ROUNDS; round_no++) {
		struct lot lot = round_no % 2 ? draw_wild() : draw_likely();

		lot.seen.moment = between(MOMENT_WATERMARK, MOMENT_OOM);
		decide_memory_raise(&lot.rule, &lot.seen, lot.spare_bytes, &lot.plan);
		hit_cnt += check(&lot);
	}
	if (hit_cnt < LEAST_HITS)
		fail_msg("only %u of %u rounds are worth their name", hit_cnt, ROUNDS);
}

#define PROPERTY(name)                                                                             \
	static bool check_##name(const struct lot *lot);                                           \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		each_lot(check_##name);                                                            \
	}                                                                                          \
	static bool check_##name(const struct lot *lot)

PROPERTY(a_raise_never_exceeds_hard)
{
	promise(!lot->plan.is_raise || lot->plan.limit_bytes <= lot->rule.hard_bytes);
	promise(lot->plan.wanted_bytes <= lot->rule.hard_bytes);
	return lot->plan.is_raise;
}

PROPERTY(a_raise_never_exceeds_what_the_ancestors_let_through)
{
	promise(!lot->plan.is_raise || lot->plan.limit_bytes <= lot->seen.reach_bytes);
	return lot->plan.is_raise && lot->seen.reach_bytes != UINT64_MAX;
}

PROPERTY(a_raise_never_exceeds_what_is_to_spare)
{
	promise(lot->plan.limit_bytes - lot->seen.limit_bytes <= lot->spare_bytes);
	return lot->plan.is_raise && lot->spare_bytes != UINT64_MAX;
}

PROPERTY(a_raise_is_whole_pages)
{
	promise(!lot->plan.is_raise || lot->plan.limit_bytes % PAGE_BYTES == 0);
	return lot->plan.is_raise;
}

PROPERTY(a_raise_never_lowers_and_a_refusal_changes_nothing)
{
	if (lot->plan.is_raise)
		promise(lot->plan.limit_bytes > lot->seen.limit_bytes);
	else
		promise(lot->plan.limit_bytes == lot->seen.limit_bytes);
	return true;
}

PROPERTY(every_plan_has_the_reason_that_fits_it)
{
	enum reason reason = lot->plan.reason;

	if (lot->plan.is_raise)
		promise(reason == (enum reason)lot->seen.moment);
	else
		promise(reason == REASON_HARD_LIMIT || reason == REASON_PARENT_BINDS ||
			reason == REASON_NO_HEADROOM ||
			(reason == REASON_CACHE && lot->seen.moment == MOMENT_WATERMARK));
	return lot->plan.is_raise;
}

PROPERTY(more_to_spare_or_more_room_never_gives_less)
{
	struct memory_observation roomier = lot->seen;
	uint64_t spare =
		draw() % 2 ? plus(lot->spare_bytes, any()) : plus(lot->spare_bytes, draw() % MIB);
	struct memory_plan richer;

	decide_memory_raise(&lot->rule, &lot->seen, spare, &richer);
	promise(richer.limit_bytes >= lot->plan.limit_bytes);
	roomier.reach_bytes = plus(lot->seen.reach_bytes, draw() % MIB);
	decide_memory_raise(&lot->rule, &roomier, lot->spare_bytes, &richer);
	promise(richer.limit_bytes >= lot->plan.limit_bytes);
	return lot->plan.is_raise;
}

/* Worked out a second time in 128 bits, where nothing overflows. */
PROPERTY(what_is_wanted_is_the_fewest_steps_that_hold_the_need)
{
	const struct memory_observation *seen = &lot->seen;
	wide need = seen->usage_bytes > seen->file_bytes ? seen->usage_bytes - seen->file_bytes : 0;
	wide wanted = lot->plan.wanted_bytes, step = lot->rule.step_bytes;
	wide ahead = (wide)seen->growth_bytes_per_ms * seen->reaction_us / 1000;

	if (lot->plan.reason == REASON_HARD_LIMIT || step % PAGE_BYTES ||
	    seen->limit_bytes % PAGE_BYTES)
		return false;
	need = ahead > UINT64_MAX ? UINT64_MAX : need + 2 * ahead;
	if (wanted < page_floor(lot->rule.hard_bytes)) {
		promise((wanted - seen->limit_bytes) % step == 0);
		promise(wanted * lot->rule.watermark_ppm / PPM >= need);
	}
	if (wanted > seen->limit_bytes + step)
		promise((wanted - step) * lot->rule.watermark_ppm / PPM < need ||
			wanted == page_floor(lot->rule.hard_bytes));
	return true;
}

PROPERTY(governing_never_begins_under_what_is_in_use_nor_outside_the_rule)
{
	enum reason reason = REASON_NONE;
	uint64_t found = lot->seen.limit_bytes, floor = plus(lot->fixed_bytes, lot->margin_bytes);
	uint64_t start = decide_memory_start(&lot->rule, found, lot->fixed_bytes, lot->margin_bytes,
					     &reason);

	if (floor > lot->rule.hard_bytes) {
		promise(reason == REASON_ABOVE_HARD && start == found);
		return false;
	}
	promise(start >= floor);
	promise(start >= lot->rule.soft_bytes && start <= lot->rule.hard_bytes);
	promise(reason == (start == lot->rule.soft_bytes && floor <= start ? REASON_SOFT
									   : REASON_ABOVE_SOFT));
	return true;
}

PROPERTY(a_return_never_goes_under_use_nor_soft_and_calls_for_no_raise)
{
	uint64_t limit = lot->seen.limit_bytes;
	uint64_t next =
		decide_memory_return(&lot->rule, limit, lot->fixed_bytes, lot->margin_bytes);
	struct memory_observation after = {
		.moment = MOMENT_WATERMARK, .usage_bytes = lot->fixed_bytes, .limit_bytes = next};
	struct memory_plan plan;

	if (next == limit)
		return false;
	promise(next < limit);
	promise(next >= plus(lot->fixed_bytes, lot->margin_bytes));
	promise(next >= lot->rule.soft_bytes && next <= lot->rule.hard_bytes);
	promise(limit > lot->rule.hard_bytes || limit - next <= lot->rule.step_bytes);
	decide_memory_raise(&lot->rule, &after, UINT64_MAX, &plan);
	promise(!plan.is_raise && plan.reason != REASON_PARENT_BINDS);
	return true;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_raise_never_exceeds_hard),
		cmocka_unit_test(a_raise_never_exceeds_what_the_ancestors_let_through),
		cmocka_unit_test(a_raise_never_exceeds_what_is_to_spare),
		cmocka_unit_test(a_raise_is_whole_pages),
		cmocka_unit_test(a_raise_never_lowers_and_a_refusal_changes_nothing),
		cmocka_unit_test(every_plan_has_the_reason_that_fits_it),
		cmocka_unit_test(more_to_spare_or_more_room_never_gives_less),
		cmocka_unit_test(what_is_wanted_is_the_fewest_steps_that_hold_the_need),
		cmocka_unit_test(governing_never_begins_under_what_is_in_use_nor_outside_the_rule),
		cmocka_unit_test(a_return_never_goes_under_use_nor_soft_and_calls_for_no_raise),
	};

	seed = getenv("CGBPF_SEED") ? strtoull(getenv("CGBPF_SEED"), NULL, 10) : SEED;
	return cmocka_run_group_tests_name("decide_memory_lots", tests, NULL, NULL);
}

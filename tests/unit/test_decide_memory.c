/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/decide_memory.c to its promises, one example after another. It never draws lots: see
 * test_decide_memory_lots.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "user/decide_memory.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define KIB (1ULL << 10)
#define MIB (1ULL << 20)
#define TIB (1ULL << 40)

static const struct memory_rule rule = {
	.soft_bytes = 64 * MIB,
	.hard_bytes = 256 * MIB,
	.step_bytes = 32 * MIB,
	.watermark_ppm = 900000,
};

/* Full to the watermark, with room above and nothing that could be reclaimed. */
static struct memory_observation full(uint64_t limit_bytes, uint64_t usage_bytes)
{
	return (struct memory_observation){
		.moment = MOMENT_WATERMARK,
		.usage_bytes = usage_bytes,
		.limit_bytes = limit_bytes,
		.reach_bytes = UINT64_MAX,
	};
}

static struct memory_plan plan_of(struct memory_observation seen, uint64_t spare_bytes)
{
	struct memory_plan plan = {};

	decide_memory_raise(&rule, &seen, spare_bytes, &plan);
	return plan;
}

#define is_raised(plan, limit_bytes, reason) came_to(plan, true, limit_bytes, reason)
#define is_left(plan, limit_bytes, reason) came_to(plan, false, limit_bytes, reason)

static void came_to(struct memory_plan plan, bool is_raise, uint64_t limit_bytes, int reason)
{
	assert_int_equal(plan.is_raise, is_raise);
	assert_int_equal(plan.limit_bytes, limit_bytes);
	assert_int_equal(plan.reason, reason);
}

static void a_raise_is_as_many_steps_as_the_need_takes(void **state)
{
	(void)state;
	is_raised(plan_of(full(64 * MIB, 60 * MIB), TIB), 96 * MIB, REASON_WATERMARK);
	is_raised(plan_of(full(96 * MIB, 96 * MIB), TIB), 128 * MIB, REASON_WATERMARK);
	is_raised(plan_of(full(96 * MIB, 116 * MIB), TIB), 160 * MIB, REASON_WATERMARK);
	/* 144 MiB are the watermark of 160 MiB to the byte. */
	is_raised(plan_of(full(64 * MIB, 144 * MIB), TIB), 160 * MIB, REASON_WATERMARK);
	is_raised(plan_of(full(64 * MIB, 144 * MIB + 1), TIB), 192 * MIB, REASON_WATERMARK);
	/* Those of 96 MiB are 90596966.4 bytes. */
	is_raised(plan_of(full(64 * MIB, 90596966), TIB), 96 * MIB, REASON_WATERMARK);
	is_raised(plan_of(full(64 * MIB, 90596967), TIB), 128 * MIB, REASON_WATERMARK);
}

static void the_last_raise_ends_at_hard(void **state)
{
	(void)state;
	is_raised(plan_of(full(240 * MIB, 240 * MIB), TIB), 256 * MIB, REASON_WATERMARK);
	is_raised(plan_of(full(64 * MIB, TIB), TIB), 256 * MIB, REASON_WATERMARK);
	is_left(plan_of(full(256 * MIB, 256 * MIB), TIB), 256 * MIB, REASON_HARD_LIMIT);
	is_left(plan_of(full(512 * MIB, 512 * MIB), TIB), 512 * MIB, REASON_HARD_LIMIT);
	is_left(plan_of(full(UINT64_MAX, 512 * MIB), TIB), UINT64_MAX, REASON_HARD_LIMIT);
}

static void a_hard_within_a_page_is_the_page_below(void **state)
{
	struct memory_rule odd = {64 * MIB, 256 * MIB + 100, 32 * MIB, 900000};
	struct memory_observation seen = full(256 * MIB, 256 * MIB);
	struct memory_plan plan;

	(void)state;
	decide_memory_raise(&odd, &seen, UINT64_MAX, &plan);
	is_left(plan, 256 * MIB, REASON_HARD_LIMIT);
	seen.limit_bytes = 240 * MIB;
	decide_memory_raise(&odd, &seen, UINT64_MAX, &plan);
	is_raised(plan, 256 * MIB, REASON_WATERMARK);
}

static void growth_during_the_answer_is_part_of_the_need(void **state)
{
	struct memory_observation seen = full(64 * MIB, 60 * MIB);

	(void)state;
	/* 10 MiB a ms for 2 ms, twice over: 40 MiB. */
	seen.growth_bytes_per_ms = 10 * MIB;
	seen.reaction_us = 2000;
	is_raised(plan_of(seen, TIB), 128 * MIB, REASON_WATERMARK);
}

static void a_growth_beyond_all_numbers_asks_for_hard_at_once(void **state)
{
	struct memory_rule vast = {64 * MIB, 1024 * TIB, MIB, 500000};
	struct memory_observation seen = full(64 * MIB, 60 * MIB);
	struct memory_plan plan;

	(void)state;
	seen.growth_bytes_per_ms = UINT64_MAX / 500;
	seen.reaction_us = 500; /* their product wraps to a little */
	decide_memory_raise(&vast, &seen, UINT64_MAX, &plan);
	is_raised(plan, 1024 * TIB, REASON_WATERMARK);
	seen.growth_bytes_per_ms = seen.reaction_us = UINT64_MAX;
	decide_memory_raise(&vast, &seen, UINT64_MAX, &plan);
	is_raised(plan, 1024 * TIB, REASON_WATERMARK);
}

static void sizes_near_the_end_of_64_bits_do_not_wrap(void **state)
{
	struct memory_rule vast = {64 * MIB, UINT64_MAX, TIB, 900000};
	struct memory_observation seen = full(1024 * TIB, 100 * TIB);
	enum reason reason = REASON_NONE;
	struct memory_plan plan;

	(void)state;
	decide_memory_raise(&vast, &seen, UINT64_MAX, &plan);
	is_left(plan, 1024 * TIB, REASON_CACHE);
	seen = full(UINT64_MAX - TIB, UINT64_MAX - TIB);
	decide_memory_raise(&vast, &seen, UINT64_MAX, &plan);
	is_raised(plan, UINT64_MAX - 4095, REASON_WATERMARK);
	/* No page is above: no limit holds it. */
	assert_int_equal(decide_memory_start(&vast, 7 * MIB, UINT64_MAX - MIB - 7, MIB, &reason),
			 UINT64_MAX);
	assert_int_equal(reason, REASON_ABOVE_SOFT);
	assert_int_equal(decide_memory_return(&vast, 1024 * TIB, 800 * TIB, MIB), 1023 * TIB);
}

static void page_cache_is_no_need_before_reclaim_has_failed(void **state)
{
	struct memory_observation seen = full(64 * MIB, 60 * MIB);

	(void)state;
	/* The watermark of 64 MiB is 60397977.6 bytes. */
	is_raised(plan_of(full(64 * MIB, 60397977), TIB), 96 * MIB, REASON_WATERMARK);
	is_left(plan_of(full(64 * MIB, 60397976), TIB), 64 * MIB, REASON_CACHE);
	seen.file_bytes = 30 * MIB;
	is_left(plan_of(seen, TIB), 64 * MIB, REASON_CACHE);
	seen.file_bytes = 90 * MIB; /* two files of the kernel, read one after the other */
	is_left(plan_of(seen, TIB), 64 * MIB, REASON_CACHE);
	seen.moment = MOMENT_TIME_TO_LIMIT;
	is_raised(plan_of(seen, TIB), 96 * MIB, REASON_TIME_TO_LIMIT);
	seen.moment = MOMENT_OOM;
	is_raised(plan_of(seen, TIB), 96 * MIB, REASON_OOM);
}

static void a_raise_goes_no_further_than_a_tighter_ancestor(void **state)
{
	struct memory_observation seen = full(64 * MIB, 60 * MIB);

	(void)state;
	seen.reach_bytes = 76 * MIB + 5;
	is_raised(plan_of(seen, TIB), 76 * MIB, REASON_WATERMARK);
	seen.reach_bytes = 64 * MIB + 512 * KIB;
	is_raised(plan_of(seen, TIB), 64 * MIB + 512 * KIB, REASON_WATERMARK);
	seen.reach_bytes--; /* less than the CPUs charge ahead */
	is_left(plan_of(seen, TIB), 64 * MIB, REASON_PARENT_BINDS);
	seen.reach_bytes = 60 * MIB;
	is_left(plan_of(seen, TIB), 64 * MIB, REASON_PARENT_BINDS);
	/* The charge that is tried does not fit in there, and is no room. */
	seen.usage_bytes = 65 * MIB;
	is_left(plan_of(seen, TIB), 64 * MIB, REASON_PARENT_BINDS);
}

static void a_raise_takes_no_more_than_the_machine_has_to_spare(void **state)
{
	struct memory_observation seen = full(64 * MIB, 60 * MIB);

	(void)state;
	is_raised(plan_of(seen, 32 * MIB), 96 * MIB, REASON_WATERMARK);
	is_raised(plan_of(seen, 16 * MIB + 5), 80 * MIB, REASON_WATERMARK);
	is_raised(plan_of(seen, 512 * KIB), 64 * MIB + 512 * KIB, REASON_WATERMARK);
	is_left(plan_of(seen, 512 * KIB - 1), 64 * MIB, REASON_NO_HEADROOM);
	is_left(plan_of(seen, 0), 64 * MIB, REASON_NO_HEADROOM);
}

static void what_is_wanted_is_bound_by_hard_alone(void **state)
{
	struct memory_observation seen = full(64 * MIB, 60 * MIB);

	(void)state;
	assert_int_equal(plan_of(seen, 0).wanted_bytes, 96 * MIB);
	seen.reach_bytes = 0;
	assert_int_equal(plan_of(seen, 0).wanted_bytes, 96 * MIB);
	seen.usage_bytes = TIB;
	assert_int_equal(plan_of(seen, 0).wanted_bytes, 256 * MIB);
}

static void the_margin_holds_what_cpus_charge_ahead_and_grows_with_use(void **state)
{
	static const struct {
		uint64_t fixed_bytes;
		unsigned int cpus;
		uint64_t margin_bytes;
	} rows[] = {
		{0, 1, MIB},
		{64 * MIB, 1, 2 * MIB},
		{64 * MIB, 16, 4 * MIB},
		{129 * MIB, 16, 4128 * KIB},
		{UINT64_MAX, 1, UINT64_MAX / 32},
		{0, 1U << 31, 512 * TIB},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(decide_memory_margin(rows[i].fixed_bytes, rows[i].cpus),
				 rows[i].margin_bytes);
}

static void governing_begins_at_soft_or_above_what_is_in_use(void **state)
{
	static const struct {
		uint64_t fixed_bytes, margin_bytes, limit_bytes;
		enum reason reason;
	} rows[] = {
		{0, MIB, 64 * MIB, REASON_SOFT},
		{63 * MIB, MIB, 64 * MIB, REASON_SOFT},
		{63 * MIB + 1, MIB, 95 * MIB + 4096, REASON_ABOVE_SOFT},
		{100 * MIB, 40 * MIB, 140 * MIB, REASON_ABOVE_SOFT},
		{240 * MIB, MIB, 256 * MIB, REASON_ABOVE_SOFT},
		{255 * MIB, MIB, 256 * MIB, REASON_ABOVE_SOFT},
		{255 * MIB + 1, MIB, 7 * MIB, REASON_ABOVE_HARD},
		{UINT64_MAX, UINT64_MAX, 7 * MIB, REASON_ABOVE_HARD},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum reason reason = REASON_NONE;

		assert_int_equal(decide_memory_start(&rule, 7 * MIB, rows[i].fixed_bytes,
						     rows[i].margin_bytes, &reason),
				 rows[i].limit_bytes);
		assert_int_equal(reason, rows[i].reason);
	}
}

static void a_limit_returns_a_step_at_a_time_and_only_when_use_is_low(void **state)
{
	static const struct {
		uint64_t limit_bytes, fixed_bytes, margin_bytes, next_bytes;
	} rows[] = {
		{256 * MIB, 0, MIB, 224 * MIB},
		{80 * MIB, 0, MIB, 64 * MIB},
		{64 * MIB, 0, MIB, 64 * MIB},
		{32 * MIB, 0, MIB, 32 * MIB},
		{512 * MIB, 0, MIB, 256 * MIB},
		{UINT64_MAX, 0, MIB, 256 * MIB},
		/* 81 % of 100 MiB is 81 MiB: nine tenths of the watermark. */
		{132 * MIB, 81 * MIB, MIB, 100 * MIB},
		{132 * MIB, 81 * MIB + 1, MIB, 132 * MIB},
		{132 * MIB, 60 * MIB, 40 * MIB, 100 * MIB},
		{132 * MIB, 60 * MIB, 40 * MIB + 1, 132 * MIB},
		{132 * MIB, UINT64_MAX, UINT64_MAX, 132 * MIB},
		{132 * MIB + 5, 0, MIB, 100 * MIB + 4096},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(decide_memory_return(&rule, rows[i].limit_bytes,
						      rows[i].fixed_bytes, rows[i].margin_bytes),
				 rows[i].next_bytes);
}

static void a_step_longer_than_the_limit_returns_to_soft(void **state)
{
	struct memory_rule leap = {64 * MIB, 256 * MIB, TIB, 900000};

	(void)state;
	assert_int_equal(decide_memory_return(&leap, 200 * MIB, 0, MIB), 64 * MIB);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_raise_is_as_many_steps_as_the_need_takes),
		cmocka_unit_test(the_last_raise_ends_at_hard),
		cmocka_unit_test(a_hard_within_a_page_is_the_page_below),
		cmocka_unit_test(growth_during_the_answer_is_part_of_the_need),
		cmocka_unit_test(a_growth_beyond_all_numbers_asks_for_hard_at_once),
		cmocka_unit_test(sizes_near_the_end_of_64_bits_do_not_wrap),
		cmocka_unit_test(page_cache_is_no_need_before_reclaim_has_failed),
		cmocka_unit_test(a_raise_goes_no_further_than_a_tighter_ancestor),
		cmocka_unit_test(a_raise_takes_no_more_than_the_machine_has_to_spare),
		cmocka_unit_test(what_is_wanted_is_bound_by_hard_alone),
		cmocka_unit_test(the_margin_holds_what_cpus_charge_ahead_and_grows_with_use),
		cmocka_unit_test(governing_begins_at_soft_or_above_what_is_in_use),
		cmocka_unit_test(a_limit_returns_a_step_at_a_time_and_only_when_use_is_low),
		cmocka_unit_test(a_step_longer_than_the_limit_returns_to_soft),
	};

	return cmocka_run_group_tests_name("decide_memory", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of user/decide_cpu and user/quota: how much CPU time is given and taken back. It never
 * touches a cgroup. */
#include "user/decide_cpu.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/quota.h"
#include "user/units.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define NONE UINT64_MAX

static const struct cpu_rule rule = {.soft = 500000, .hard = 2000000, .step = 250000};

static struct cpu_plan plan_for(struct cpu_observation seen)
{
	struct cpu_plan plan;

	decide_cpu_raise(&rule, &seen, &plan);
	return plan;
}

PROMISE(a_throttle_is_answered_by_a_step)
{
	struct cpu_plan plan =
		plan_for((struct cpu_observation){.amount = 500000, .ancestor = NONE});

	assert_true(plan.is_raise);
	assert_int_equal(plan.amount, 750000);
	assert_int_equal(plan.reason, REASON_THROTTLED);
}

PROMISE(a_model_that_asks_for_more_than_now_is_heard_and_one_that_asks_for_less_is_not)
{
	struct cpu_plan plan = plan_for(
		(struct cpu_observation){.amount = 500000, .ancestor = NONE, .suggested = 1300000});

	assert_int_equal(plan.amount, 1300000);
	assert_int_equal(plan.reason, REASON_SUGGESTED);
	plan = plan_for(
		(struct cpu_observation){.amount = 500000, .ancestor = NONE, .suggested = 600000});
	assert_int_equal(plan.amount, 600000);
	plan = plan_for(
		(struct cpu_observation){.amount = 500000, .ancestor = NONE, .suggested = 400000});
	assert_int_equal(plan.amount, 750000);
	assert_int_equal(plan.reason, REASON_THROTTLED);
}

PROMISE(hard_is_never_passed_and_reported_when_reached)
{
	struct cpu_plan plan = plan_for((struct cpu_observation){
		.amount = 1900000, .ancestor = NONE, .suggested = NONE - 1});

	assert_int_equal(plan.amount, 2000000);
	plan = plan_for((struct cpu_observation){
		.amount = 2000000, .ancestor = NONE, .suggested = 5000000});
	assert_false(plan.is_raise);
	assert_int_equal(plan.amount, 2000000);
	assert_int_equal(plan.reason, REASON_HARD_LIMIT);
	plan = plan_for((struct cpu_observation){.amount = 3000000, .ancestor = NONE});
	assert_false(plan.is_raise);
	assert_int_equal(plan.amount, 3000000);
}

PROMISE(no_raise_helps_beyond_an_ancestors_quota)
{
	struct cpu_plan plan =
		plan_for((struct cpu_observation){.amount = 500000, .ancestor = 600000});

	assert_true(plan.is_raise);
	assert_int_equal(plan.amount, 600000);
	assert_int_equal(plan.wanted, 750000);
	plan = plan_for((struct cpu_observation){.amount = 600000, .ancestor = 600000});
	assert_false(plan.is_raise);
	assert_int_equal(plan.reason, REASON_PARENT_BINDS);
	plan = plan_for((struct cpu_observation){
		.amount = 500000, .ancestor = NONE, .is_by_ancestor = true});
	assert_false(plan.is_raise);
	assert_int_equal(plan.reason, REASON_PARENT_BINDS);
}

PROMISE(above_soft_the_target_controller_raises_and_what_keeps_it_is_told_all_the_same)
{
	static const struct {
		struct cpu_observation seen;
		enum reason reason;
	} rows[] = {
		{{.amount = 500000, .ancestor = NONE}, REASON_THROTTLED},
		{{.amount = 600000, .ancestor = NONE}, REASON_TARGET},
		{{.amount = 600000, .ancestor = 700000}, REASON_TARGET},
		{{.amount = 600000, .ancestor = 600000}, REASON_PARENT_BINDS},
		{{.amount = 600000, .ancestor = NONE, .is_by_ancestor = true}, REASON_PARENT_BINDS},
		{{.amount = 2000000, .ancestor = NONE}, REASON_HARD_LIMIT},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cpu_observation seen = rows[i].seen;
		struct cpu_plan plan;

		seen.is_target = true;
		plan = plan_for(seen);
		assert_int_equal(plan.reason, rows[i].reason);
		assert_int_equal(plan.is_raise, rows[i].reason == REASON_THROTTLED);
		assert_true(plan.is_raise || plan.amount == seen.amount);
	}
}

PROMISE(what_is_not_used_goes_back_by_steps_and_never_under_soft)
{
	static const struct {
		uint64_t amount, used, next;
	} rows[] = {
		{2000000, 0, 1750000},	     {1000000, 600000, 750000}, {1000000, 600001, 1000000},
		{600000, 100000, 500000},    {500000, 0, 500000},	{400000, 0, 400000},
		{3000000, 1000000, 2000000}, {NONE, 0, 2000000},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(decide_cpu_return(&rule, rows[i].amount, rows[i].used),
				 rows[i].next);
}

PROMISE(any_series_of_throttles_and_quiet_ends_between_soft_and_hard)
{
	uint64_t amount = rule.soft;

	srand(1);
	for (int i = 0; i < 100000; i++) {
		if (rand() % 2)
			amount = plan_for((struct cpu_observation){.amount = amount,
								   .ancestor = NONE,
								   .suggested = rand() % 4000000})
					 .amount;
		else
			amount = decide_cpu_return(&rule, amount, rand() % 2500000);
		assert_in_range(amount, rule.soft, rule.hard);
	}
	for (int i = 0; i < 10; i++)
		amount = decide_cpu_return(&rule, amount, 0);
	assert_int_equal(amount, rule.soft);
}

PROMISE(what_the_configuration_leaves_out_is_as_found_and_twice_that)
{
	struct cpu_rule made = decide_cpu_rule(0, 0, 1, 300000);

	assert_int_equal(made.soft, 300000);
	assert_int_equal(made.hard, 600000);
	made = decide_cpu_rule(0, 200000, 1, 300000);
	assert_int_equal(made.hard, 300000);
	made = decide_cpu_rule(0, 0, 1, NONE);
	assert_int_equal(made.hard, NONE);
}

PROMISE(cpu_max_is_read_and_written_as_the_kernel_has_it)
{
	static const char *const wrong[] = {"",	     "50000", "max",	"50000 ", "50000 0",
					    "-1 10", "1 2 3", "x 1000", "1 max"};
	struct quota quota = {7, 7};
	char text[48];

	assert_int_equal(quota_parse("50000 100000", &quota), 0);
	assert_int_equal(quota_cores_ppm(&quota), 500000);
	assert_string_equal(quota_format(&quota, text, sizeof(text)), "50000 100000");
	assert_int_equal(quota_parse("max 20000", &quota), 0);
	assert_int_equal(quota_cores_ppm(&quota), NONE);
	assert_string_equal(quota_format(&quota, text, sizeof(text)), "max 20000");
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(quota_parse(wrong[i], &quota), -EINVAL);
	assert_int_equal(quota.period_us, 20000);
}

PROMISE(every_quota_survives_the_way_through_cores)
{
	for (uint64_t period_us = PERIOD_LEAST_US; period_us <= PERIOD_MOST_US; period_us += 1237)
		for (uint64_t quota_us = QUOTA_LEAST_US; quota_us < 4000000; quota_us += 3911) {
			struct quota quota = {quota_us, period_us};

			assert_int_equal(quota_for(quota_cores_ppm(&quota), period_us), quota_us);
		}
	assert_int_equal(quota_for(1, 100000), QUOTA_LEAST_US);
	assert_int_equal(quota_for(NONE, 100000), NONE);
}

PROMISE(soft_and_hard_are_what_the_period_holds)
{
	assert_int_equal(quota_rounded_ppm(500000, 100000), 500000);
	assert_int_equal(quota_rounded_ppm(333350, 10000), 333400);
	assert_int_equal(quota_rounded_ppm(1, 100000), 10000);
	assert_int_equal(quota_rounded_ppm(NONE, 100000), NONE);
	for (uint64_t ppm = 10000; ppm < 4000000; ppm += 3917) {
		uint64_t hard = quota_rounded_ppm(ppm, 3333);
		struct quota quota = {quota_for(hard, 3333), 3333};

		assert_int_equal(quota_cores_ppm(&quota), hard);
	}
}

PROMISE(cores_are_numbers_or_percentages)
{
	uint64_t ppm = 7;
	char text[32];

	assert_int_equal(units_parse_cores("0.5", &ppm), 0);
	assert_int_equal(ppm, 500000);
	assert_int_equal(units_parse_cores("250%", &ppm), 0);
	assert_int_equal(ppm, 2500000);
	assert_int_equal(units_parse_cores("50 %", &ppm), -EINVAL);
	assert_int_equal(units_parse_cores("-1", &ppm), -EINVAL);
	assert_int_equal(units_parse_cores("1cpu", &ppm), -EINVAL);
	assert_int_equal(ppm, 2500000);
	assert_string_equal(units_format_cores(1250000, text, sizeof(text)), "1.25 CPUs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_throttle_is_answered_by_a_step),
		cmocka_unit_test(
			a_model_that_asks_for_more_than_now_is_heard_and_one_that_asks_for_less_is_not),
		cmocka_unit_test(hard_is_never_passed_and_reported_when_reached),
		cmocka_unit_test(no_raise_helps_beyond_an_ancestors_quota),
		cmocka_unit_test(
			above_soft_the_target_controller_raises_and_what_keeps_it_is_told_all_the_same),
		cmocka_unit_test(what_is_not_used_goes_back_by_steps_and_never_under_soft),
		cmocka_unit_test(any_series_of_throttles_and_quiet_ends_between_soft_and_hard),
		cmocka_unit_test(what_the_configuration_leaves_out_is_as_found_and_twice_that),
		cmocka_unit_test(cpu_max_is_read_and_written_as_the_kernel_has_it),
		cmocka_unit_test(every_quota_survives_the_way_through_cores),
		cmocka_unit_test(soft_and_hard_are_what_the_period_holds),
		cmocka_unit_test(cores_are_numbers_or_percentages),
	};

	return cmocka_run_group_tests_name("decide cpu", tests, NULL, NULL);
}

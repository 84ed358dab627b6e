/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of the target controller: up by the ratio, down by what was used, back at once. It never
 * asks a kernel. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/decide_target.h"

#define PROMISE(name) static void name(__attribute__((unused)) void **unused)

static const struct target_rule rule = {0.5, 4};

static enum target_move step(struct target_state *state, double *quota, double usage, double ratio)
{
	return decide_target(&rule, state, *quota, usage, ratio, quota);
}

PROMISE(it_rises_by_how_far_the_ratio_is_above_target)
{
	struct target_state state = {};
	double little = 1, much = 1;

	assert_int_equal(step(&state, &little, 1, 0.3), TARGET_RAISE);
	assert_int_equal(step(&state, &much, 1, 1), TARGET_RAISE);
	assert_true(fabs(little - 1.15) < 1e-9);
	assert_true(fabs(much - 1.85) < 1e-9);
}

PROMISE(up_to_three_times_its_target_it_stays)
{
	struct target_state state = {};
	double quota = 1;

	for (int i = 0; i < 200; i++)
		assert_int_equal(step(&state, &quota, 0.95, i % 2 ? 0.05 : 0.15), TARGET_STAY);
}

PROMISE(it_never_leaves_soft_and_hard)
{
	struct target_state state = {};
	double quota = 3.9;

	for (int i = 0; i < 20; i++)
		step(&state, &quota, 3.9, 1);
	assert_true(quota <= 4.0);
	for (int i = 0; i < 2000; i++)
		step(&state, &quota, 0.01, 0);
	assert_true(fabs(quota - 0.5) < 1e-9);
}

/* Until it has shrunk once; returns what it had before. */
static double shrink(struct target_state *state, double *quota)
{
	for (int i = 0; i < 100; i++) {
		double before = *quota;

		if (step(state, quota, 1 + 0.05 * (i % 2), 0) == TARGET_SHRINK)
			return before;
	}
	fail_msg("it never shrank");
	return 0;
}

PROMISE(it_shrinks_to_what_is_used_and_not_below)
{
	struct target_state state = {};
	double quota = 2, before = shrink(&state, &quota);

	assert_true(before > quota);
	assert_true(quota >= 1.025);
	assert_true(quota >= before / 2);
}

PROMISE(a_shrink_that_throttles_is_rolled_back_at_once_and_beyond)
{
	struct target_state state = {};
	double quota = 2, before = shrink(&state, &quota);

	assert_int_equal(step(&state, &quota, 1, 0.5), TARGET_ROLL_BACK);
	assert_true(quota > before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_rises_by_how_far_the_ratio_is_above_target),
		cmocka_unit_test(up_to_three_times_its_target_it_stays),
		cmocka_unit_test(it_never_leaves_soft_and_hard),
		cmocka_unit_test(it_shrinks_to_what_is_used_and_not_below),
		cmocka_unit_test(a_shrink_that_throttles_is_rolled_back_at_once_and_beyond),
	};

	return cmocka_run_group_tests_name("decide_target", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of user/psi and user/measure that need no kernel: what a text says, what a difference
 * is, whose fault a stall was. It never reads /proc. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/measure.h"
#include "user/psi.h"

#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define SECOND_NS 1000000000ULL

PROMISE(some_and_full_are_read_from_their_totals)
{
	struct psi_totals totals;

	assert_int_equal(psi_parse("some avg10=1.50 avg60=0.30 avg300=0.00 total=123456\n"
				   "full avg10=0.00 avg60=0.00 avg300=0.00 total=789\n",
				   &totals),
			 0);
	assert_int_equal(totals.some_us, 123456);
	assert_int_equal(totals.full_us, 789);
}

PROMISE(a_kernel_without_full_has_none)
{
	struct psi_totals totals;

	assert_int_equal(psi_parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=5", &totals), 0);
	assert_int_equal(totals.some_us, 5);
	assert_int_equal(totals.full_us, 0);
}

PROMISE(what_is_no_pressure_file_is_refused_and_changes_nothing)
{
	static const char *const texts[] = {
		"",
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
		"some avg10=0.00\nfull total=5\n",
		"some avg10=0.00 total=x\n",
		"someone total=5\n",
	};
	struct psi_totals totals = {1, 2};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(psi_parse(texts[i], &totals), -EINVAL);
	assert_int_equal(totals.some_us, 1);
	assert_int_equal(totals.full_us, 2);
}

PROMISE(a_difference_has_only_what_both_readings_have)
{
	struct psi before = {.has = {true, true, false}, .of = {{10, 5}, {7, 7}, {0, 0}}};
	struct psi now = {.has = {true, false, true}, .of = {{30, 6}, {9, 9}, {4, 4}}};
	struct psi since = psi_since(&now, &before);

	assert_true(since.has[PSI_CPU]);
	assert_int_equal(since.of[PSI_CPU].some_us, 20);
	assert_int_equal(since.of[PSI_CPU].full_us, 1);
	assert_false(since.has[PSI_MEMORY]);
	assert_false(since.has[PSI_IO]);
}

PROMISE(a_counter_that_began_anew_gives_no_huge_difference)
{
	struct measure before = {.at_ns = 1, .usage_us = 100, .oom_kill = 3, .has_memory = true};
	struct measure now = {.at_ns = 2, .usage_us = 10, .oom_kill = 1, .has_memory = true};
	struct measure since = measure_since(&now, &before);

	assert_int_equal(since.at_ns, 1);
	assert_int_equal(since.usage_us, 0);
	assert_int_equal(since.oom_kill, 0);
}

PROMISE(another_device_begins_at_its_own_counters)
{
	struct measure before = {.has_io = true, .major = 8, .moved = {1000, 0, 0, 0}};
	struct measure now = {.has_io = true, .major = 7, .moved = {1500, 0, 0, 0}};

	assert_int_equal(measure_since(&now, &before).moved[MEASURE_RBPS], 1500);
	before.major = 7;
	assert_int_equal(measure_since(&now, &before).moved[MEASURE_RBPS], 500);
}

PROMISE(time_throttled_is_the_quotas_fault_and_never_more_than_the_stall)
{
	struct measure since = {.at_ns = SECOND_NS, .throttled_us = 300000};

	assert_int_equal(measure_own_us(&since, PSI_CPU, 400000), 300000);
	assert_int_equal(measure_own_us(&since, PSI_CPU, 200000), 200000);
	since.throttled_us = 0;
	assert_int_equal(measure_own_us(&since, PSI_CPU, 200000), 0);
}

PROMISE(a_memory_stall_is_the_limits_fault_where_the_limit_was_met)
{
	struct measure since = {.at_ns = SECOND_NS, .has_memory = true};

	assert_int_equal(measure_own_us(&since, PSI_MEMORY, 5000), 0);
	since.max_events = 1;
	assert_int_equal(measure_own_us(&since, PSI_MEMORY, 5000), 5000);
}

PROMISE(an_io_stall_is_the_limits_fault_where_it_was_all_but_used)
{
	struct measure since = {
		.at_ns = SECOND_NS,
		.has_io = true,
		.limits = {UINT64_MAX, 1000000, UINT64_MAX, UINT64_MAX},
		.moved = {50000000, 899999, 0, 0},
	};

	assert_int_equal(measure_own_us(&since, PSI_IO, 5000), 0);
	since.moved[MEASURE_WBPS] = 900000;
	assert_int_equal(measure_own_us(&since, PSI_IO, 5000), 5000);
	since.at_ns = 2 * SECOND_NS; /* the same in twice the time */
	assert_int_equal(measure_own_us(&since, PSI_IO, 5000), 0);
	since.io_throttled = 1;
	assert_int_equal(measure_own_us(&since, PSI_IO, 5000), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_and_full_are_read_from_their_totals),
		cmocka_unit_test(a_kernel_without_full_has_none),
		cmocka_unit_test(what_is_no_pressure_file_is_refused_and_changes_nothing),
		cmocka_unit_test(a_difference_has_only_what_both_readings_have),
		cmocka_unit_test(a_counter_that_began_anew_gives_no_huge_difference),
		cmocka_unit_test(another_device_begins_at_its_own_counters),
		cmocka_unit_test(time_throttled_is_the_quotas_fault_and_never_more_than_the_stall),
		cmocka_unit_test(a_memory_stall_is_the_limits_fault_where_the_limit_was_met),
		cmocka_unit_test(an_io_stall_is_the_limits_fault_where_it_was_all_but_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

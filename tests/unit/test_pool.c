/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/pool.c to its promises. It never takes memory: of the host it reads /proc/meminfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/pool.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

/* Of 1000 MiB at the last refresh, 700 MiB are above all that is spoken for. */
static const struct pool pool = {
	.machine_bytes = 4 * GIB,
	.reserve_bytes = 200 * MIB,
	.overstated_bytes = 50 * MIB,
	.available_bytes = 1000 * MIB,
	.promised_bytes = 100 * MIB,
};

static void what_is_to_spare_lies_above_the_reserve_and_all_promises(void **state)
{
	(void)state;
	assert_int_equal(pool__spare(&pool, 0, 0, 0), 700 * MIB);
}

static void what_an_event_saw_free_counts_without_what_it_overstates(void **state)
{
	(void)state;
	assert_int_equal(pool__spare(&pool, 800 * MIB, 0, 0), 450 * MIB);
	assert_int_equal(pool__spare(&pool, 1, 0, 0), 0);
}

static void what_the_group_may_still_fill_is_not_given_twice(void **state)
{
	(void)state;
	assert_int_equal(pool__spare(&pool, 0, 10 * MIB, 0), 690 * MIB);
	/* Its unused room was promised to it: once is enough. */
	assert_int_equal(pool__spare(&pool, 0, 10 * MIB, 10 * MIB), 700 * MIB);
	assert_int_equal(pool__spare(&pool, 0, 0, 100 * MIB), 800 * MIB);
}

static void a_group_never_takes_back_more_than_all_were_promised(void **state)
{
	(void)state;
	assert_int_equal(pool__spare(&pool, 0, 0, 101 * MIB), 800 * MIB);
	assert_int_equal(pool__spare(&pool, 0, 0, UINT64_MAX), 800 * MIB);
}

static void a_machine_at_its_reserve_spares_nothing(void **state)
{
	struct pool poor = pool;

	(void)state;
	poor.available_bytes = 300 * MIB + 1;
	assert_int_equal(pool__spare(&poor, 0, 0, 0), 1);
	poor.available_bytes = 300 * MIB;
	assert_int_equal(pool__spare(&poor, 0, 0, 0), 0);
	poor.available_bytes = 1;
	assert_int_equal(pool__spare(&poor, 0, 0, 0), 0);
	assert_int_equal(pool__spare(&pool, 0, 700 * MIB, 0), 0);
	assert_int_equal(pool__spare(&pool, 0, 701 * MIB, 0), 0);
}

static void numbers_near_the_end_of_64_bits_do_not_wrap_to_plenty(void **state)
{
	struct pool vast = pool;

	(void)state;
	/* A group without a limit. */
	assert_int_equal(pool__spare(&pool, 0, UINT64_MAX - MIB, 0), 0);
	assert_int_equal(pool__spare(&pool, 800 * MIB, UINT64_MAX - 310 * MIB, 0), 0);
	vast.reserve_bytes = INT64_MAX; /* the configuration's most */
	assert_int_equal(pool__spare(&vast, 0, (1ULL << 63) + MIB, 0), 0);
	vast.reserve_bytes = vast.promised_bytes = vast.overstated_bytes = UINT64_MAX;
	assert_int_equal(pool__spare(&vast, 800 * MIB, 0, 0), 0);
	assert_int_equal(pool__spare(&vast, UINT64_MAX, 0, UINT64_MAX), 0);
}

static void the_reserve_is_the_configured_size_or_else_a_part_of_the_machine(void **state)
{
	static const struct {
		uint64_t reserve_bytes;
		uint32_t reserve_ppm;
		uint64_t expected_bytes;
	} rows[] = {
		{0, 100000, 200000000},	 {0, 1000000, 2000000000},     {0, 0, 0},
		{64 * MIB, 0, 64 * MIB}, {64 * MIB, 100000, 64 * MIB},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config config = {.reserve_bytes = rows[i].reserve_bytes,
					.reserve_ppm = rows[i].reserve_ppm};
		struct pool fresh = {.machine_bytes = 2000000000};

		pool__configure(&fresh, &config);
		assert_int_equal(fresh.reserve_bytes, rows[i].expected_bytes);
	}
}

static void a_part_of_the_largest_machine_does_not_wrap(void **state)
{
	struct config config = {.reserve_ppm = 1000000};
	struct pool fresh = {.machine_bytes = UINT64_MAX};

	(void)state;
	pool__configure(&fresh, &config);
	assert_in_range(fresh.reserve_bytes, UINT64_MAX - 1000000, UINT64_MAX);
}

static void a_refresh_sees_this_machine_and_keeps_what_was_promised(void **state)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	struct pool fresh = {.reserve_bytes = 3, .promised_bytes = 4};

	(void)state;
	assert_int_equal(pool__refresh(&fresh), 0);
	assert_int_equal(fresh.machine_bytes, pages);
	assert_in_range(fresh.available_bytes, 1, fresh.machine_bytes);
	assert_in_range(fresh.overstated_bytes, 0, fresh.machine_bytes);
	assert_int_equal(fresh.reserve_bytes, 3);
	assert_int_equal(fresh.promised_bytes, 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_to_spare_lies_above_the_reserve_and_all_promises),
		cmocka_unit_test(what_an_event_saw_free_counts_without_what_it_overstates),
		cmocka_unit_test(what_the_group_may_still_fill_is_not_given_twice),
		cmocka_unit_test(a_group_never_takes_back_more_than_all_were_promised),
		cmocka_unit_test(a_machine_at_its_reserve_spares_nothing),
		cmocka_unit_test(numbers_near_the_end_of_64_bits_do_not_wrap_to_plenty),
		cmocka_unit_test(the_reserve_is_the_configured_size_or_else_a_part_of_the_machine),
		cmocka_unit_test(a_part_of_the_largest_machine_does_not_wrap),
		cmocka_unit_test(a_refresh_sees_this_machine_and_keeps_what_was_promised),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}

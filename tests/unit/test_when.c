/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/when.c to its promises. It never asks the time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/when.h"

#define NS 1000000000ULL
#define NOW (1700000000ULL * NS)

static void moments_are_read_as_rfc_3339_says(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} moments[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2023-11-14T22:13:20Z", NOW},
		{"2023-11-14t22:13:20z", NOW},
		{"2023-11-14T22:13:20.5Z", NOW + NS / 2},
		{"2023-11-14T22:13:20.000000001Z", NOW + 1},
		{"2023-11-15T00:13:20+02:00", NOW},
		{"2023-11-14T20:43:20-01:30", NOW},
		{"2024-02-29T00:00:00Z", 1709164800ULL * NS},
	};
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		assert_int_equal(when_parse(moments[i].text, 0, &ns), 0);
		assert_int_equal(ns, moments[i].ns);
	}
}

static void now_and_what_comes_after_it_count_from_now(void **state)
{
	uint64_t ns;

	(void)state;
	assert_int_equal(when_parse("now", NOW, &ns), 0);
	assert_int_equal(ns, NOW);
	assert_int_equal(when_parse("now+5m", NOW, &ns), 0);
	assert_int_equal(ns, NOW + 300 * NS);
	assert_int_equal(when_parse("now+20ms", NOW, &ns), 0);
	assert_int_equal(ns, NOW + NS / 50);
}

static void what_is_no_moment_is_refused_and_leaves_the_output(void **state)
{
	static const char *const texts[] = {
		"",
		"now-5m",
		"now+5",
		"nowhere",
		"2023-11-14",
		"2023-11-14T22:13:20",
		"2023-11-14 22:13:20Z",
		"2023-13-14T22:13:20Z",
		"2023-02-30T22:13:20Z",
		"2023-11-14T24:13:20Z",
		"2023-11-14T22:13:20.Z",
		"2023-11-14T22:13:20ZZ",
		"2023-11-14T22:13:20+2:00",
		"2023-11-14T22:13:20+02:00x",
		"23-11-14T22:13:20Z",
		"1700000000",
	};
	uint64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_true(when_parse(texts[i], NOW, &ns) < 0);
	assert_int_equal(ns, 42);
}

static void what_is_written_is_read_again(void **state)
{
	char text[32];
	uint64_t ns;

	(void)state;
	assert_string_equal(when_format(NOW + 123456789, text, sizeof(text)),
			    "2023-11-14T22:13:20.123456Z");
	assert_int_equal(when_parse(text, 0, &ns), 0);
	assert_int_equal(ns, NOW + 123456000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_are_read_as_rfc_3339_says),
		cmocka_unit_test(now_and_what_comes_after_it_count_from_now),
		cmocka_unit_test(what_is_no_moment_is_refused_and_leaves_the_output),
		cmocka_unit_test(what_is_written_is_read_again),
	};

	return cmocka_run_group_tests_name("when", tests, NULL, NULL);
}

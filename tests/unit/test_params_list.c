/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds options that may be given again to their promises. It never runs a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/params.h"

static struct param_list globs;

static const struct param params[] = {
	{"cgroup", 'g', PARAM_LIST, "GLOB", "Only these.", &globs, 0, 0},
	{0},
};

static const struct command command = {.name = "calibrate", .summary = "Look."};

static void all_are_kept_in_their_order(void **state)
{
	char *argv[] = {"calibrate", "--cgroup", "/a", "--cgroup=/b/*", "-g", "/c", NULL};

	(void)state;
	assert_int_equal(params_parse(&command, params, 6, argv), 0);
	assert_int_equal(globs.cnt, 3);
	assert_string_equal(globs.texts[0], "/a");
	assert_string_equal(globs.texts[1], "/b/*");
	assert_string_equal(globs.texts[2], "/c");
}

static void nothing_is_filled_in_when_the_line_is_wrong(void **state)
{
	char *argv[] = {"calibrate", "--cgroup", "/z", "--nonsense", NULL};

	(void)state;
	globs.cnt = 42;
	assert_true(params_parse(&command, params, 4, argv) < 0);
	assert_int_equal(globs.cnt, 42);
}

static void too_many_are_refused(void **state)
{
	char *argv[PARAM_LIST_MAX + 3] = {"calibrate"};

	(void)state;
	globs.cnt = 42;
	for (int i = 1; i <= PARAM_LIST_MAX + 1; i++)
		argv[i] = "--cgroup=/a";
	assert_true(params_parse(&command, params, PARAM_LIST_MAX + 2, argv) < 0);
	assert_int_equal(globs.cnt, 42);
	assert_int_equal(params_parse(&command, params, PARAM_LIST_MAX + 1, argv), 0);
	assert_int_equal(globs.cnt, PARAM_LIST_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_kept_in_their_order),
		cmocka_unit_test(nothing_is_filled_in_when_the_line_is_wrong),
		cmocka_unit_test(too_many_are_refused),
	};

	return cmocka_run_group_tests_name("params_list", tests, NULL, NULL);
}

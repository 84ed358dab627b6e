/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds what user/knob.c compares to its promises. It never opens a knob. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/knob.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define LINE "8:0 rbps=1048576 wbps=max riops=max wiops=max"

struct row {
	const char *wrote, *standing;
};

static const struct row agreeing[] = {
	{"30000 100000\n", "30000 100000"},
	{"30000\n", "30000 100000"},
	{" 30000\t100000", "30000 100000"},
	{"max", "max 100000"},
	{"300", "300"},
	{"8:0 rbps=1048576\n", LINE},
	{"8:0 wbps=max rbps=1048576", LINE},
	{LINE "\n", LINE}, /* as systemd writes it */
};

static const struct row differing[] = {
	{"", "30000 100000"},
	{" \n", "30000 100000"},
	{"30000 50000", "30000 100000"},
	/* A quota, though the period is the same number. */
	{"100000", "30000 100000"},
	{"3000", "30000 100000"},
	{"30000", "3000 100000"},
	{"-5", "300"},
	{"8:16 rbps=1048576", LINE},
	{"8:0 rbps=104857", LINE},
	{"8:0 rbps=1048576 wbps=1", LINE},
	{"rbps=1048576", LINE},
	/* Cut: what was to follow is not known. */
	{"8:0 rbps=1048576 wbps=max riops=max wio", LINE},
	{"8:0 rbps=1048576", ""},
};

static void what_stands_already_is_agreed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(agreeing); i++)
		if (!knob_agrees(agreeing[i].wrote, agreeing[i].standing))
			fail_msg("'%s' in '%s'", agreeing[i].wrote, agreeing[i].standing);
}

static void another_value_is_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(differing); i++)
		if (knob_agrees(differing[i].wrote, differing[i].standing))
			fail_msg("'%s' in '%s'", differing[i].wrote, differing[i].standing);
}

static void a_whole_line_of_io_max_fits_a_record(void **state)
{
	const struct cgbpf_write_event event = {};

	(void)state;
	assert_true(sizeof("259:1048575 rbps=10000000000 wbps=10000000000 riops=10000000 "
			   "wiops=10000000\n") <= sizeof(event.value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_already_is_agreed),
		cmocka_unit_test(another_value_is_not),
		cmocka_unit_test(a_whole_line_of_io_max_fits_a_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

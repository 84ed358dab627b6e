/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/cpuset.c to the kernel's way of writing sets of CPUs. It never looks at this machine's
 * CPUs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/cpuset.h"

static struct cpuset of(const char *text)
{
	struct cpuset set = {};

	if (*text)
		assert_int_equal(cpuset_parse(text, &set), 0);
	return set;
}

static void a_list_is_read_and_written_in_its_shortest_form(void **state)
{
	static const struct {
		const char *text, *shortest;
	} rows[] = {{"0", "0"},		{"0-3", "0-3"},
		    {"0-3\n", "0-3"},	{"3,1,2,0", "0-3"},
		    {"0,2,4", "0,2,4"}, {"4-4", "4"},
		    {"62-65", "62-65"}, {"0-1,3-8191", "0-1,3-8191"}};
	char buf[CPUSET_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cpuset set = of(rows[i].text);

		assert_string_equal(cpuset_format(&set, buf, sizeof(buf)), rows[i].shortest);
	}
}

static void what_is_no_list_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {{"", -EINVAL},	  {"\n", -EINVAL},	  {"a", -EINVAL},
		    {"0-", -EINVAL},	  {"-3", -EINVAL},	  {"3-0", -EINVAL},
		    {"0,", -EINVAL},	  {",0", -EINVAL},	  {"0,,1", -EINVAL},
		    {"0 1", -EINVAL},	  {" 0", -EINVAL},	  {"0\n\n", -EINVAL},
		    {"0-3:1/2", -EINVAL}, {"+1", -EINVAL},	  {"0-1,1", -EEXIST},
		    {"5,5", -EEXIST},	  {"8192", -ERANGE},	  {"0-8192", -ERANGE},
		    {"0x1", -EINVAL},	  {"4294967296", -ERANGE}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cpuset set = of("7");
		int err = cpuset_parse(rows[i].text, &set);

		if (err != rows[i].err)
			fail_msg("'%s': %d", rows[i].text, err);
		assert_true(set.words[0] == 1 << 7);
	}
}

static void sets_are_joined_and_compared(void **state)
{
	struct cpuset some = of("0-3,70"), more = of("0-3,64-79"), other = of("4-6"), none = {};

	(void)state;
	assert_int_equal(cpuset_first_outside(&some, &more), -1);
	assert_int_equal(cpuset_first_outside(&more, &some), 64);
	assert_int_equal(cpuset_first_shared(&some, &other), -1);
	assert_int_equal(cpuset_first_shared(&some, &more), 0);
	assert_true(cpuset_is_empty(&none));
	assert_false(cpuset_is_empty(&some));
	cpuset_add(&none, &some);
	assert_true(cpuset_is_equal(&none, &some));
	cpuset_add(&none, &other);
	assert_int_equal(cpuset_first_outside(&none, &some), 4);
}

static void a_text_that_does_not_fit_is_cut_and_ended(void **state)
{
	struct cpuset set = of("0,2,4,6,8");
	char buf[6];

	(void)state;
	cpuset_format(&set, buf, sizeof(buf));
	assert_int_equal(strlen(buf), 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_read_and_written_in_its_shortest_form),
		cmocka_unit_test(what_is_no_list_is_refused_and_changes_nothing),
		cmocka_unit_test(sets_are_joined_and_compared),
		cmocka_unit_test(a_text_that_does_not_fit_is_cut_and_ended),
	};

	return cmocka_run_group_tests_name("cpuset", tests, NULL, NULL);
}

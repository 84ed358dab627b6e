/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the words of user/explain.c to their form. It never judges their sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/explain.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz_"

static void every_reason_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (int i = REASON_NONE; i < REASON_MAX; i++) {
		if (!reason_name(i) || !reason_sentence(i))
			fail_msg("reason %d has no words", i);
		assert_in_range(strlen(reason_name(i)), 2, 31);
		assert_in_range(strlen(reason_sentence(i)), 5, 99);
	}
}

static void a_name_is_one_lower_case_word(void **state)
{
	(void)state;
	for (int i = REASON_NONE; i < REASON_MAX; i++)
		if (strspn(reason_name(i), NAME_LETTERS) != strlen(reason_name(i)))
			fail_msg("'%s' is no name", reason_name(i));
}

static void no_two_reasons_share_their_words(void **state)
{
	(void)state;
	for (int i = REASON_NONE; i < REASON_MAX; i++)
		for (int j = REASON_NONE; j < i; j++)
			if (strcmp(reason_name(i), reason_name(j)) == 0 ||
			    strcmp(reason_sentence(i), reason_sentence(j)) == 0)
				fail_msg("reasons %d and %d read the same", j, i);
}

/* It stands after a colon or a dash, in a line of its own. */
static void a_sentence_is_part_of_a_line(void **state)
{
	(void)state;
	for (int i = REASON_NONE; i < REASON_MAX; i++) {
		const char *sentence = reason_sentence(i);
		char last = sentence[strlen(sentence) - 1];

		for (const char *p = sentence; *p; p++)
			if (*p < ' ' || *p > '~')
				fail_msg("'%s' is not plain ASCII", sentence);
		if (sentence[0] < 'a' || sentence[0] > 'z' || strchr(". ,:;", last))
			fail_msg("'%s' does not fit into a line", sentence);
	}
}

static void an_unknown_reason_is_no_reason(void **state)
{
	static const enum reason unknown[] = {REASON_MAX, REASON_MAX + 1, (enum reason) - 1,
					      (enum reason)0x80000000};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_string_equal(reason_name(unknown[i]), "none");
		assert_string_equal(reason_sentence(unknown[i]), "no reason");
	}
}

/* The journal is read by programs: these do not change. */
static void names_in_the_journal_stay_what_they_are(void **state)
{
	(void)state;
	assert_string_equal(reason_name(REASON_NONE), "none");
	assert_string_equal(reason_name(REASON_WATERMARK), "watermark");
	assert_string_equal(reason_name(REASON_TIME_TO_LIMIT), "time_to_limit");
	assert_string_equal(reason_name(REASON_OOM), "oom");
	assert_string_equal(reason_name(REASON_HARD_LIMIT), "hard_limit");
	assert_string_equal(reason_name(REASON_PARENT_BINDS), "parent_binds");
	assert_string_equal(reason_name(REASON_NO_HEADROOM), "no_headroom");
	assert_string_equal(reason_name(REASON_CALM), "calm");
	assert_string_equal(reason_name(REASON_EXIT), "exit");
	assert_string_equal(reason_name(REASON_FOREIGN_NEW), "foreign_new");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_name_and_a_sentence),
		cmocka_unit_test(a_name_is_one_lower_case_word),
		cmocka_unit_test(no_two_reasons_share_their_words),
		cmocka_unit_test(a_sentence_is_part_of_a_line),
		cmocka_unit_test(an_unknown_reason_is_no_reason),
		cmocka_unit_test(names_in_the_journal_stay_what_they_are),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}

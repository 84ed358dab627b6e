/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/text.c to its promises. It never prints what it escapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "user/text.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define LARGE (16U << 20)

struct row {
	const char *bytes, *text;
};

static const struct row harmless[] = {
	{"", ""},
	{"/lab/memory-hog %n $(id) \"'", "/lab/memory-hog %n $(id) \"'"},
	{"a\\b", "a\\\\b"},
	{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	{"\xe2\x82\xac\xf0\x9f\x90\xa7", "\xe2\x82\xac\xf0\x9f\x90\xa7"},
	{"\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	 "\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
};

static const struct row controls[] = {
	{"\x1b[2J\r\n\t\a", "\\x1b[2J\\x0d\\x0a\\x09\\x07"},
	{"\x01\x1f\x7f", "\\x01\\x1f\\x7f"},
	{"\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f"},
	{"\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
};

static const struct row reorderings[] = {
	{"\xe2\x80\xaa\xe2\x80\xae", "\\xe2\\x80\\xaa\\xe2\\x80\\xae"},
	{"\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},
	{"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c"},
	{"\xe2\x80\x8b\xef\xbb\xbf", "\\xe2\\x80\\x8b\\xef\\xbb\\xbf"},
	{"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"},
};

static const struct row invalid[] = {
	{"\x80", "\\x80"},
	{"\xff\xfe", "\\xff\\xfe"},
	{"\xc3", "\\xc3"},
	{"\xc3(", "\\xc3("},
	{"\xe2\x82", "\\xe2\\x82"},
	{"\xe2\x82"
	 "a",
	 "\\xe2\\x82"
	 "a"},
	{"\xf0\x9f\x90", "\\xf0\\x9f\\x90"},
	{"\xc0\xaf", "\\xc0\\xaf"},
	{"\xc1\xbf", "\\xc1\\xbf"},
	{"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},
	{"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},
	{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
	{"\xed\xbf\xbf", "\\xed\\xbf\\xbf"},
	{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	{"\xfc\x80\x80\x80", "\\xfc\\x80\\x80\\x80"},
	{"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
};

static void check_rows(const struct row *rows, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		char buf[128], *dup = text_escape_dup(rows[i].bytes);

		assert_ptr_equal(
			text_escape(rows[i].bytes, strlen(rows[i].bytes), buf, sizeof(buf)), buf);
		assert_string_equal(buf, rows[i].text);
		assert_non_null(dup);
		assert_string_equal(dup, rows[i].text);
		free(dup);
	}
}

static void printable_text_stays(void **state)
{
	(void)state;
	check_rows(harmless, ARRAY_SIZE(harmless));
}

static void no_control_reaches_a_terminal(void **state)
{
	(void)state;
	check_rows(controls, ARRAY_SIZE(controls));
}

static void nothing_hides_or_reorders_the_text_after_it(void **state)
{
	(void)state;
	check_rows(reorderings, ARRAY_SIZE(reorderings));
}

static void invalid_utf8_is_shown_byte_by_byte(void **state)
{
	(void)state;
	check_rows(invalid, ARRAY_SIZE(invalid));
}

static void a_nul_within_the_length_is_escaped(void **state)
{
	char buf[16];

	(void)state;
	assert_string_equal(text_escape("a\0b", 3, buf, sizeof(buf)), "a\\x00b");
}

static void what_does_not_fit_ends_in_an_ellipsis(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} rows[] = {
		{"abcdef", 7, "abcdef"},
		{"abcdef", 6, "ab\xe2\x80\xa6"},
		{"abcdef", 5, "a\xe2\x80\xa6"},
		{"abcdef", 4, "\xe2\x80\xa6"},
		{"abcdef", 3, ""},
		{"ab", 3, "ab"},
		{"abcdef", 1, ""},
		{"", 1, ""},
		{"a\x1b"
		 "bc",
		 7, "a\xe2\x80\xa6"},
		{"ab\x1b"
		 "cd",
		 8, "ab\xe2\x80\xa6"},
		{"a\xf0\x9f\x90\xa7"
		 "bcd",
		 8, "a\xe2\x80\xa6"},
		{"a\xf0\x9f\x90\xa7"
		 "bcd",
		 9,
		 "a\xf0\x9f\x90\xa7"
		 "bcd"},
		{"\\\\\\", 6, "\\\\\xe2\x80\xa6"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *buf = malloc(rows[i].len);

		text_escape(rows[i].bytes, strlen(rows[i].bytes), buf, rows[i].len);
		assert_string_equal(buf, rows[i].text);
		free(buf);
	}
}

static void no_buffer_is_too_small(void **state)
{
	static const char bytes[] = "\x1b\xc3\xbc\\\xff\xf0\x9f\x90\xa7z\xe2\x80\xae";

	(void)state;
	for (size_t taken = 0; taken < sizeof(bytes); taken++) {
		for (size_t len = 0; len < 64; len++) {
			char *given = malloc(taken + 1), *buf = malloc(len + 1);

			memcpy(given, bytes, taken);
			buf[len] = '!';
			assert_ptr_equal(text_escape(given, taken, buf, len), buf);
			assert_int_equal(buf[len], '!');
			if (len)
				assert_true(strnlen(buf, len) < len);
			free(given);
			free(buf);
		}
	}
}

static void json_text_is_valid_and_says_what_was_replaced(void **state)
{
	static const struct {
		const char *bytes, *text;
		bool is_exact;
	} rows[] = {
		{"", "", true},
		{"a\\\"\n\x1b", "a\\\"\n\x1b", true},
		{"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7",
		 true},
		{"\xef\xbf\xbd", "\xef\xbf\xbd", true},
		{"a\xff"
		 "b",
		 "a\xef\xbf\xbd"
		 "b",
		 false},
		{"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd", false},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false},
		{"\xc0\xaf/", "\xef\xbf\xbd\xef\xbf\xbd/", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool is_exact = !rows[i].is_exact;
		char *text = text_to_utf8(rows[i].bytes, &is_exact);

		assert_non_null(text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(is_exact, rows[i].is_exact);
		free(text);
		free(text_to_utf8(rows[i].bytes, NULL));
	}
}

static void hex_has_two_digits_for_each_byte(void **state)
{
	char *hex = text_hex_dup("/a\x01\xff");

	(void)state;
	assert_string_equal(hex, "2f6101ff");
	free(hex);
	hex = text_hex_dup("");
	assert_string_equal(hex, "");
	free(hex);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void sixteen_mebibytes_take_less_than_ten_seconds(void **state)
{
	char *bytes = malloc(LARGE + 1), *dup, *text, buf[64];
	double start = seconds_now();

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 0xff, LARGE);
	bytes[LARGE] = '\0';
	dup = text_escape_dup(bytes);
	assert_non_null(dup);
	assert_int_equal(strlen(dup), 4UL * LARGE);
	text = text_to_utf8(bytes, NULL);
	assert_non_null(text);
	assert_int_equal(strlen(text), 3UL * LARGE);
	text_escape(bytes, LARGE, buf, sizeof(buf));
	assert_int_equal(strlen(buf), 63);
	free(text);
	free(dup);
	free(bytes);
	assert_true(seconds_now() - start < 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable_text_stays),
		cmocka_unit_test(no_control_reaches_a_terminal),
		cmocka_unit_test(nothing_hides_or_reorders_the_text_after_it),
		cmocka_unit_test(invalid_utf8_is_shown_byte_by_byte),
		cmocka_unit_test(a_nul_within_the_length_is_escaped),
		cmocka_unit_test(what_does_not_fit_ends_in_an_ellipsis),
		cmocka_unit_test(no_buffer_is_too_small),
		cmocka_unit_test(json_text_is_valid_and_says_what_was_replaced),
		cmocka_unit_test(hex_has_two_digits_for_each_byte),
		cmocka_unit_test(sixteen_mebibytes_take_less_than_ten_seconds),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}

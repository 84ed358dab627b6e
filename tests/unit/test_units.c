/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/units.c to its promises. It never reads a locale or a clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "user/units.h"

#define UNTOUCHED 0x5ca1ab1e
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct row {
	const char *text;
	int err;
	uint64_t value;
};

static void check_rows(const struct row *rows, size_t cnt, int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < cnt; i++) {
		uint64_t value = UNTOUCHED;
		int err = parse(rows[i].text, &value);
		uint64_t expected = rows[i].err ? UNTOUCHED : rows[i].value;

		if (err != rows[i].err || value != expected)
			fail_msg("'%s': %d and %ju, not %d and %ju", rows[i].text, err,
				 (uintmax_t)value, rows[i].err, (uintmax_t)expected);
	}
}

static void a_size_is_a_number_with_a_binary_unit(void **state)
{
	static const struct row rows[] = {
		{"0", 0, 0},
		{"4096", 0, 4096},
		{"512B", 0, 512},
		{"10K", 0, 10240},
		{"10KB", 0, 10240},
		{"10KiB", 0, 10240},
		{"64M", 0, 64 << 20},
		{"1.5G", 0, 3ULL << 29},
		{"1TiB", 0, 1ULL << 40},
		{"0.5K", 0, 512},
		{"1.0001K", 0, 1024},
		{"007K", 0, 7168},
		{"9223372036854775807", 0, INT64_MAX},
		{"8388607.999999T", 0, 9223372036853676296ULL},
		{"0.000000000000000001T", 0, 0},
		{"9223372036854775808", -ERANGE, 0},
		{"8388608T", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"99999999999999999999999K", -ERANGE, 0},
		{"0.0000000000000000001T", -EINVAL, 0},
		{"99999999999999999999999Q", -EINVAL, 0},
		{"", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1 M", -EINVAL, 0},
		{"1M\n", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{".5G", -EINVAL, 0},
		{"5.G", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"1.5B", -EINVAL, 0},
		{"1.5.5G", -EINVAL, 0},
		{"1,5G", -EINVAL, 0},
		{"64m", -EINVAL, 0},
		{"64k", -EINVAL, 0},
		{"64iB", -EINVAL, 0},
		{"64Mi", -EINVAL, 0},
		{"1G extra", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
		{"max", -EINVAL, 0},
		{"M", -EINVAL, 0},
		{"1\xd9\xa1", -EINVAL, 0},
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows), units_parse_bytes);
}

static void a_duration_always_has_a_unit(void **state)
{
	static const struct row rows[] = {
		{"0ns", 0, 0},
		{"100ns", 0, 100},
		{"500us", 0, 500000},
		{"20ms", 0, 20000000},
		{"1.5s", 0, 1500000000},
		{"60s", 0, 60000000000},
		{"2m", 0, 120000000000},
		{"1h", 0, 3600000000000},
		{"0.000001s", 0, 1000},
		{"9223372036854775807ns", 0, INT64_MAX},
		{"9223372036854775808ns", -ERANGE, 0},
		{"9223372036855ms", -ERANGE, 0},
		{"99999999999999999999999h", -ERANGE, 0},
		{"0", -EINVAL, 0},
		{"20", -EINVAL, 0},
		{"1.5ns", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"1sec", -EINVAL, 0},
		{"1d", -EINVAL, 0},
		{"1h30m", -EINVAL, 0},
		{"20 ms", -EINVAL, 0},
		{"ms", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows), units_parse_duration);
}

static int parse_percent(const char *text, uint64_t *ret)
{
	uint32_t ppm = *ret;
	int err = units_parse_percent(text, &ppm);

	*ret = ppm;
	return err;
}

static void a_percentage_is_0_to_100_with_its_sign(void **state)
{
	static const struct row rows[] = {
		{"0%", 0, 0},
		{"90%", 0, 900000},
		{"12.5%", 0, 125000},
		{"0.0001%", 0, 1},
		{"0.00001%", 0, 0},
		{"100%", 0, 1000000},
		{"100.0001%", -ERANGE, 0},
		{"101%", -ERANGE, 0},
		{"99999999999999999999999%", -ERANGE, 0},
		{"90", -EINVAL, 0},
		{"0.9", -EINVAL, 0},
		{"-1%", -EINVAL, 0},
		{"90 %", -EINVAL, 0},
		{"90%%", -EINVAL, 0},
		{"%", -EINVAL, 0},
		{"", -EINVAL, 0},
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows), parse_percent);
}

static void a_limit_is_written_as_it_is_read(void **state)
{
	char buf[24];

	(void)state;
	assert_string_equal(units_format_limit(UINT64_MAX, buf, sizeof(buf)), "max");
	assert_string_equal(units_format_limit(0, buf, sizeof(buf)), "0");
	assert_string_equal(units_format_limit(UINT64_MAX - 1, buf, sizeof(buf)),
			    "18446744073709551614");
}

static void a_limit_is_what_the_kernel_prints_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{"0\n", 0, 0},
		{"67108864\n", 0, 64 << 20},
		{"67108864", 0, 64 << 20},
		{"max\n", 0, UINT64_MAX},
		{"max", 0, UINT64_MAX},
		{"9223372036854771712\n", 0, 9223372036854771712ULL},
		{"18446744073709551614", 0, UINT64_MAX - 1},
		{"18446744073709551615", -ERANGE, 0},
		{"99999999999999999999999\n", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"\n", -EINVAL, 0},
		{"max\n\n", -EINVAL, 0},
		{"maximal", -EINVAL, 0},
		{"max 5", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"1M", -EINVAL, 0},
		{"1 2", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows), units_parse_limit);
}

static void sixteen_bytes_show_any_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.0 KiB"},
		{1075, "1.0 KiB"},
		{1076, "1.1 KiB"},
		{64 << 20, "64.0 MiB"},
		{(1 << 20) - 1, "1.0 MiB"},
		{1023 << 10, "1023.0 KiB"},
		{3ULL << 29, "1.5 GiB"},
		{1ULL << 40, "1.0 TiB"},
		{1ULL << 50, "1.0 PiB"},
		{INT64_MAX, "8.0 EiB"},
		{UINT64_MAX - 1, "16.0 EiB"},
		{UINT64_MAX, "max"},
	};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_ptr_equal(units_format_bytes(rows[i].bytes, buf, sizeof(buf)), buf);
		assert_string_equal(buf, rows[i].text);
	}
}

static void sixteen_bytes_show_any_duration(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "0 ns"},	       {999, "999 ns"},		{1000, "1 us"},
		{412345, "412 us"},    {999499, "999 us"},	{999500, "1.0 ms"},
		{20000000, "20.0 ms"}, {999949999, "999.9 ms"}, {999950000, "1.0 s"},
		{1500000000, "1.5 s"}, {60000000000, "60.0 s"}, {UINT64_MAX, "18446744073.7 s"},
	};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_ptr_equal(units_format_duration(rows[i].ns, buf, sizeof(buf)), buf);
		assert_string_equal(buf, rows[i].text);
	}
}

static void a_short_buffer_cuts_and_never_overflows(void **state)
{
	char buf[4] = "....";

	(void)state;
	units_format_bytes(64 << 20, buf, 3);
	assert_memory_equal(buf, "64\0.", 4);
	units_format_duration(20000000, buf, 0);
	assert_memory_equal(buf, "64\0.", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_is_a_number_with_a_binary_unit),
		cmocka_unit_test(a_duration_always_has_a_unit),
		cmocka_unit_test(a_percentage_is_0_to_100_with_its_sign),
		cmocka_unit_test(a_limit_is_what_the_kernel_prints_and_nothing_else),
		cmocka_unit_test(a_limit_is_written_as_it_is_read),
		cmocka_unit_test(sixteen_bytes_show_any_size),
		cmocka_unit_test(sixteen_bytes_show_any_duration),
		cmocka_unit_test(a_short_buffer_cuts_and_never_overflows),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}

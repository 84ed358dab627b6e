/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the words of quantities: sizes, times, shares and limits. It never guesses a unit. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/units.h"

#define NSEC_PER_USEC 1000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL
#define PPM_PER_PERCENT 10000U

/* With these many, (10^digits * the largest multiple) still fits 128 bits. */
#define FRACTION_DIGITS_MAX 18

struct unit {
	const char *suffix;
	uint64_t multiple;
};

static const struct unit byte_units[] = {
	{"", 1},
	{"B", 1},
	{"K", 1ULL << 10},
	{"KB", 1ULL << 10},
	{"KiB", 1ULL << 10},
	{"M", 1ULL << 20},
	{"MB", 1ULL << 20},
	{"MiB", 1ULL << 20},
	{"G", 1ULL << 30},
	{"GB", 1ULL << 30},
	{"GiB", 1ULL << 30},
	{"T", 1ULL << 40},
	{"TB", 1ULL << 40},
	{"TiB", 1ULL << 40},
	{NULL, 0},
};

static const struct unit time_units[] = {
	{"ns", 1},	     {"us", NSEC_PER_USEC},    {"ms", NSEC_PER_MSEC},
	{"s", NSEC_PER_SEC}, {"m", 60 * NSEC_PER_SEC}, {"h", 3600 * NSEC_PER_SEC},
	{NULL, 0},
};

static const struct unit core_units[] = {{"", 1000000}, {"%", PPM_PER_PERCENT}, {NULL, 0}};
static const struct unit percent_units[] = {{"%", PPM_PER_PERCENT}, {NULL, 0}};

/* Digits up to the first byte that is none; false when there are none. Too large a number becomes
 * UINT64_MAX. */
static bool read_digits(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *p - '0', &value)) {
			while (isdigit((unsigned char)*p))
				p++;
			value = UINT64_MAX;
			break;
		}
	}
	*text = p;
	*ret = value;
	return true;
}

static int parse(const char *text, const struct unit *unit, uint64_t max, uint64_t *ret)
{
	uint64_t whole, fraction = 0, scale = 1;
	__extension__ unsigned __int128 value;

	if (!read_digits(&text, &whole))
		return -EINVAL;
	if (*text == '.') {
		const char *first = ++text;

		if (!read_digits(&text, &fraction) || text - first > FRACTION_DIGITS_MAX)
			return -EINVAL;
		for (; first < text; first++)
			scale *= 10;
	}
	while (unit->suffix && strcmp(unit->suffix, text) != 0)
		unit++;
	/* There is no half of a byte or of a nanosecond. */
	if (!unit->suffix || (unit->multiple == 1 && scale > 1))
		return -EINVAL;

	value = whole;
	value *= unit->multiple;
	value += (typeof(value))fraction * unit->multiple / scale;
	if (whole == UINT64_MAX || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int units_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	return parse(text, byte_units, INT64_MAX, ret_bytes);
}

int units_parse_duration(const char *text, uint64_t *ret_ns)
{
	return parse(text, time_units, INT64_MAX, ret_ns);
}

int units_parse_percent(const char *text, uint32_t *ret_ppm)
{
	uint64_t ppm;
	int err = parse(text, percent_units, 100 * PPM_PER_PERCENT, &ppm);

	if (!err)
		*ret_ppm = ppm;
	return err;
}

int units_parse_cores(const char *text, uint64_t *ret_ppm)
{
	return parse(text, core_units, INT64_MAX, ret_ppm);
}

int units_parse_limit(const char *text, uint64_t *ret_bytes)
{
	uint64_t value = UINT64_MAX;
	bool is_max = strncmp(text, "max", 3) == 0;

	if (is_max)
		text += 3;
	else if (!read_digits(&text, &value))
		return -EINVAL;
	if (*text == '\n')
		text++;
	if (*text)
		return -EINVAL;
	if (!is_max && value == UINT64_MAX)
		return -ERANGE;
	*ret_bytes = value;
	return 0;
}

char *units_format_limit(uint64_t bytes, char *buf, size_t len)
{
	if (bytes == UINT64_MAX)
		snprintf(buf, len, "max");
	else
		snprintf(buf, len, "%" PRIu64, bytes);
	return buf;
}

char *units_format_bytes(uint64_t bytes, char *buf, size_t len)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t i = 0;
	uint64_t unit = 1ULL << 10, tenths;

	if (bytes == UINT64_MAX) {
		snprintf(buf, len, "max");
		return buf;
	}
	if (bytes < unit) {
		snprintf(buf, len, "%" PRIu64 " B", bytes);
		return buf;
	}
	for (;; unit <<= 10, i++) {
		tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
		if (tenths < 10240 || i + 1 == sizeof(names) / sizeof(names[0]))
			break;
	}
	snprintf(buf, len, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, names[i]);
	return buf;
}

char *units_format_cores(uint64_t ppm, char *buf, size_t len)
{
	if (ppm == UINT64_MAX)
		snprintf(buf, len, "max");
	else
		snprintf(buf, len, "%" PRIu64 ".%02" PRIu64 " CPUs", ppm / 1000000,
			 ppm % 1000000 / 10000);
	return buf;
}

char *units_format_duration(uint64_t ns, char *buf, size_t len)
{
	uint64_t us = ns / NSEC_PER_USEC + (ns % NSEC_PER_USEC >= NSEC_PER_USEC / 2);
	uint64_t unit = NSEC_PER_MSEC, tenths;

	if (ns < NSEC_PER_USEC) {
		snprintf(buf, len, "%" PRIu64 " ns", ns);
		return buf;
	}
	if (us < 1000) {
		snprintf(buf, len, "%" PRIu64 " us", us);
		return buf;
	}
	if (ns >= NSEC_PER_SEC - NSEC_PER_MSEC / 20)
		unit = NSEC_PER_SEC;
	tenths = ns / unit * 10 + (ns % unit * 10 + unit / 2) / unit;
	snprintf(buf, len, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10,
		 unit == NSEC_PER_SEC ? "s" : "ms");
	return buf;
}

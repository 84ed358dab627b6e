// SPDX-License-Identifier: BSD-2-Clause
/* Reads and writes RFC 3339 and offsets from now. It never asks the time and knows no time zones.
 */
#include "user/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/units.h"

#define NS 1000000000ULL
#define NOW "now"

/* COUNT digits at *AT, which then points behind them and behind END (0: nothing). */
static bool take_number(const char **at, int count, char end, int least, int most, int *ret)
{
	int number = 0;

	for (int i = 0; i < count; i++) {
		if (!isdigit((unsigned char)**at))
			return false;
		number = number * 10 + *(*at)++ - '0';
	}
	if (end && tolower((unsigned char)*(*at)++) != end)
		return false;
	*ret = number;
	return number >= least && number <= most;
}

static bool take_fraction(const char **at, uint64_t *ret_ns)
{
	uint64_t ns = 0, unit = NS;

	if (**at == '.') {
		if (!isdigit((unsigned char)*++*at))
			return false;
		for (; isdigit((unsigned char)**at); ++*at)
			ns += (unit /= 10) * (uint64_t)(**at - '0');
	}
	*ret_ns = ns;
	return true;
}

/* Seconds that local time is ahead of UTC. */
static bool take_zone(const char *at, int *ret_ahead)
{
	int hours = 0, minutes = 0, sign = *at == '-' ? -1 : 1;

	if (tolower((unsigned char)*at) == 'z') {
		*ret_ahead = 0;
		return !at[1];
	}
	if (*at != '+' && *at != '-')
		return false;
	at++;
	if (!take_number(&at, 2, ':', 0, 23, &hours) || !take_number(&at, 2, 0, 0, 59, &minutes))
		return false;
	*ret_ahead = sign * (hours * 60 + minutes) * 60;
	return !*at;
}

static int parse_stamp(const char *text, uint64_t *ret_ns)
{
	struct tm utc = {};
	uint64_t fraction;
	int ahead, day;
	time_t seconds;

	if (!take_number(&text, 4, '-', 1970, 2500, &utc.tm_year) ||
	    !take_number(&text, 2, '-', 1, 12, &utc.tm_mon) ||
	    !take_number(&text, 2, 't', 1, 31, &utc.tm_mday) ||
	    !take_number(&text, 2, ':', 0, 23, &utc.tm_hour) ||
	    !take_number(&text, 2, ':', 0, 59, &utc.tm_min) ||
	    !take_number(&text, 2, 0, 0, 60, &utc.tm_sec) || !take_fraction(&text, &fraction) ||
	    !take_zone(text, &ahead))
		return -EINVAL;
	day = utc.tm_mday;
	utc.tm_year -= 1900;
	utc.tm_mon -= 1;
	seconds = timegm(&utc);
	if (utc.tm_mday != day)
		return -EINVAL; /* the 30th of February */
	seconds -= ahead;
	if (seconds < 0)
		return -ERANGE;
	*ret_ns = (uint64_t)seconds * NS + fraction;
	return 0;
}

int when_parse(const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
	uint64_t ahead_ns;
	int err;

	if (strncmp(text, NOW, strlen(NOW)) != 0)
		return parse_stamp(text, ret_ns);
	text += strlen(NOW);
	if (!*text) {
		*ret_ns = now_ns;
		return 0;
	}
	err = *text == '+' ? units_parse_duration(text + 1, &ahead_ns) : -EINVAL;
	if (err)
		return err;
	if (ahead_ns > UINT64_MAX - now_ns)
		return -ERANGE;
	*ret_ns = now_ns + ahead_ns;
	return 0;
}

char *when_format(uint64_t ns, char *buf, size_t len)
{
	time_t seconds = (time_t)(ns / NS);
	char date[24] = "";
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(buf, len, "%s.%06uZ", date, (unsigned int)(ns % NS / 1000));
	return buf;
}

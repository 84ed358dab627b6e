// SPDX-License-Identifier: BSD-2-Clause
/* Owns the arithmetic between cpu.max and cores. It never reads a file. */
#include "user/quota.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/amount.h"
#include "user/units.h"

typedef unsigned __int128 wide;

int quota_parse(const char *text, struct quota *ret_quota)
{
	const char *space = strchr(text, ' ');
	struct quota quota;
	char first[24];

	if (!space || (size_t)(space - text) >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, space - text);
	first[space - text] = '\0';
	if (units_parse_limit(first, &quota.quota_us) ||
	    units_parse_limit(space + 1, &quota.period_us) || !quota.period_us ||
	    quota.period_us == UINT64_MAX)
		return -EINVAL;
	*ret_quota = quota;
	return 0;
}

char *quota_format(const struct quota *quota, char *buf, size_t len)
{
	if (quota->quota_us == UINT64_MAX)
		snprintf(buf, len, "max %" PRIu64, quota->period_us);
	else
		snprintf(buf, len, "%" PRIu64 " %" PRIu64, quota->quota_us, quota->period_us);
	return buf;
}

uint64_t quota_cores_ppm(const struct quota *quota)
{
	wide ppm = ((wide)quota->quota_us * PPM + quota->period_us / 2) / quota->period_us;

	return quota->quota_us == UINT64_MAX || ppm > UINT64_MAX ? UINT64_MAX : (uint64_t)ppm;
}

uint64_t quota_for(uint64_t cores_ppm, uint64_t period_us)
{
	/* Rounded, so that what quota_cores_ppm made of a quota becomes that quota again. */
	wide quota_us = ((wide)cores_ppm * period_us + PPM / 2) / PPM;

	if (cores_ppm == UINT64_MAX || quota_us > INT64_MAX)
		return UINT64_MAX;
	return quota_us < QUOTA_LEAST_US ? QUOTA_LEAST_US : (uint64_t)quota_us;
}

uint64_t quota_rounded_ppm(uint64_t cores_ppm, uint64_t period_us)
{
	struct quota quota = {quota_for(cores_ppm, period_us), period_us};

	return quota_cores_ppm(&quota);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the text of one device's limits. It never reads a file. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/io.h"
#include "user/knob.h"
#include "user/units.h"

static const char *const names[IO_KINDS] = {"rbps", "wbps", "riops", "wiops"};

const char *io_kind_name(enum io_kind kind)
{
	return kind < IO_KINDS ? names[kind] : "unknown";
}

int io_parse(const char *line, uint64_t ret_rates[IO_KINDS])
{
	uint64_t rates[IO_KINDS];

	for (int kind = 0; kind < IO_KINDS; kind++) {
		char key[16], number[24];
		const char *at;
		size_t len;

		snprintf(key, sizeof(key), " %s=", names[kind]);
		at = strstr(line, key);
		if (!at)
			return -EINVAL;
		at += strlen(key);
		len = strcspn(at, " \n");
		if (len >= sizeof(number))
			return -EINVAL;
		memcpy(number, at, len);
		number[len] = '\0';
		if (units_parse_limit(number, &rates[kind]))
			return -EINVAL;
	}
	memcpy(ret_rates, rates, sizeof(rates));
	return 0;
}

char *io_format(uint32_t device, const uint64_t rates[IO_KINDS], char *buf, size_t len)
{
	char name[KNOB_DEVICE_LEN];
	size_t used = snprintf(buf, len, "%s", knob_device(device, name));

	for (int kind = 0; kind < IO_KINDS && used < len; kind++) {
		if (rates[kind] == UINT64_MAX)
			used += snprintf(buf + used, len - used, " %s=max", names[kind]);
		else
			used += snprintf(buf + used, len - used, " %s=%" PRIu64, names[kind],
					 rates[kind]);
	}
	return buf;
}

bool io_names_kind(const char *line, enum io_kind kind)
{
	char key[16];

	snprintf(key, sizeof(key), " %s=", names[kind]);
	return strstr(line, key) != NULL;
}

void io_merge(uint64_t rates[IO_KINDS], const uint64_t ours[IO_KINDS],
	      const uint64_t theirs[IO_KINDS])
{
	for (int kind = 0; kind < IO_KINDS; kind++)
		if (theirs[kind] != ours[kind])
			rates[kind] = theirs[kind];
}

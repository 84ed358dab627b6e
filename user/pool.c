// SPDX-License-Identifier: BSD-2-Clause
/* Knows what the machine has above its reserve and its promises. It never gives. */
#include "user/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line of /proc/meminfo, in bytes. */
static uint64_t value(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) << 10 : 0;
}

int pool__refresh(struct pool *pool)
{
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	uint64_t seen, available;
	char text[4096];
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EIO;
	text[len] = '\0';
	available = value(text, "MemAvailable:");
	seen = value(text, "MemFree:") + value(text, "Active(file):") +
	       value(text, "Inactive(file):");
	pool->machine_bytes = value(text, "MemTotal:");
	pool->available_bytes = available;
	pool->overstated_bytes = seen > available ? seen - available : 0;
	return 0;
}

void pool__configure(struct pool *pool, const struct config *config)
{
	pool->reserve_bytes = config->reserve_bytes
				      ? config->reserve_bytes
				      : pool->machine_bytes / 1000000 * config->reserve_ppm;
}

static uint64_t less(uint64_t bytes, uint64_t taken)
{
	return bytes > taken ? bytes - taken : 0;
}

uint64_t pool__spare(const struct pool *pool, uint64_t free_bytes, uint64_t own_unused_bytes,
		     uint64_t own_promise_bytes)
{
	uint64_t spare = free_bytes ? free_bytes : pool->available_bytes;

	/* One after another: their sum may not fit, as when a group has no limit. */
	spare = less(spare, free_bytes ? pool->overstated_bytes : 0);
	spare = less(spare, pool->reserve_bytes);
	spare = less(spare, own_unused_bytes);
	return less(spare, less(pool->promised_bytes, own_promise_bytes));
}

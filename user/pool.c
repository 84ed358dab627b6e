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

uint64_t pool__spare(const struct pool *pool, uint64_t free_bytes, uint64_t own_unused_bytes,
		     uint64_t own_promise_bytes)
{
	uint64_t available = free_bytes ? free_bytes : pool->available_bytes;
	uint64_t taken = pool->reserve_bytes + own_unused_bytes + pool->promised_bytes;

	if (free_bytes)
		taken += pool->overstated_bytes;
	taken -=
		own_promise_bytes < pool->promised_bytes ? own_promise_bytes : pool->promised_bytes;
	return available > taken ? available - taken : 0;
}

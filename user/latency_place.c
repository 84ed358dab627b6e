// SPDX-License-Identifier: BSD-2-Clause
/* Owns the files and the values of the cgroup that bench-latency changes. It never starts or ends a
 * container, and writes only to put back what was. */
#include "user/latency_place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/cgfs.h"
#include "user/knob.h"
#include "user/units.h"

/* Steps are page-aligned, so that the kernel shows what it was given. */
#define STEP_BYTES (64ULL << 10)
#define STEPS 251
/* Of the period, in whole percents: systemd takes nothing finer without asking. */
#define CPU_STEPS 50
#define DEFAULT_PERIOD_US 100000ULL

static const struct cgbpf_ledger_key keys[LATENCY_KNOBS] = {
	[LATENCY_MEMORY] = {.knob = CGBPF_KNOB_MEMORY_MAX},
	[LATENCY_CPU] = {.knob = CGBPF_KNOB_CPU_MAX},
};

const char *latency_knob_name(enum latency_knob knob)
{
	return knob_name(keys[knob].knob);
}

static uint64_t up_to_step(uint64_t number, uint64_t step)
{
	return (number + step - 1) / step * step;
}

/* A limit that is "max" is moved from the machine's memory on: who had none must not meet ours,
 * however it grows meanwhile. */
static int read_memory(struct latency_limit *limit)
{
	int err = units_parse_limit(limit->original, &limit->base);

	if (err)
		return err;
	if (limit->base == UINT64_MAX)
		limit->base = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	limit->base = up_to_step(limit->base, STEP_BYTES);
	return 0;
}

static int read_cpu(struct latency_place *place, struct latency_limit *limit)
{
	uint64_t quota = 0, period = 0;

	if (sscanf(limit->original, "max %" SCNu64, &period) == 1)
		quota = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) * period;
	else if (sscanf(limit->original, "%" SCNu64 " %" SCNu64, &quota, &period) != 2)
		return -EPROTO;
	place->period_us = period;
	limit->base = up_to_step(quota, period / 100 ? period / 100 : 1);
	return 0;
}

static int open_limit(struct latency_place *place, enum latency_knob knob)
{
	struct latency_limit *limit = &place->limits[knob];
	struct stat st;
	int err;

	err = knob__open(place->dir_fd, keys[knob].knob, &limit->fd);
	if (err == -ENOENT) /* its controller is not handed down here */
		return 0;
	if (err)
		return err;
	limit->is_there = true;
	if (fstat(limit->fd, &st) < 0)
		return -errno;
	limit->inode = st.st_ino;
	err = knob__read_fd(limit->fd, &keys[knob], limit->original, sizeof(limit->original));
	if (err)
		return err;
	return knob == LATENCY_MEMORY ? read_memory(limit) : read_cpu(place, limit);
}

int latency_place__open(struct latency_place *place, int root_fd, char *path)
{
	int err;

	place->path = path;
	place->period_us = DEFAULT_PERIOD_US;
	err = cgfs_open_path(root_fd, path, &place->dir_fd);
	if (err) {
		place->dir_fd = -1;
		return err;
	}
	for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
		err = open_limit(place, knob);
		if (err)
			return err;
	}
	return 0;
}

void latency_place__close(struct latency_place *place)
{
	if (!place->path)
		return;
	for (int knob = 0; knob < LATENCY_KNOBS; knob++)
		if (place->limits[knob].is_there)
			close(place->limits[knob].fd);
	if (place->dir_fd >= 0)
		close(place->dir_fd);
	free(place->path);
	*place = (struct latency_place){};
}

struct latency_value latency_place__value(const struct latency_place *place, enum latency_knob knob,
					  uint64_t seq)
{
	const struct latency_limit *limit = &place->limits[knob];
	struct latency_value value;

	if (knob == LATENCY_MEMORY) {
		value.number = limit->base + (1 + seq % STEPS) * STEP_BYTES;
		snprintf(value.text, sizeof(value.text), "%" PRIu64, value.number);
	} else {
		value.number = limit->base + (1 + seq % CPU_STEPS) * (place->period_us / 100);
		snprintf(value.text, sizeof(value.text), "%" PRIu64 " %" PRIu64, value.number,
			 place->period_us);
	}
	return value;
}

int latency_place__standing(const struct latency_place *place, enum latency_knob knob,
			    char text[CGBPF_VALUE_LEN])
{
	return knob__read_fd(place->limits[knob].fd, &keys[knob], text, CGBPF_VALUE_LEN);
}

int latency_place__restore(const struct latency_place *place)
{
	char standing[CGBPF_VALUE_LEN];
	int err = 0, one;

	for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
		const struct latency_limit *limit = &place->limits[knob];

		if (!limit->is_there)
			continue;
		one = latency_place__standing(place, knob, standing);
		if (!one && strcmp(standing, limit->original) != 0)
			one = apply_write_whole(limit->fd, limit->original);
		if (one && !cgfs_is_gone(one))
			err = one;
	}
	return err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Reads what the kernel counts of a cgroup. It never writes and judges only what its own files
 * say. */
#include "user/measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/cgfs.h"
#include "user/quota.h"
#include "user/units.h"

/* cpu.stat and memory.events are short; memory.stat begins with anon and file. */
#define SHORT_BYTES 1024
/* A line for each device, each of less than 128 bytes. */
#define IO_BYTES 4096
/* Of a limit that is all but used. */
#define NEAR_NUMERATOR 9
#define NEAR_DENOMINATOR 10
#define NS_PER_SEC 1000000000ULL

static const char *const io_names[MEASURE_IO_KINDS] = {
	[MEASURE_RBPS] = "rbps",
	[MEASURE_WBPS] = "wbps",
	[MEASURE_RIOPS] = "riops",
	[MEASURE_WIOPS] = "wiops",
};
static const char *const io_counters[MEASURE_IO_KINDS] = {
	[MEASURE_RBPS] = "rbytes",
	[MEASURE_WBPS] = "wbytes",
	[MEASURE_RIOPS] = "rios",
	[MEASURE_WIOPS] = "wios",
};

const char *measure_io_name(enum measure_io_kind kind)
{
	return io_names[kind];
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

static void read_cpu(int dir_fd, struct measure *measure)
{
	char text[SHORT_BYTES];
	struct quota quota;

	if (cgfs_read(dir_fd, "cpu.stat", text, sizeof(text)))
		return;
	measure->has_cpu = true;
	measure->usage_us = cgfs_stat_value(text, "usage_usec");
	measure->periods = cgfs_stat_value(text, "nr_periods");
	measure->throttled = cgfs_stat_value(text, "nr_throttled");
	measure->throttled_us = cgfs_stat_value(text, "throttled_usec");
	if (cgfs_read(dir_fd, "cpu.max", text, sizeof(text)) || quota_parse(text, &quota))
		return;
	measure->has_quota = true;
	measure->quota_us = quota.quota_us;
	measure->period_us = quota.period_us;
	cgfs_read_bytes(dir_fd, "cpu.weight", &measure->weight);
}

static void read_memory(int dir_fd, struct measure *measure)
{
	char text[SHORT_BYTES];

	if (cgfs_read_bytes(dir_fd, "memory.current", &measure->current_bytes) ||
	    cgfs_read_bytes(dir_fd, "memory.max", &measure->limit_bytes) ||
	    cgfs_read(dir_fd, "memory.stat", text, sizeof(text)))
		return;
	measure->anon_bytes = cgfs_stat_value(text, "anon");
	measure->file_bytes = cgfs_stat_value(text, "file");
	if (cgfs_read(dir_fd, "memory.events", text, sizeof(text)))
		return;
	measure->max_events = cgfs_stat_value(text, "max");
	measure->oom_kill = cgfs_stat_value(text, "oom_kill");
	measure->has_memory = true;
}

/* The value of KEY= in LINE, which ends with a newline or the text; "max" is UINT64_MAX. MISSING
 * where it is not there. */
static uint64_t value_in(const char *line, const char *key, uint64_t missing)
{
	size_t len = strlen(key);

	for (const char *word = strchr(line, ' '); word; word = strpbrk(word, " \n")) {
		if (*word == '\n')
			break;
		word++;
		if (strncmp(word, key, len) != 0 || word[len] != '=')
			continue;
		return strncmp(word + len + 1, "max", 3) == 0 ? UINT64_MAX
							      : strtoull(word + len + 1, NULL, 10);
	}
	return missing;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

static bool is_device(const char *line, unsigned int *ret_major, unsigned int *ret_minor)
{
	return sscanf(line, "%u:%u ", ret_major, ret_minor) == 2;
}

/* The device of the first limit; else that of most bytes. */
static bool choose_device(const char *limits, const char *counters, struct measure *measure)
{
	unsigned int major, minor;
	uint64_t most = 0;

	if (is_device(limits, &measure->major, &measure->minor))
		return true;
	for (const char *line = counters; line; line = next_line(line)) {
		uint64_t bytes = value_in(line, "rbytes", 0) + value_in(line, "wbytes", 0);

		if (bytes <= most || !is_device(line, &major, &minor))
			continue;
		most = bytes;
		measure->major = major;
		measure->minor = minor;
	}
	return most > 0;
}

static void take_values(const char *text, const char *const *keys, uint64_t missing,
			const struct measure *measure, uint64_t *values)
{
	unsigned int major, minor;

	for (int i = 0; i < MEASURE_IO_KINDS; i++)
		values[i] = missing;
	for (const char *line = text; line; line = next_line(line)) {
		if (!is_device(line, &major, &minor) || major != measure->major ||
		    minor != measure->minor)
			continue;
		for (int i = 0; i < MEASURE_IO_KINDS; i++)
			values[i] = value_in(line, keys[i], missing);
	}
}

static void read_io(int dir_fd, struct measure *measure)
{
	char limits[IO_BYTES], counters[IO_BYTES];

	if (cgfs_read(dir_fd, "io.max", limits, sizeof(limits)) ||
	    cgfs_read(dir_fd, "io.stat", counters, sizeof(counters)) ||
	    !choose_device(limits, counters, measure))
		return;
	measure->has_io = true;
	take_values(limits, io_names, UINT64_MAX, measure, measure->limits);
	take_values(counters, io_counters, 0, measure, measure->moved);
}

int measure_cgroup(int dir_fd, struct measure *ret_measure)
{
	struct measure measure = {.at_ns = now_ns()};

	read_cpu(dir_fd, &measure);
	if (!measure.has_cpu)
		return -ENODEV;
	read_memory(dir_fd, &measure);
	read_io(dir_fd, &measure);
	psi_read_cgroup(dir_fd, &measure.psi);
	*ret_measure = measure;
	return 0;
}

static uint64_t growth(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

struct measure measure_since(const struct measure *now, const struct measure *before)
{
	struct measure since = *now;

	since.at_ns = growth(now->at_ns, before->at_ns);
	since.has_cpu = now->has_cpu && before->has_cpu;
	since.usage_us = growth(now->usage_us, before->usage_us);
	since.periods = growth(now->periods, before->periods);
	since.throttled = growth(now->throttled, before->throttled);
	since.throttled_us = growth(now->throttled_us, before->throttled_us);
	since.has_memory = now->has_memory && before->has_memory;
	since.max_events = growth(now->max_events, before->max_events);
	since.oom_kill = growth(now->oom_kill, before->oom_kill);
	/* A device that was not there before begins at nothing. */
	if (now->has_io && before->has_io && now->major == before->major &&
	    now->minor == before->minor)
		for (int i = 0; i < MEASURE_IO_KINDS; i++)
			since.moved[i] = growth(now->moved[i], before->moved[i]);
	since.io_throttled = growth(now->io_throttled, before->io_throttled);
	since.psi = psi_since(&now->psi, &before->psi);
	return since;
}

static bool is_near_limit(const struct measure *since)
{
	for (int i = 0; since->has_io && i < MEASURE_IO_KINDS; i++) {
		double let_through;

		if (since->limits[i] == UINT64_MAX)
			continue;
		let_through = (double)since->limits[i] * since->at_ns / NS_PER_SEC;
		if (since->moved[i] * (double)NEAR_DENOMINATOR >= let_through * NEAR_NUMERATOR)
			return true;
	}
	return false;
}

uint64_t measure_own_us(const struct measure *since, enum psi_resource resource, uint64_t some_us)
{
	switch (resource) {
	case PSI_CPU: /* summed over CPUs, where pressure is not */
		return since->throttled_us < some_us ? since->throttled_us : some_us;
	case PSI_MEMORY:
		return since->max_events ? some_us : 0;
	case PSI_IO:
		return since->io_throttled || is_near_limit(since) ? some_us : 0;
	case PSI_RESOURCES:
		break;
	}
	return 0;
}

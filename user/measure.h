/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything the kernel counts of one cgroup, read at one moment, and the difference between two
 * moments. It never writes and keeps nothing. */
#ifndef CGBPF_MEASURE_H
#define CGBPF_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/psi.h"

enum measure_io_kind {
	MEASURE_RBPS = 0,
	MEASURE_WBPS = 1,
	MEASURE_RIOPS = 2,
	MEASURE_WIOPS = 3,
	MEASURE_IO_KINDS
};

/* What has no controller here is left out: has_… is false. Counters only grow. */
struct measure {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	bool has_cpu, has_quota, has_memory, has_io;

	uint64_t usage_us;
	uint64_t periods, throttled, throttled_us;
	uint64_t quota_us, period_us; /* UINT64_MAX: no limit; has_quota */
	uint64_t weight;

	uint64_t current_bytes, anon_bytes, file_bytes;
	uint64_t limit_bytes; /* UINT64_MAX: none */
	uint64_t max_events,
		oom_kill; /* its own limit was met; somebody was killed, here or below */

	/* Of one device: the first with a limit, else the one with the most bytes. */
	unsigned int major, minor;
	uint64_t moved[MEASURE_IO_KINDS]; /* bytes read, written; operations read, written */
	uint64_t limits[MEASURE_IO_KINDS]; /* a second; UINT64_MAX: none */

	uint64_t io_throttled; /* bios that io.max kept waiting; 0 but where the caller knows */

	struct psi psi;
};

const char *measure_io_name(enum measure_io_kind kind); /* "rbps" */

/* 0 or a negative errno: the cgroup is gone. */
int measure_cgroup(int dir_fd, struct measure *ret_measure);
/* The counters of NOW less those of BEFORE; what is no counter as in NOW. at_ns becomes the time
 * between the two. */
struct measure measure_since(const struct measure *now, const struct measure *before);

/*
 * Of a stall of SOME_US in the time of SINCE: how much of it was the cgroup's own limit, in us; the
 * rest was contention. For cpu it is the time it was throttled, at most all of it; for memory all,
 * when its limit was met; for io all, when io.max kept a bio waiting, or it moved nine tenths of
 * what a limit of its lets through.
 */
uint64_t measure_own_us(const struct measure *since, enum psi_resource resource, uint64_t some_us);

#endif

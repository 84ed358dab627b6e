/* SPDX-License-Identifier: BSD-2-Clause */
/* How much IO a cgroup may do: pure functions of what was seen. No files, no clock, no libbpf. */
#ifndef CGBPF_DECIDE_IO_H
#define CGBPF_DECIDE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/config.h"
#include "user/explain.h"

/* Bytes or operations a second; UINT64_MAX: no limit. */
struct io_rule {
	uint64_t soft, hard, step;
};

struct io_plan {
	enum reason reason; /* why it is raised, or why not */
	bool is_raise;
	uint64_t rate; /* the new limit; the old one when not raised */
};

/* SOFT and HARD where the configuration leaves them out (0): as found, and twice that; STEP: as
 * much as soft. */
struct io_rule decide_io_rule(uint64_t soft, uint64_t hard, uint64_t step, uint64_t found);

/*
 * Which of the four limits keeps a bio of this direction waiting, BYTES having been asked for in
 * OPS bios of late: of two limits the one of which more is asked for. IO_KINDS: none of them is a
 * limit.
 */
enum io_kind decide_io_binding(const uint64_t limits[IO_KINDS], bool is_write, uint64_t bytes,
			       uint64_t ops);

/* So many levels of the hierarchy are looked at: a cgroup and those above it. */
#define IO_LEVELS_MAX 16

/* What was asked for of late in one direction; neither is 0. */
struct io_demand {
	bool is_write;
	uint64_t bytes, ops;
};

/* Which of CNT levels, the cgroup itself first, keeps it waiting: the one that lets the least
 * through, of equal ones the highest, because what is raised below it helps nobody. */
size_t decide_io_level(const uint64_t levels[][IO_KINDS], size_t cnt,
		       const struct io_demand *demand);

/*
 * How much of KIND, a limit of that direction, CNT levels let through; limits of operations are
 * told in bytes, and the other way round, as both were asked for. UINT64_MAX: they have no limit.
 */
uint64_t decide_io_most(const uint64_t levels[][IO_KINDS], size_t cnt, enum io_kind kind,
			const struct io_demand *demand);

/* Whether its own limits, the first of CNT levels, and none above them kept it waiting while it
 * MOVED that much, in one direction at least. */
bool decide_io_is_own(const uint64_t levels[][IO_KINDS], size_t cnt,
		      const uint64_t moved[IO_KINDS]);

/* By a step, never past hard, nor past MOST, which is what the levels above let through. */
void decide_io_raise(const struct io_rule *rule, uint64_t rate, uint64_t most,
		     struct io_plan *ret_plan);

/* The next lower limit on the way back to soft, or RATE when there is none or USED needs it. */
uint64_t decide_io_return(const struct io_rule *rule, uint64_t rate, uint64_t used);

#endif

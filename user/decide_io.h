/* SPDX-License-Identifier: BSD-2-Clause */
/* How much IO a cgroup may do: pure functions of what was seen. No files, no clock, no libbpf. */
#ifndef CGBPF_DECIDE_IO_H
#define CGBPF_DECIDE_IO_H

#include <stdbool.h>
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

/* By a step, never past hard. */
void decide_io_raise(const struct io_rule *rule, uint64_t rate, struct io_plan *ret_plan);

/* The next lower limit on the way back to soft, or RATE when there is none or USED needs it. */
uint64_t decide_io_return(const struct io_rule *rule, uint64_t rate, uint64_t used);

#endif

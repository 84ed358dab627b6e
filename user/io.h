/* SPDX-License-Identifier: BSD-2-Clause */
/* One device's line of io.max as numbers, and what the rooms of IO share. It never raises for need.
 */
#ifndef CGBPF_IO_H
#define CGBPF_IO_H

#include "user/decide_io.h"
#include "user/group.h"

/* "rbps" */
const char *io_kind_name(enum io_kind kind);
/* "8:0 rbps=1048576 wbps=max riops=max wiops=max", as knob__read gives it. 0 or -EINVAL. */
int io_parse(const char *line, uint64_t ret_rates[IO_KINDS]);
/* Does the line, or a part of it as somebody writes it, say anything of KIND? */
bool io_names_kind(const char *line, enum io_kind kind);
/* The same line; returns BUF. CGBPF_VALUE_LEN bytes suffice. */
char *io_format(uint32_t device, const uint64_t rates[IO_KINDS], char *buf, size_t len);
/* In RATES, those in which THEIRS differs from OURS become theirs. */
void io_merge(uint64_t rates[IO_KINDS], const uint64_t ours[IO_KINDS],
	      const uint64_t theirs[IO_KINDS]);

/* Limits of one device: of a cgroup, and of those above it, nearest first. */
struct io_levels {
	size_t cnt;
	uint64_t ids[IO_LEVELS_MAX];
	uint64_t limits[IO_LEVELS_MAX][IO_KINDS];
};

/* Adds what io.max says above DIR_FD, as far as it can be read. */
void io_levels__read_above(int dir_fd, uint32_t device, struct io_levels *levels);

#endif

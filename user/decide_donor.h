/* SPDX-License-Identifier: BSD-2-Clause */
/* Who gives memory to whom, and how much: pure functions of what was seen. No files, no clock, no
 * libbpf. */
#ifndef CGBPF_DECIDE_DONOR_H
#define CGBPF_DECIDE_DONOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Donors of one plan. */
#define DONORS_MAX 8

struct donor {
	uint64_t limit_bytes;
	uint64_t usage_bytes; /* now, page cache included: lowering a donor must not reclaim */
	uint64_t min_bytes, median_bytes; /* of its calibration, or learned */
	uint64_t most_bytes; /* no more than this is taken; UINT64_MAX: whatever it can spare */
	uint32_t watermark_ppm;
	bool is_due; /* it borrowed what is taken: its median does not protect it */
};

struct donor_plan {
	bool is_feasible;
	uint64_t total_bytes; /* what the receiver gets: the sum of all parts */
	uint64_t spare_bytes; /* what could have been given */
	size_t spares_cnt; /* by how many */
	uint64_t parts[DONORS_MAX]; /* by which each donor's limit is lowered; 0: not */
};

/* A donor is never lowered under USAGE plus this. */
uint64_t decide_donor_margin(uint64_t usage_bytes, unsigned int cpus);

/*
 * What a donor can spare: its limit less the most of its calibrated minimum, its use plus the
 * margin, and what keeps its use well under its watermark. 0 where it uses its median or more.
 */
uint64_t decide_donor_spare(const struct donor *donor, unsigned int cpus);

/*
 * MISSING bytes from CNT (at most DONORS_MAX) donors, in proportion to what each can spare; less
 * where they have less. Not feasible, and all parts 0, where that is not worth a raise. The parts'
 * sum is what the receiver gets, so that the sum of all limits stays what it was.
 */
void decide_donor_plan(const struct donor *donors, size_t cnt, uint64_t missing_bytes,
		       unsigned int cpus, struct donor_plan *ret_plan);

#endif

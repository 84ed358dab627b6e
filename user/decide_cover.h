/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a limit may rise out of what an ancestor has left, and from where on donors have to pay
 * for it: pure functions of what was seen. No files, no clock, no libbpf. */
#ifndef CGBPF_DECIDE_COVER_H
#define CGBPF_DECIDE_COVER_H

#include <stdbool.h>
#include <stdint.h>

struct cover_need {
	uint64_t limit_bytes; /* as it stands */
	uint64_t wanted_bytes; /* what it would be if nothing but hard bound it */
	uint64_t given_bytes; /* what the machine and the ancestor's own room give, or the limit */
	uint64_t reach_bytes; /* how far the tightest ancestor lets its use grow; UINT64_MAX: none
				 has a limit */
	uint64_t promised_bytes; /* limit less use of those below that ancestor that could lend */
};

struct cover_plan {
	/*
	 * What is wanted does not fit into what the ancestor has left once promises are gone: only
	 * those below it lend.
	 */
	bool is_bound;
	uint64_t goal_bytes; /* what is wanted and can be used: beyond it the ancestor kills */
	uint64_t own_bytes; /* so far without donors; at least the limit */
	uint64_t missing_bytes; /* what donors have to give up for the goal; 0: nothing worth it */
};

/*
 * Where an ancestor binds, OWN ends where the limits of receiver and donors, with what others use,
 * reach the ancestor's; above it, all is paid by donors. So the sum of these limits stays what it
 * was, or under the ancestor's limit.
 */
void decide_cover(const struct cover_need *need, struct cover_plan *ret_plan);
/* The limit once donors have given up TAKEN bytes; the old one where that is not worth a raise. */
uint64_t decide_cover_limit(const struct cover_need *need, const struct cover_plan *plan,
			    uint64_t taken_bytes);

#endif

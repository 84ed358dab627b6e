/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine or a parent cannot give, taken from donors: in the rescuing thread, under the
 * groups' lock. It never waits and raises nothing itself. */
#ifndef CGBPF_COVER_H
#define CGBPF_COVER_H

#include "user/answer.h"
#include "user/donors.h"

/*
 * PLAN, made for SEEN, may give less than is wanted: donors are lowered by what is missing, and
 * PLAN grows by as much. *RET_TAKING: what was taken; cover__settle must follow.
 */
void cover__plan(struct answerer *answerer, const struct group *group,
		 const struct cgbpf_event *event, const struct memory_observation *seen,
		 struct memory_plan *plan, struct taking *ret_taking);
/* GROUP's limit rose from OLD by what was planned, or it did not and donors get theirs back. */
void cover__settle(struct answerer *answerer, const struct group *group, uint64_t old_bytes,
		   bool is_raised, const struct taking *taking);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory moved between governed cgroups: who could give is known ahead of time, and who owes whom
 * is remembered. It never lowers a limit under what is in use plus the margin, and never waits.
 *
 * The rescuing thread calls donors__take, _promised, _keep and _undo, under the groups' lock and
 * without allocating; all else is the main thread's.
 */
#ifndef CGBPF_DONORS_H
#define CGBPF_DONORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/decide_donor.h"
#include "user/group.h"

struct apply;
struct controller;

/* So many loans are remembered. */
#define DONORS_LOANS_MAX 256
#define DONORS_ANCESTORS_MAX 8
/* Of one raise: so many turns of asking, DONORS_MAX at most in each; and so often is use read to
 * count promises. */
#define DONORS_TURNS 4
#define DONORS_READS_MAX 32

/* A governed cgroup that may lend, whether it has something to spare now or not. */
struct ranked_donor {
	uint64_t id;
	uint64_t min_bytes, median_bytes;
	uint64_t usage_bytes; /* sampled for the ranking, or read since; UINT64_MAX: vanished */
	uint64_t spare_bytes; /* when it was ranked */
	uint64_t ancestors[DONORS_ANCESTORS_MAX]; /* from its parent up; 0 ends them */
	uint64_t within_id; /* the nearest of them that is ranked too; 0: none */
	uint64_t asked_no; /* the last taking that asked it */
};

struct loan {
	uint64_t lender_id, borrower_id, bytes;
	bool is_of_parent; /* see struct taking */
};

struct donors {
	const struct apply *apply;
	struct groups *groups;
	struct ranked_donor *ranked; /* owned; the one with most to spare first */
	size_t ranked_cnt;
	uint64_t takings_cnt;
	struct loan loans[DONORS_LOANS_MAX];
	size_t loans_cnt;
	size_t unknown_cnt; /* governed cgroups of which too little is known */
};

/* What was taken, and from whom. */
struct donation {
	uint64_t id;
	uint64_t bytes;
	uint64_t limit_bytes; /* its limit since then */
	bool is_repayment; /* it had borrowed that from the receiver */
};

struct taking {
	struct donation donations[DONORS_MAX];
	size_t cnt;
	bool is_of_parent; /* below an ancestor that binds: the machine cannot repay it */
	uint64_t bytes; /* their sum */
	uint64_t spare_bytes; /* what could have been taken */
	size_t asked_cnt, spares_cnt; /* who might have had some; who had */
};

/*
 * Lowers up to DONORS_MAX donors by MISSING bytes together, or by what they have; first those who
 * owe it to RECEIVER, then in proportion to what each can spare. BINDER_ID: only donors below this
 * ancestor; 0: all. Who has nothing to spare in this moment is passed over. A donor that vanished
 * or grew meanwhile is left, everything is put back, and a new plan made without it. Nothing is
 * changed where RET_TAKING->bytes is 0.
 */
void donors__take(struct donors *donors, const struct group *receiver, uint64_t binder_id,
		  uint64_t missing_bytes, struct taking *ret_taking);
/*
 * What those below BINDER_ID that use less than their median, and so could lend to RECEIVER, may
 * still use: limit less use. All of them count; use is read of the DONORS_READS_MAX that can spare
 * most, of the others it is the last that was seen.
 */
uint64_t donors__promised(struct donors *donors, const struct group *receiver, uint64_t binder_id);
/* The receiver was raised by what was taken: remembered as loans. */
void donors__keep(struct donors *donors, const struct group *receiver, const struct taking *taking);
/* It was not: every donor gets its limit back. */
void donors__undo(struct donors *donors, const struct taking *taking);
/* How much this cgroup has lent and not got back. */
uint64_t donors__lent(const struct donors *donors, uint64_t id);
/* A lender was raised by other means: so much less is owed to it. */
void donors__rose(struct donors *donors, uint64_t id, uint64_t bytes);

/* Ranks anew all that may lend; reads no file but of those that are new in it. */
void donors__rank(struct controller *controller);
/* After actions: opens what new loans need. */
void donors__attend(struct controller *controller);
/* A borrower's limit was lowered by BYTES: they go to those who lent them. Journaled. */
void donors__returned(struct controller *controller, uint64_t borrower_id, uint64_t bytes);
/* What the machine has again goes back to those who lent. Journaled. At the heartbeat. */
void donors__repay(struct controller *controller);
/* A cgroup is gone or released: what it borrowed goes back, what it lent is forgotten. */
void donors__forget(struct controller *controller, uint64_t id);
void donors__close(struct donors *donors);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Why something was done or left: one table of reasons, for the journal and for people. */
#ifndef CGBPF_EXPLAIN_H
#define CGBPF_EXPLAIN_H

enum reason {
	REASON_NONE = 0,
	REASON_WATERMARK = 1,
	REASON_TIME_TO_LIMIT = 2,
	REASON_OOM = 3,
	REASON_SOFT = 4,
	REASON_ABOVE_SOFT = 5,
	REASON_ABOVE_HARD = 6,
	REASON_CACHE = 7,
	REASON_HARD_LIMIT = 8,
	REASON_PARENT_BINDS = 9,
	REASON_NO_HEADROOM = 10,
	REASON_CHILD_NEEDS = 11,
	REASON_CALM = 12,
	REASON_EXIT = 13,
	REASON_CRASH = 14,
	REASON_RELOAD = 15,
	REASON_FOREIGN_NEW = 16,
	REASON_FOREIGN_RESET = 17,
	REASON_FOREIGN_TOO_OFTEN = 18,
	REASON_IN_USE = 19,
	REASON_NOT_OURS = 20,
	REASON_BLIND = 21,
	REASON_UNREADABLE = 22,
	REASON_MAKER = 23,
	REASON_FORCED = 24,
	REASON_OWN_LIMIT = 25,
	REASON_CONTENTION = 26,
	REASON_THROTTLED = 27,
	REASON_SUGGESTED = 28,
	REASON_DEVICE_GONE = 29,
	REASON_REPAID = 30,
	REASON_HEADROOM = 31,
	REASON_LENT = 32,
	REASON_MAX
};

const char *reason_name(enum reason reason); /* "watermark": for the journal */
const char *reason_sentence(enum reason reason); /* for people */

#endif

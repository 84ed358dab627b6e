/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rescuing thread did, on its way to the main thread. It never allocates after its start
 * and never waits. */
#ifndef CGBPF_ACTIONS_H
#define CGBPF_ACTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/advise.h"
#include "user/decide_donor.h"
#include "user/decide_memory.h"
#include "user/explain.h"
#include "user/journal.h"

enum action_kind {
	ACTION_RAISED = 1,
	ACTION_REFUSED = 2,
	ACTION_FAILED = 3, /* .err; a vanished cgroup among them */
	ACTION_BLIND = 4,
	ACTION_SIGHTED = 5,
	ACTION_SEEN = 7, /* of what is only observed */
	ACTION_HEARTBEAT = 6, /* time to look after what no event announces */
};

struct action {
	enum action_kind kind;
	enum memory_moment moment;
	enum reason reason;
	int err;
	uint64_t cgroup_id;
	uint64_t binder_id; /* the ancestor that binds or was raised first */
	uint64_t old_bytes, new_bytes;
	uint64_t old_high_bytes, new_high_bytes; /* of a memory.high that followed */
	uint32_t knob; /* 0: memory.max */
	uint32_t io_kind; /* enum io_kind */
	uint64_t old_amount, new_amount; /* of other knobs: quota in us, weight, rate */
	uint64_t period_us;
	struct journal_times times;
	struct advice advice; /* of the policy, where it was asked */
	struct {
		uint64_t id, bytes, limit_bytes;
	} donations[DONORS_MAX]; /* lowered for it */
	uint32_t donations_cnt;
	uint32_t asked_cnt, spares_cnt; /* donors asked; those who had something */
	uint64_t spare_bytes; /* how much */
};

struct actions;

int actions__open(struct actions **ret_actions);
void actions__close(struct actions *actions);
/* Readable when there are actions. */
int actions__fd(const struct actions *actions);
/* From any thread; when the queue is full the action is counted and dropped. */
void actions__add(struct actions *actions, const struct action *action);
/* The next, oldest first; false: there is none. *RET_LOST (may be NULL): dropped since the last
 * call. */
bool actions__next(struct actions *actions, struct action *ret_action, uint64_t *ret_lost);

#endif

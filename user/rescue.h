/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that answers: kernel event in, limit raised, and what it did handed on. It allocates
 * nothing, touches no disk and lowers no limit; the main thread does the rest.
 */
#ifndef CGBPF_RESCUE_H
#define CGBPF_RESCUE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/apply.h"
#include "user/explain.h"
#include "user/group.h"
#include "user/journal.h"
#include "user/loader.h"
#include "user/pool.h"

/* What the rescuer did or found, for the main thread to journal and to look after. */
enum action_kind {
	ACTION_RAISED = 1,
	ACTION_REFUSED = 2,
	ACTION_FAILED = 3, /* .err; a vanished cgroup among them */
	ACTION_BLIND = 4,
	ACTION_SIGHTED = 5,
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
	bool is_held;
	struct journal_times times;
};

struct rescue;

/*
 * Starts the thread; the referenced tables outlive it. Waits until its first heartbeat came back
 * through the kernel: -ENODEV when it did not (attached, but nothing runs). MAIN_THREAD is
 * interrupted when it is lowering a limit that has to rise.
 */
int rescue__start(struct loader *loader, struct groups *groups, struct pool *pool,
		  const struct apply *apply, int root_fd, struct rescue **ret_rescue);
/* Ends the thread; nothing is raised after the return. Frees. NULL is allowed. */
void rescue__stop(struct rescue *rescue);

/* Readable when there are actions. */
int rescue__fd(const struct rescue *rescue);
/* The next action, oldest first; false when there is none. *RET_LOST (may be NULL): dropped since
 * the last call. */
bool rescue__next(struct rescue *rescue, struct action *ret_action, uint64_t *ret_lost);

/* Answers an event that did not come from the kernel side (blind: memory.events). For the main
 * thread. */
void rescue__answer(struct rescue *rescue, const struct cgbpf_event *event);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event answered: observed, decided, applied, handed on. It allocates nothing, touches no disk
 * and lowers no limit.
 */
#ifndef CGBPF_ANSWER_H
#define CGBPF_ANSWER_H

#include <pthread.h>

#include "user/actions.h"
#include "user/apply.h"
#include "user/group.h"
#include "user/loader.h"
#include "user/pool.h"

/* The same refusal of the same cgroup is said once in this time. */
#define ANSWER_REFUSED_AGAIN_NS 1000000000ULL

struct donors;

struct answerer {
	bool is_observing; /* events are told and not answered */
	struct loader *loader;
	struct groups *groups;
	struct pool *pool;
	struct donors *donors;
	const struct apply *apply;
	struct actions *actions;
	const struct advisor *advisor;
	pthread_t main_thread; /* interrupted when it is lowering a limit that has to rise */
	uint64_t reaction_us; /* expected from event to effect */
};

/* From the kernel's event to NOW_NS; at least 1, since 0 is a moment that did not come. */
static inline uint64_t answer_since(const struct cgbpf_event *event, uint64_t now_ns)
{
	return now_ns > event->kernel_ns ? now_ns - event->kernel_ns : 1;
}

/* Takes the groups' lock. EVENT is of kind 1 to 3. */
void answer(struct answerer *answerer, const struct cgbpf_event *event);

#endif

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

/* Takes the groups' lock. EVENT is of kind 1 to 3. */
void answer(struct answerer *answerer, const struct cgbpf_event *event);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine can still give: plain arithmetic over what was seen. It never gives. */
#ifndef CGBPF_POOL_H
#define CGBPF_POOL_H

#include <stdint.h>

#include "user/config.h"

struct pool {
	uint64_t machine_bytes; /* MemTotal */
	uint64_t reserve_bytes; /* never given away */
	/*
	 * The kernel side reports free pages plus page cache, which costs it nothing; MemAvailable
	 * is less (watermarks, cache that must stay). The difference, refreshed now and then, makes
	 * one into the other.
	 */
	uint64_t overstated_bytes;
	uint64_t available_bytes; /* MemAvailable at the last refresh, for events that carry no
				     free_bytes */
	uint64_t promised_bytes; /* granted to all groups together and not yet in use */
};

/* Reads /proc/meminfo. 0 or a negative errno. Not for the rescuing thread. */
int pool__refresh(struct pool *pool);
void pool__configure(struct pool *pool, const struct config *config);
/*
 * What can be added to one cgroup's limit. FREE: what its event said of the machine (0: unknown);
 * OWN_UNUSED: what its present limit leaves it; OWN_PROMISE: its part of promised_bytes.
 */
uint64_t pool__spare(const struct pool *pool, uint64_t free_bytes, uint64_t own_unused_bytes,
		     uint64_t own_promise_bytes);

#endif

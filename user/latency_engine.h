/* SPDX-License-Identifier: BSD-2-Clause */
/* The containers of bench-latency: made, found, asked about, put back, removed. It never measures.
 */
#ifndef CGBPF_LATENCY_ENGINE_H
#define CGBPF_LATENCY_ENGINE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "user/latency_place.h"

/* All that may fail put a sentence into WHY. */
struct latency_why {
	char text[512];
};

/* The Engine's version; 0 or what engine_ask returns. */
int latency_engine_version(char *buf, size_t len, struct latency_why *why);
/* The registered runtime whose program is NAME ("crun"), into BUF; -ENOENT. */
int latency_engine_runtime(const char *name, char *buf, size_t len);

/*
 * A container of our own, made from an image of a static busybox, with the host's cgroup namespace
 * and no network. RUNTIME NULL: the Engine's own choice.
 */
int latency_engine_create(const char *name, const char *runtime, int root_fd,
			  struct latency_place *place, struct latency_why *why);
/* With the image it was made from. What is not there is no failure. */
int latency_engine_remove(const char *name);
/* Ours, of benches that are no more. */
void latency_engine_sweep(void);

/* A container that runs. -ENOENT: there is none of that name; -ESRCH: it does not run. */
int latency_engine_find(const char *name, int root_fd, struct latency_place *place,
			struct latency_why *why);
/* Makes the Engine and the runtime write down again what they had before. -ESRCH: the container was
 * removed; -EREMOTEIO: the Engine refused; else it is away. */
int latency_engine_restore(const struct latency_place *place, struct latency_why *why);

/* The body of a request that changes KNOB; the caller drops it. */
json_t *latency_engine_change(const struct latency_place *place, enum latency_knob knob,
			      uint64_t number);
/* Sends it. */
int latency_engine_update(const struct latency_place *place, json_t *change,
			  struct latency_why *why);
/* MemorySwap for a limit of BYTES: what may be swapped stays as it is. */
int64_t latency_engine_swap(const struct latency_place *place, uint64_t bytes);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The rounds of bench-latency: every method in turn, each change verified. It never makes or
 * removes a container. */
#ifndef CGBPF_LATENCY_ROUND_H
#define CGBPF_LATENCY_ROUND_H

#include "user/latency_bench.h"

/*
 * Runs all rounds into bench->result. 0: to the end; -EINTR: a signal came in; -ESTALE: the
 * container is gone; the result then holds what was measured until then, and why it ended.
 */
int latency_rounds(struct latency_bench *bench);

/* Finds the daemons of the Engine, now or anew, and has the probe stamp what they do. */
void latency_engine_actors(struct latency_bench *bench);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole run of bench-latency, from the container to its removal. It never judges the figures. */
#ifndef CGBPF_LATENCY_SESSION_H
#define CGBPF_LATENCY_SESSION_H

#include "user/feature.h"
#include "user/latency_bench.h"

/*
 * Measures into *RET_RESULT, which latency_result_free empties, and leaves everything as it was.
 * Errors are said; ret_result->is_worth_telling, also when it failed. EXIT_DONE: all rounds were
 * run; EXIT_FAILED: it ended early, or something could not be put back; EXIT_WRONG_CALL,
 * EXIT_CANNOT: nothing was measured.
 */
int latency_session(const struct latency_options *options, const struct features *features,
		    struct latency_result *ret_result);
void latency_result_free(struct latency_result *result);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of bench-latency: what was asked, what it works with, what came out. It holds no code. */
#ifndef CGBPF_LATENCY_BENCH_H
#define CGBPF_LATENCY_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "user/latency.h"
#include "user/latency_engine.h"
#include "user/latency_folder.h"
#include "user/latency_place.h"
#include "user/latency_probe.h"
#include "user/latency_stats.h"
#include "user/latency_trace.h"

struct latency_options {
	uint64_t iterations; /* of each client and limit */
	uint64_t writes; /* of each writer and limit */
	bool is_wanted[LATENCY_METHODS];
	const char *container; /* NULL: one of our own */
	FILE *samples; /* CSV; NULL: none */
};

/* One method and one limit. */
struct latency_row {
	struct latency_series clocks[LATENCY_CLOCKS];
	uint64_t failed_cnt;
	unsigned int in_a_row_cnt; /* failures since the last success */
	char failure[256]; /* the first one's reason, escaped */
};

struct latency_result {
	char docker[64]; /* the Engine's version; empty: none */
	char skipped[LATENCY_METHODS][256]; /* why; empty: it was not */
	struct latency_row rows[LATENCY_METHODS][LATENCY_KNOBS];
	struct latency_series stages[LATENCY_KNOBS][LATENCY_STAGES]; /* of docker update */
	uint64_t foreign_cnt, lost_cnt;
	bool is_worth_telling; /* it came to measuring, or to knowing that nothing can be */
	char ended[256]; /* why it ended early; empty: it did not */
};

enum latency_where { LATENCY_MAIN = 0, LATENCY_OF_CRUN, LATENCY_PLACES };

struct latency_bench {
	const struct latency_options *options;
	struct latency_probe *probe;
	struct latency_place places[LATENCY_PLACES];
	char own_names[LATENCY_PLACES][64]; /* of containers that are ours to remove */
	struct latency_folder own_folder;
	char own_unit[32]; /* a slice that is; empty: none */
	bool has_container; /* whose limits of before are known */
	bool was_client_used; /* one that makes the Engine or a runtime write down what it did */
	int root_fd, signal_fd;
	uint32_t dockerd, containerd;
	uint64_t seq; /* counts the values that were asked for */
	struct latency_trace trace;
	struct latency_result *result;
};

#endif

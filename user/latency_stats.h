/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples of time and what they come to. It never rounds, and never leaves a sample out. */
#ifndef CGBPF_LATENCY_STATS_H
#define CGBPF_LATENCY_STATS_H

#include <stddef.h>
#include <stdint.h>

struct latency_series {
	uint64_t *ns; /* owned; in the order in which they came */
	size_t cnt, room;
};

/* -ENOMEM leaves the series as it was. */
int latency_series_add(struct latency_series *series, uint64_t ns);
void latency_series_free(struct latency_series *series);

/* By nearest rank: every figure but the mean is one of the samples. All 0 where there is none. */
struct latency_summary {
	size_t cnt;
	uint64_t min_ns, p50_ns, p90_ns, p99_ns, max_ns;
	double mean_ns;
};

/* -ENOMEM. */
int latency_summarize(const struct latency_series *series, struct latency_summary *ret_summary);

#endif

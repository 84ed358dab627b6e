// SPDX-License-Identifier: BSD-2-Clause
/* Keeps samples of time and sums them up. It never rounds, and never leaves a sample out. */
#include "user/latency_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256

int latency_series_add(struct latency_series *series, uint64_t ns)
{
	if (series->cnt == series->room) {
		size_t room = series->room ? series->room * 2 : FIRST_ROOM;
		uint64_t *longer = reallocarray(series->ns, room, sizeof(*longer));

		if (!longer)
			return -ENOMEM;
		series->ns = longer;
		series->room = room;
	}
	series->ns[series->cnt++] = ns;
	return 0;
}

void latency_series_free(struct latency_series *series)
{
	free(series->ns);
	*series = (struct latency_series){};
}

static int by_size(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

/* The least sample that PERCENT of all do not exceed. */
static uint64_t rank(const uint64_t *sorted, size_t cnt, unsigned int percent)
{
	return sorted[(cnt * percent + 99) / 100 - 1];
}

int latency_summarize(const struct latency_series *series, struct latency_summary *ret_summary)
{
	struct latency_summary summary = {.cnt = series->cnt};
	uint64_t *sorted;

	if (!series->cnt) {
		*ret_summary = summary;
		return 0;
	}
	sorted = malloc(series->cnt * sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, series->ns, series->cnt * sizeof(*sorted));
	qsort(sorted, series->cnt, sizeof(*sorted), by_size);
	summary.min_ns = sorted[0];
	summary.p50_ns = rank(sorted, series->cnt, 50);
	summary.p90_ns = rank(sorted, series->cnt, 90);
	summary.p99_ns = rank(sorted, series->cnt, 99);
	summary.max_ns = sorted[series->cnt - 1];
	for (size_t i = 0; i < series->cnt; i++)
		summary.mean_ns += (double)sorted[i] / (double)series->cnt;
	free(sorted);
	*ret_summary = summary;
	return 0;
}

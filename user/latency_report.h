/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench-latency found, as a table with sentences and as JSON. It never measures. */
#ifndef CGBPF_LATENCY_REPORT_H
#define CGBPF_LATENCY_REPORT_H

#include <stdbool.h>

#include "user/latency_bench.h"

/* Every series summed up; what has no sample is all 0. */
struct latency_figures {
	struct latency_summary rows[LATENCY_METHODS][LATENCY_KNOBS][LATENCY_CLOCKS];
	struct latency_summary stages[LATENCY_KNOBS][LATENCY_STAGES];
	bool has_any;
};

/* -ENOMEM. */
int latency_figures_of(const struct latency_result *result, struct latency_figures *ret_figures);

const char *latency_clock_name(enum latency_clock clock);
const char *latency_stage_name(enum latency_stage stage);

/* To standard output. */
void latency_print_table(const struct latency_options *options, const struct latency_result *result,
			 const struct latency_figures *figures);
void latency_print_json(const struct latency_options *options, const struct latency_result *result,
			const struct latency_figures *figures);

#endif

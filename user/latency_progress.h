/* SPDX-License-Identifier: BSD-2-Clause */
/* How far bench-latency is, on standard error: a bar on a terminal, else a few lines. It never
 * writes to standard output. */
#ifndef CGBPF_LATENCY_PROGRESS_H
#define CGBPF_LATENCY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct latency_progress {
	uint64_t done, all, said_tenths, began_ns;
	bool is_terminal;
};

void latency_progress_begin(struct latency_progress *progress, uint64_t all);
void latency_progress_step(struct latency_progress *progress);
void latency_progress_end(struct latency_progress *progress);

#endif

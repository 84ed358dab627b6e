/* SPDX-License-Identifier: BSD-2-Clause */
/* The controller from start to end: put together, looped, taken apart. */
#ifndef CGBPF_RUN_H
#define CGBPF_RUN_H

#include <stdbool.h>
#include <stdint.h>

struct run_options {
	const char
		*config_file; /* NULL: ./cgbpf.yaml, /etc/cgbpf/cgbpf.yaml, or the built-in one */
	const char *journal_file; /* NULL: none */
	const char *samples_file; /* NULL: none */
	bool is_observing; /* only looks: nothing is governed and nothing written */
	bool is_dry_run;
	bool is_kept; /* limits stay at the end, and stay in the ledger */
	uint64_t duration_ns; /* 0: until a signal */
};

/* Returns the exit status; has said what went wrong. */
int run(const struct run_options *options);

#endif

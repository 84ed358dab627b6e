/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table of roads on which a limit gets to the kernel, and one change on each. It never
 * keeps a time. */
#ifndef CGBPF_LATENCY_METHOD_H
#define CGBPF_LATENCY_METHOD_H

#include "user/latency_bench.h"

struct latency_method_row {
	const char *name; /* as --methods and --json have it */
	bool is_client; /* a process, or a request to a daemon; else writes of our own */
	enum latency_where where;
	enum cgbpf_latency_role daemon;
	const char *program; /* has to be on PATH; NULL: none */
};

const struct latency_method_row *latency_method_row(enum latency_method method);
/* LATENCY_METHODS: there is none of this name. */
enum latency_method latency_method_find(const char *name, size_t len);

/* The one whose limits METHOD changes in this run. */
const struct latency_place *latency_method_place(const struct latency_bench *bench,
						 enum latency_method method);

/* Why it cannot be measured here, into WHY; empty: it can. */
void latency_method_check(const struct latency_bench *bench, enum latency_method method,
			  struct latency_why *why);

/*
 * Sets KNOB to VALUE once, and says when that began and ended. 0; -EINTR: a signal came in; else
 * WHY has a sentence.
 */
int latency_method_do(struct latency_bench *bench, enum latency_method method,
		      enum latency_knob knob, const struct latency_value *value,
		      struct latency_request *ret_request, struct latency_why *why);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the witness's program in the kernel hands to its user: words only, no storage. */
#ifndef CGBPF_BENCH_WITNESS_H
#define CGBPF_BENCH_WITNESS_H

#define WITNESS_MAX 4096

struct witness_answer {
	unsigned long long latency_ns; /* from the first that was kept waiting to the write's end */
	unsigned long long left_ns; /* of the CFS period, when it began */
};

struct witness_write {
	unsigned long long at_ns, quota_ns, period_ns;
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Samples of time, for the benches: taken, and printed as JSON. It never judges them. */
#ifndef CGBPF_BENCH_SAMPLE_H
#define CGBPF_BENCH_SAMPLE_H

#include <err.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t sample_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

/* "NAME":[…] to standard output. */
static inline void sample_print(const char *name, const uint64_t *values, size_t values_cnt)
{
	printf("\"%s\":[", name);
	for (size_t i = 0; i < values_cnt; i++)
		printf("%s%" PRIu64, i ? "," : "", values[i]);
	putchar(']');
}

/* RESULT if it is none of an error, else the end of the program. */
static inline int64_t sample_must(int64_t result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

#endif

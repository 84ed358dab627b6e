/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums and bounds of 64-bit amounts, for what decides: pure, and they do not overflow. */
#ifndef CGBPF_AMOUNT_H
#define CGBPF_AMOUNT_H

#include <stdint.h>

#define PAGE_BYTES 4096ULL
#define PPM 1000000ULL
/* A raise smaller than the CPUs' charge batches is used up before it is seen. */
#define LEAST_RAISE_BYTES (512ULL << 10)

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* UINT64_MAX, which is no limit, where the sum is beyond it. */
static inline uint64_t plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t page_floor(uint64_t bytes)
{
	return bytes & ~(PAGE_BYTES - 1);
}

#endif

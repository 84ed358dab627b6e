/* SPDX-License-Identifier: BSD-2-Clause */
/* What the buckets of a distribution say: percentiles with a bounded error. Plain arithmetic; it
 * never reads a map. */
#ifndef CGBPF_HISTOGRAM_H
#define CGBPF_HISTOGRAM_H

#include <stdint.h>

#include "bpf/abi.h"

/* The bucket of so many bytes; as the kernel side counts them. BITS: CGBPF_FINE_BITS or _COARSE_.
 */
uint32_t histogram_bucket(uint64_t bytes, uint32_t bits);
/* The middle of a bucket, in bytes. */
uint64_t histogram_middle(uint32_t bucket, uint32_t bits);

/*
 * The value below which SHARE_PPM of all samples lie. The median (500000) of an even number of
 * samples is the mean of the two in the middle. 0 where there are none.
 */
uint64_t histogram_percentile(const uint32_t *buckets, uint32_t bits, uint32_t share_ppm);

/* The same of the usage of one cgroup; never outside what was seen, which is exact. */
uint64_t usage_percentile(const struct cgbpf_usage *usage, uint32_t share_ppm);
uint64_t usage_median(const struct cgbpf_usage *usage);

#endif

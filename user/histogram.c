// SPDX-License-Identifier: BSD-2-Clause
/* Owns the arithmetic of log-linear buckets. It never reads a map and never allocates. */
#include "user/histogram.h"

#include "user/amount.h"

#define MEDIAN_PPM 500000

static uint32_t buckets_cnt(uint32_t bits)
{
	return (CGBPF_USAGE_OCTAVES - bits + 1) << bits;
}

uint32_t histogram_bucket(uint64_t bytes, uint32_t bits)
{
	uint64_t pages = bytes / PAGE_BYTES;
	uint32_t log, shift;

	if (pages >> CGBPF_USAGE_OCTAVES)
		pages = (1ULL << CGBPF_USAGE_OCTAVES) - 1;
	log = pages ? 63 - (uint32_t)__builtin_clzll(pages) : 0;
	shift = log > bits ? log - bits : 0;
	return (shift << bits) + (uint32_t)(pages >> shift);
}

uint64_t histogram_middle(uint32_t bucket, uint32_t bits)
{
	uint32_t shift = bucket >> bits ? (bucket >> bits) - 1 : 0;
	uint64_t first = (uint64_t)(bucket - (shift << bits)) << shift;

	/* From the first to the last page of the bucket, of which there are 2^shift. */
	return first * PAGE_BYTES + ((1ULL << shift) - 1) * PAGE_BYTES / 2;
}

/* The bucket in which the sample with this rank (from 1) lies. */
static uint32_t bucket_at(const uint32_t *buckets, uint32_t bits, uint64_t rank)
{
	uint32_t cnt = buckets_cnt(bits), i;
	uint64_t sum = 0;

	for (i = 0; i < cnt - 1; i++) {
		sum += buckets[i];
		if (sum >= rank)
			break;
	}
	return i;
}

uint64_t histogram_percentile(const uint32_t *buckets, uint32_t bits, uint32_t share_ppm)
{
	uint32_t cnt = buckets_cnt(bits);
	uint64_t sum = 0, rank, low;

	for (uint32_t i = 0; i < cnt; i++)
		sum += buckets[i];
	if (!sum)
		return 0;
	rank = (sum * share_ppm + PPM - 1) / PPM;
	low = histogram_middle(bucket_at(buckets, bits, rank ? rank : 1), bits);
	if (share_ppm != MEDIAN_PPM || sum % 2)
		return low;
	return low + (histogram_middle(bucket_at(buckets, bits, rank + 1), bits) - low) / 2;
}

uint64_t usage_percentile(const struct cgbpf_usage *usage, uint32_t share_ppm)
{
	uint64_t bytes = histogram_percentile(usage->usage, CGBPF_FINE_BITS, share_ppm);

	if (bytes < usage->min_bytes)
		return usage->min_bytes;
	return bytes > usage->max_bytes ? usage->max_bytes : bytes;
}

uint64_t usage_median(const struct cgbpf_usage *usage)
{
	return usage_percentile(usage, MEDIAN_PPM);
}

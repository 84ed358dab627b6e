/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/histogram.c to its promises about error and order. It never needs a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/histogram.h"

#define PAGE 4096ULL
#define ROUNDS 200000
#define SAMPLES 2001
#define P50 500000
#define MOST_PAGES ((1ULL << CGBPF_USAGE_OCTAVES) - 1)

static uint64_t drawn = 1;

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = drawn += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t draw_pages(void)
{
	return (draw() & MOST_PAGES) >> draw() % CGBPF_USAGE_OCTAVES;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void a_fine_bucket_is_at_most_one_percent_off(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t bytes = draw_pages() * PAGE;
		uint32_t bucket = histogram_bucket(bytes, CGBPF_FINE_BITS);

		assert_true(bucket < CGBPF_FINE_BUCKETS);
		assert_true(distance(histogram_middle(bucket, CGBPF_FINE_BITS), bytes) * 100 <=
			    bytes);
	}
}

static void a_coarse_bucket_is_at_most_seven_percent_off(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t bytes = draw_pages() * PAGE;
		uint32_t bucket = histogram_bucket(bytes, CGBPF_COARSE_BITS);

		assert_true(bucket < CGBPF_COARSE_BUCKETS);
		assert_true(distance(histogram_middle(bucket, CGBPF_COARSE_BITS), bytes) * 100 <=
			    7 * bytes);
	}
}

static void more_never_falls_into_a_lower_bucket(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t pages = 0; pages < 1 << 20; pages++) {
		uint32_t bucket = histogram_bucket(pages * PAGE, CGBPF_FINE_BITS);

		assert_true(bucket == last || bucket == last + 1);
		last = bucket;
	}
}

static void what_is_too_much_falls_into_the_last_bucket(void **state)
{
	(void)state;
	assert_int_equal(histogram_bucket(UINT64_MAX, CGBPF_FINE_BITS), CGBPF_FINE_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX, CGBPF_COARSE_BITS), CGBPF_COARSE_BUCKETS - 1);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void count(struct cgbpf_usage *usage, const uint64_t *samples, size_t cnt)
{
	memset(usage, 0, sizeof(*usage));
	usage->min_bytes = UINT64_MAX;
	for (size_t i = 0; i < cnt; i++) {
		usage->usage[histogram_bucket(samples[i], CGBPF_FINE_BITS)]++;
		usage->sample_cnt++;
		if (samples[i] < usage->min_bytes)
			usage->min_bytes = samples[i];
		if (samples[i] > usage->max_bytes)
			usage->max_bytes = samples[i];
	}
}

/* The exact median, as everybody computes it. */
static uint64_t exact_median(uint64_t *samples, size_t cnt)
{
	qsort(samples, cnt, sizeof(*samples), by_size);
	return cnt % 2 ? samples[cnt / 2]
		       : samples[cnt / 2 - 1] + (samples[cnt / 2] - samples[cnt / 2 - 1]) / 2;
}

static void check_shape(uint64_t (*shape)(size_t i))
{
	static uint64_t samples[SAMPLES];
	struct cgbpf_usage usage;

	for (size_t cnt = SAMPLES - 1; cnt <= SAMPLES; cnt++) {
		uint64_t exact;

		for (size_t i = 0; i < cnt; i++)
			samples[i] = shape(i);
		count(&usage, samples, cnt);
		exact = exact_median(samples, cnt);
		assert_true(distance(usage_median(&usage), exact) * 100 <= exact);
		assert_true(usage_percentile(&usage, 0) >= samples[0]);
		assert_true(usage_percentile(&usage, 1000000) <= samples[cnt - 1]);
	}
}

static uint64_t steady(size_t i)
{
	return (30000 + i % 7) * PAGE;
}

static uint64_t sawtooth(size_t i)
{
	return (1000 + 97 * (i % 400)) * PAGE;
}

static uint64_t bursty(size_t i)
{
	(void)i;
	return (draw() % 10 ? 2000 + draw() % 100 : 90000 + draw() % 9000) * PAGE;
}

static uint64_t two_halves(size_t i)
{
	return (i % 2 ? 100 : 50000) * PAGE;
}

static void the_median_is_at_most_one_percent_off_whatever_the_shape(void **state)
{
	(void)state;
	check_shape(steady);
	check_shape(sawtooth);
	check_shape(bursty);
	check_shape(two_halves);
}

static void where_nothing_was_seen_there_is_nothing(void **state)
{
	struct cgbpf_usage usage = {};

	(void)state;
	assert_int_equal(usage_median(&usage), 0);
}

static void one_sample_is_told_exactly(void **state)
{
	uint64_t sample = 123457 * PAGE;
	struct cgbpf_usage usage;

	(void)state;
	count(&usage, &sample, 1);
	assert_int_equal(usage_median(&usage), sample);
	assert_int_equal(usage_percentile(&usage, 990000), sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fine_bucket_is_at_most_one_percent_off),
		cmocka_unit_test(a_coarse_bucket_is_at_most_seven_percent_off),
		cmocka_unit_test(more_never_falls_into_a_lower_bucket),
		cmocka_unit_test(what_is_too_much_falls_into_the_last_bucket),
		cmocka_unit_test(the_median_is_at_most_one_percent_off_whatever_the_shape),
		cmocka_unit_test(where_nothing_was_seen_there_is_nothing),
		cmocka_unit_test(one_sample_is_told_exactly),
	};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}

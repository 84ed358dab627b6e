/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/calibrate_order.c to one entry a path, with everything that was seen of it. It never
 * samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/calibrate.h"

static void saw(struct calibration_result *result, uint64_t id, const char *path, bool is_gone,
		struct cgbpf_usage usage)
{
	struct calibrated *each;

	result->cgroups = reallocarray(result->cgroups, result->cnt + 1, sizeof(*result->cgroups));
	assert_non_null(result->cgroups);
	each = &result->cgroups[result->cnt++];
	*each = (struct calibrated){.id = id, .path = strdup(path), .is_gone = is_gone};
	if (!usage.sample_cnt)
		return;
	each->usage = malloc(sizeof(usage));
	assert_non_null(each->usage);
	*each->usage = usage;
}

static void forget(struct calibration_result *result)
{
	for (size_t i = 0; i < result->cnt; i++) {
		free(result->cgroups[i].path);
		free(result->cgroups[i].usage);
	}
	free(result->cgroups);
}

static struct cgbpf_usage usage_of(uint64_t first_ns, uint64_t last_ns, uint64_t min, uint64_t max,
				   uint64_t limit)
{
	struct cgbpf_usage usage = {.first_ns = first_ns,
				    .last_ns = last_ns,
				    .sample_cnt = 2,
				    .min_bytes = min,
				    .max_bytes = max,
				    .usage_bytes = max,
				    .limit_bytes = limit};

	usage.usage[1] = usage.anon[2] = usage.file[3] = 2;
	return usage;
}

static void one_name_at_two_times_is_one_entry(void **state)
{
	struct calibration_result result = {};
	const struct cgbpf_usage *usage;

	(void)state;
	saw(&result, 3, "/b", false, usage_of(30, 40, 5, 7, 300));
	saw(&result, 9, "/a", false, usage_of(10, 40, 1, 1, 1));
	saw(&result, 2, "/b", true, usage_of(10, 20, 6, 9, 200));
	saw(&result, 1, "/b", true, usage_of(1, 2, 8, 8, 100));
	calibrate_put_in_order(&result);
	assert_int_equal(result.cnt, 2);
	assert_string_equal(result.cgroups[0].path, "/a");
	assert_string_equal(result.cgroups[1].path, "/b");
	assert_false(result.cgroups[1].is_gone);
	usage = result.cgroups[1].usage;
	assert_int_equal(usage->first_ns, 1);
	assert_int_equal(usage->last_ns, 40);
	assert_int_equal(usage->sample_cnt, 6);
	assert_int_equal(usage->min_bytes, 5);
	assert_int_equal(usage->max_bytes, 9);
	assert_int_equal(usage->usage_bytes, 7);
	assert_int_equal(usage->limit_bytes, 300);
	assert_int_equal(usage->usage[1], 6);
	assert_int_equal(usage->anon[2], 6);
	assert_int_equal(usage->file[3], 6);
	forget(&result);
}

static void one_that_was_never_sampled_takes_nothing_away(void **state)
{
	struct calibration_result result = {};

	(void)state;
	saw(&result, 1, "/a", true, (struct cgbpf_usage){});
	saw(&result, 2, "/a", true, usage_of(10, 20, 5, 7, 300));
	saw(&result, 3, "/a", true, (struct cgbpf_usage){});
	calibrate_put_in_order(&result);
	assert_int_equal(result.cnt, 1);
	assert_true(result.cgroups[0].is_gone);
	assert_non_null(result.cgroups[0].usage);
	assert_int_equal(result.cgroups[0].usage->sample_cnt, 2);
	forget(&result);
}

static void parents_are_told_from_names_that_begin_alike(void **state)
{
	static const char *const paths[] = {"/a/b", "/ab", "/a-", "/", "/a", "/a"};
	static const bool has_children[] = {true, true, false, false, false};
	struct calibration_result result = {};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		saw(&result, i, paths[i], false, usage_of(1, 1, 1, 1, 1));
	calibrate_put_in_order(&result);
	assert_int_equal(result.cnt, 5);
	for (size_t i = 0; i < result.cnt; i++)
		assert_int_equal(result.cgroups[i].has_children, has_children[i]);
	forget(&result);
}

static void nothing_stays_nothing(void **state)
{
	struct calibration_result result = {};

	(void)state;
	calibrate_put_in_order(&result);
	assert_int_equal(result.cnt, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_name_at_two_times_is_one_entry),
		cmocka_unit_test(one_that_was_never_sampled_takes_nothing_away),
		cmocka_unit_test(parents_are_told_from_names_that_begin_alike),
		cmocka_unit_test(nothing_stays_nothing),
	};

	return cmocka_run_group_tests_name("calibrate_order", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/calibrate_recommend.c to configurations that the reader of configurations takes. It
 * never samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fixtures/temporary.h"
#include "user/calibrate.h"
#include "user/config.h"

#define MANY 6000
#define PAGE 4096ULL

static char text[CONFIG_MAX_FILE_BYTES + 4096];

/* Into TEXT, too. */
static struct calibrate_recommended recommend(struct calibrated *cgroups, size_t cnt)
{
	struct calibration_result result = {.cgroups = cgroups, .cnt = cnt};
	struct calibrate_recommended told;
	FILE *f = fopen(file, "w+");

	assert_non_null(f);
	assert_int_equal(calibrate_recommend(&result, NULL, f, &told), 0);
	rewind(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return told;
}

static struct config read_back(void)
{
	struct config config;
	char error[1024];

	if (config__load(file, &config, error, sizeof(error)))
		fail_msg("%s", error);
	return config;
}

static struct cgbpf_usage usage_of(uint64_t bytes)
{
	return (struct cgbpf_usage){
		.sample_cnt = 1, .min_bytes = bytes, .max_bytes = bytes, .limit_bytes = UINT64_MAX};
}

static void any_name_of_utf8_is_read_back_as_it_was(void **state)
{
	static const char *const names[] = {
		"/a",
		"/\"quoted\" #",
		"/\xc3\xbc\xf0\x9f\x90\xa7",
		"/\xef\xbf\xbe", /* U+FFFE and U+FFFF: no YAML */
		"/\xef\xbf\xbf",
		"/\xef\xbb\xbf", /* a byte order mark */
		"/a \xe2\x80\xa8 b", /* line separators, which YAML folds */
		"/a \xc2\x85 b",
		"/\x1b(31m\x7f",
		"/\xf4\x8f\xbf\xbf",
	};
	enum { CNT = sizeof(names) / sizeof(*names) };
	struct calibrated cgroups[CNT] = {};
	struct cgbpf_usage usage = usage_of(PAGE);
	struct config config;

	(void)state;
	for (size_t i = 0; i < CNT; i++)
		cgroups[i] = (struct calibrated){.path = (char *)names[i], .usage = &usage};
	assert_int_equal(recommend(cgroups, CNT).targets_cnt, CNT);
	config = read_back();
	assert_int_equal(config.targets_cnt, CNT);
	for (size_t i = 0; i < CNT; i++)
		assert_string_equal(config.targets[i].match, names[i]);
	config__free(&config);
}

/* "/aaa…", so long, and ENDs with a character that a glob wants escaped. */
static char *long_path(size_t len, const char *end)
{
	char *path = malloc(len + 1);

	assert_non_null(path);
	memset(path, 'a', len);
	path[0] = '/';
	strcpy(path + len - strlen(end), end);
	return path;
}

static void what_the_reader_would_refuse_is_left_out_with_its_reason(void **state)
{
	struct cgbpf_usage usage = usage_of(PAGE);
	struct calibrated cgroups[] = {
		{.path = "/a", .usage = &usage},
		{.path = long_path(4095, "a"), .usage = &usage},
		{.path = long_path(4095, "*"), .usage = &usage},
		{.path = long_path(4096, "b"), .usage = &usage},
		{.path = "/bad\xff\xef\xbf\xbf", .usage = &usage},
		{.path = "/sys/fs/cgroup/a", .usage = &usage},
		{.path = "/self", .usage = &usage, .is_cgbpf = true},
		{.path = "/init.scope", .usage = &usage},
		{.path = "/unseen"},
	};
	enum { CNT = sizeof(cgroups) / sizeof(*cgroups) };
	struct config config;

	(void)state;
	assert_int_equal(recommend(cgroups, CNT).targets_cnt, 2);
	config = read_back();
	assert_int_equal(config.targets_cnt, 2);
	assert_string_equal(config.targets[1].match, cgroups[1].path);
	config__free(&config);
	assert_non_null(strstr(text, ": its path is longer than 4095 bytes\n"));
	assert_non_null(strstr(text, "/bad\\xff\\xef\\xbf\\xbf: its name is not UTF-8\n"));
	assert_non_null(strstr(text, "/sys/fs/cgroup/a: its path is below"));
	assert_non_null(strstr(text, "/self: cgbpf itself runs in it\n"));
	assert_non_null(strstr(text, "/init.scope: "));
	assert_non_null(strstr(text, "/unseen: it was not sampled\n"));
	for (size_t i = 1; i <= 3; i++)
		free(cgroups[i].path);
}

static void more_than_a_configuration_holds_leaves_the_smallest_out(void **state)
{
	struct calibrated *cgroups = calloc(2 * MANY, sizeof(*cgroups));
	struct cgbpf_usage *usages = calloc(MANY, sizeof(*usages));
	struct calibrate_recommended told;
	struct config config;

	(void)state;
	assert_non_null(cgroups);
	assert_non_null(usages);
	for (size_t i = 0; i < 2 * MANY; i++) {
		char *path;

		assert_true(asprintf(&path, "/system.slice/docker-%064zu.scope", i) > 0);
		cgroups[i].path = path;
		/* Every other has no target, only a reason. */
		if (i % 2)
			continue;
		usages[i / 2] = usage_of(((MANY + i / 2 * 7) % MANY + 1) * PAGE);
		cgroups[i].usage = &usages[i / 2];
	}
	told = recommend(cgroups, 2 * MANY);
	config = read_back();
	assert_true(told.targets_cnt > 2000);
	assert_int_equal(config.targets_cnt, told.targets_cnt);
	assert_int_equal(told.targets_cnt + told.no_room_cnt, MANY);
	for (size_t i = 0; i < 2 * MANY; i += 2) {
		bool is_in = strstr(text, cgroups[i].path) != NULL;

		assert_int_equal(is_in, usages[i / 2].max_bytes > told.no_room_cnt * PAGE);
	}
	config__free(&config);
	for (size_t i = 0; i < 2 * MANY; i++)
		free(cgroups[i].path);
	free(cgroups);
	free(usages);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_name_of_utf8_is_read_back_as_it_was),
		cmocka_unit_test(what_the_reader_would_refuse_is_left_out_with_its_reason),
		cmocka_unit_test(more_than_a_configuration_holds_leaves_the_smallest_out),
	};

	return cmocka_run_group_tests_name("calibrate_recommend", tests, set_up, tear_down);
}

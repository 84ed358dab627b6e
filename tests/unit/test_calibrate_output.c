/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/calibrate_output.c to names that are read back as they were. It never samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fixtures/temporary.h"
#include "user/calibrate.h"
#include "user/calibration.h"

/* What is written is read back, and each of CNT names is found with its own bytes. */
static void expect_read_back(const char *const *names, size_t cnt)
{
	struct calibrated cgroups[16] = {};
	struct cgbpf_usage usages[16] = {};
	struct calibration_result result = {.cgroups = cgroups, .cnt = cnt};
	struct calibration calibration;
	char error[512];
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	for (size_t i = 0; i < cnt; i++) {
		usages[i].sample_cnt = 1;
		usages[i].min_bytes = usages[i].max_bytes = i;
		cgroups[i] = (struct calibrated){.path = (char *)names[i], .usage = &usages[i]};
	}
	assert_int_equal(calibrate_write_json(&result, f), 0);
	fclose(f);
	if (calibration__load(file, &calibration, error, sizeof(error)))
		fail_msg("%s", error);
	assert_int_equal(calibration.cnt, cnt);
	for (size_t i = 0; i < cnt; i++) {
		const struct calibration_entry *entry = calibration__find(&calibration, names[i]);

		if (!entry || entry->min_bytes != i)
			fail_msg("name %zu is not found, or is another", i);
	}
	calibration__free(&calibration);
}

static void two_names_never_become_one(void **state)
{
	/* A byte, and the four and five characters in which it could be shown. */
	static const char *const names[] = {
		"/",	    "/\xff",	 "/\\xff", "/\\\\xff",	    "/\xff\\",	     "/\xff\\\\",
		"/\\xff\\", "/\xff\xfe", "/a\"b",  "/\xef\xbf\xbd", "/\xef\xbf\xbf",
	};

	(void)state;
	expect_read_back(names, sizeof(names) / sizeof(*names));
}

static void a_name_that_is_utf8_is_its_own_key(void **state)
{
	static const char *const names[] = {"/system-a\\x2db.slice", "/\xc3\xbc"};
	char text[1024] = "";
	FILE *f;

	(void)state;
	expect_read_back(names, 2);
	f = fopen(file, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(text, "\n\"/system-a\\\\x2db.slice\": {"));
	assert_non_null(strstr(text, "\n\"/\\u00FC\": {"));
	assert_null(strstr(text, "cgroup_bytes"));
}

static void no_name_is_too_long(void **state)
{
	char *name = malloc(20001);
	const char *const names[] = {name, "/"};

	(void)state;
	assert_non_null(name);
	memset(name, '\xff', 20000);
	name[0] = '/';
	name[20000] = '\0';
	expect_read_back(names, 2);
	free(name);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_names_never_become_one),
		cmocka_unit_test(a_name_that_is_utf8_is_its_own_key),
		cmocka_unit_test(no_name_is_too_long),
	};

	return cmocka_run_group_tests_name("calibrate_output", tests, set_up, tear_down);
}

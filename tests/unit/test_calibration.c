/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/calibration.c and outfile.c to their promises. It never samples a cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/calibration.h"
#include "user/outfile.h"

#define ENTRY "\"min_consumption\":1,\"max_consumption\":3,\"median_consumption\":2"

static char folder[] = "/tmp/test_calibration.XXXXXX", file[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/c.json", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(folder);
}

static void put(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int load(const char *text, struct calibration *calibration, char error[512])
{
	put(text);
	return calibration__load(file, calibration, error, 512);
}

static void what_was_written_is_found_by_its_path(void **state)
{
	const struct calibration_entry *entry;
	struct calibration calibration;
	char error[512];

	(void)state;
	assert_int_equal(load("{\n\"/z\": {" ENTRY ", \"more\": [{\"a\": \"}\"}]},\n"
			      "\"/a \\\"b\": {" ENTRY "},\n"
			      "\"/\\ufffd\": {" ENTRY ", \"cgroup_bytes\": \"2fff\"}\n}\n",
			      &calibration, error),
			 0);
	assert_int_equal(calibration.cnt, 3);
	entry = calibration__find(&calibration, "/z");
	assert_non_null(entry);
	assert_int_equal(entry->min_bytes, 1);
	assert_int_equal(entry->median_bytes, 2);
	assert_int_equal(entry->max_bytes, 3);
	assert_int_equal(entry->line, 2);
	assert_int_equal(calibration__find(&calibration, "/a \"b")->line, 3);
	assert_int_equal(calibration__find(&calibration, "/\xff")->line, 4);
	assert_null(calibration__find(&calibration, "/b"));
	calibration__free(&calibration);
}

static void an_empty_one_knows_nobody(void **state)
{
	struct calibration calibration;
	char error[512];

	(void)state;
	assert_int_equal(load("{\n}\n", &calibration, error), 0);
	assert_null(calibration__find(&calibration, "/a"));
	calibration__free(&calibration);
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *place, *what;
	} wrongs[] = {
		{"", ":1:0: ", "expected"},
		{"{\n\"/a\": {" ENTRY "},\n\"/b\": {\"min_", ":3:", ""},
		{"[1]", ":1:1: ", "no calibration"},
		{"{\"methods\": [],\n\"/a\": {" ENTRY "}}", ":1:2: ", "'methods'"},
		{"{\n\"/a\": 3}", ":2:1: ", "no object"},
		{"{\n\"/a\": {" ENTRY "},\n  \"/b\": {\"min_consumption\":1}}",
		 ":3:3: ", "'max_consumption'"},
		{"{\n\"/a\": "
		 "{\"min_consumption\":9,\"max_consumption\":3,\"median_consumption\":4}}",
		 ":2:1: ", "above max"},
		{"{\n\n\"/a\": {\"min_consumption\":1,\"max_consumption\":3,"
		 "\"median_consumption\":4}}",
		 ":3:1: ", "median_consumption is outside"},
		{"{\n\"/a\": {\"min_consumption\":-1,\"max_consumption\":3,"
		 "\"median_consumption\":2}}",
		 ":2:1: ", "'min_consumption' is not a number"},
		{"{\n\"/a\": {\"min_consumption\":\"1\",\"max_consumption\":3,"
		 "\"median_consumption\":2}}",
		 ":2:1: ", "'min_consumption' is not a number"},
		{"{\n\"/a\": {" ENTRY "},\n\"/a\": {" ENTRY "}}", ":3:", "duplicate"},
	};
	struct calibration calibration = {.cnt = 42};
	char error[512];

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		assert_int_equal(load(wrongs[i].text, &calibration, error), -EINVAL);
		if (strncmp(error, file, strlen(file)) != 0 || !strstr(error, wrongs[i].place) ||
		    !strstr(error, wrongs[i].what))
			fail_msg("%zu: %s", i, error);
	}
	assert_int_equal(calibration.cnt, 42);
}

static void files_of_no_good_kind_are_refused(void **state)
{
	struct calibration calibration;
	char error[512], link[80];

	(void)state;
	assert_int_equal(calibration__load("/nowhere/c.json", &calibration, error, sizeof(error)),
			 -ENOENT);
	assert_non_null(strstr(error, "/nowhere/c.json: "));
	assert_int_equal(calibration__load("/dev/null", &calibration, error, sizeof(error)),
			 -EINVAL);
	put("{}");
	snprintf(link, sizeof(link), "%s.link", file);
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(calibration__load(link, &calibration, error, sizeof(error)), -ELOOP);
	unlink(link);
	assert_int_equal(chmod(file, 0666), 0);
	assert_int_equal(calibration__load(file, &calibration, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "by others"));
	assert_int_equal(chmod(file, 0644), 0);
}

static void a_result_is_whole_or_as_it_was_before(void **state)
{
	struct outfile out;
	char text[8] = "";
	FILE *f;

	(void)state;
	put("old");
	assert_int_equal(outfile__open(file, &out), 0);
	fputs("new", out.stream);
	outfile__abandon(&out);
	f = fopen(file, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "old");
	assert_int_equal(outfile__open(file, &out), 0);
	fputs("new", out.stream);
	assert_int_equal(outfile__commit(&out), 0);
	f = fopen(file, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "new");
}

static void a_result_that_cannot_be_written_is_known_at_once(void **state)
{
	struct outfile out;

	(void)state;
	assert_int_equal(outfile__open("/nowhere/c.json", &out), -ENOENT);
	assert_int_equal(outfile__open(folder, &out), -EISDIR);
}

static void a_device_is_written_to_and_not_replaced(void **state)
{
	struct outfile out;
	struct stat st;

	(void)state;
	assert_int_equal(outfile__open("/dev/null", &out), 0);
	fputs("new", out.stream);
	assert_int_equal(outfile__commit(&out), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_found_by_its_path),
		cmocka_unit_test(an_empty_one_knows_nobody),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
		cmocka_unit_test(files_of_no_good_kind_are_refused),
		cmocka_unit_test(a_result_is_whole_or_as_it_was_before),
		cmocka_unit_test(a_result_that_cannot_be_written_is_known_at_once),
		cmocka_unit_test(a_device_is_written_to_and_not_replaced),
	};

	return cmocka_run_group_tests_name("calibration", tests, set_up, tear_down);
}

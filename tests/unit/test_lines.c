/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of user/lines beyond those tests of the journal make: sizes, and what a rotation leaves.
 * It never looks inside the room. */
#include "user/lines.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PROMISE(name) static void name(__attribute__((unused)) void **state)

static char folder[64], file[80];
static struct lines *lines;

static int setup(__attribute__((unused)) void **state)
{
	strcpy(folder, "/tmp/cgbpf-lines.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/lines", folder);
	return 0;
}

static int teardown(__attribute__((unused)) void **state)
{
	char path[100];

	lines__close(lines);
	lines = NULL;
	remove(file);
	for (int n = 1; n < 5; n++) {
		snprintf(path, sizeof(path), "%s.%d", file, n);
		remove(path);
	}
	return remove(folder);
}

static void assert_holds(const char *suffix, const char *expected)
{
	char path[100], text[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", file, suffix);
	f = fopen(path, "re");
	assert_int_equal(!f, !expected);
	if (!f)
		return;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, expected);
}

PROMISE(a_file_below_its_size_is_not_rotated)
{
	assert_int_equal(lines__open(file, &lines), 0);
	assert_int_equal(lines__write(lines, "one"), 0);
	assert_int_equal(lines__rotate(lines, 5, 2), 0);
	assert_holds("", "one\n");
	assert_holds(".1", NULL);
}

PROMISE(old_files_move_up_and_the_oldest_goes)
{
	static const char *const words[] = {"one", "two", "three", "four"};

	assert_int_equal(lines__open(file, &lines), 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		assert_int_equal(lines__write(lines, words[i]), 0);
		assert_int_equal(lines__rotate(lines, 4, 2), 1);
	}
	assert_holds("", "");
	assert_holds(".1", "four\n");
	assert_holds(".2", "three\n");
	assert_holds(".3", NULL);
}

PROMISE(with_none_kept_the_file_begins_anew)
{
	assert_int_equal(lines__open(file, &lines), 0);
	assert_int_equal(lines__write(lines, "one"), 0);
	assert_int_equal(lines__rotate(lines, 1, 0), 1);
	assert_int_equal(lines__write(lines, "two"), 0);
	assert_holds("", "two\n");
	assert_holds(".1", NULL);
}

PROMISE(a_rotation_that_cannot_be_leaves_the_old_file_in_use)
{
	char path[100];

	assert_int_equal(lines__open(file, &lines), 0);
	assert_int_equal(lines__write(lines, "one"), 0);
	snprintf(path, sizeof(path), "%s.1", file);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(lines__rotate(lines, 1, 1), -EISDIR);
	assert_int_equal(lines__write(lines, "two"), 0);
	assert_holds("", "one\ntwo\n");
}

PROMISE(a_torn_tail_is_closed_when_the_file_is_opened)
{
	FILE *f = fopen(file, "we");

	assert_non_null(f);
	fputs("whole\nto", f);
	fclose(f);
	assert_int_equal(lines__open(file, &lines), 0);
	assert_int_equal(lines__write(lines, "next"), 0);
	assert_holds("", "whole\nto\nnext\n");
}

PROMISE(standard_output_is_never_rotated)
{
	assert_int_equal(lines__open("-", &lines), 0);
	assert_int_equal(lines__rotate(lines, 0, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_below_its_size_is_not_rotated, setup,
						teardown),
		cmocka_unit_test_setup_teardown(old_files_move_up_and_the_oldest_goes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(with_none_kept_the_file_begins_anew, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_rotation_that_cannot_be_leaves_the_old_file_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(a_torn_tail_is_closed_when_the_file_is_opened,
						setup, teardown),
		cmocka_unit_test_setup_teardown(standard_output_is_never_rotated, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

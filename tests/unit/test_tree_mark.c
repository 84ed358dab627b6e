/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of what is known of a hierarchy by its names and its mark, and of whose word is taken.
 * It never touches a cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/cmd_tree.h"
#include "user/tree.h"

#define FILE_NAME "/tmp/cgbpf-test-tree-mark.yaml"

static void a_workers_name_is_known_by_its_time_and_random_part(void **state)
{
	(void)state;
	assert_true(tree_mark_time_in("run-main-1795547626-7dd41f44-local", '-') == 1795547626);
	assert_true(tree_mark_time_in("a-b-c-1795547626-7dd41f44-x-y", '-') == 1795547626);
	assert_true(tree_mark_time_in("run-main-1795547626-7dd41f4-local", '-') == 0);
	assert_true(tree_mark_time_in("run-main-1795547626-7dd41f44", '-') == 0);
	assert_true(tree_mark_time_in("run-main-12-7dd41f44-local", '-') == 0);
	assert_true(tree_mark_time_in("-1795547626-7dd41f44-local", '-') == 0);
	assert_true(tree_mark_time_in("", '-') == 0);
}

static void a_torn_slice_is_known_by_name_and_description_together(void **state)
{
	static const char name[] = "p-a_b_main_1795547626_7dd41f44_l_1.slice";
	struct tree_mark mark;

	(void)state;
	assert_int_equal(tree_slice_read(name, "l-1 of cgbpf's run a-b, phase main", &mark), 0);
	assert_int_equal(mark.kind, TREE_TORN);
	assert_true(mark.made_s == 1795547626);
	assert_string_equal(mark.run_id, "a-b");
	assert_string_equal(mark.phase, "main");
	tree_mark__free(&mark);
	assert_int_not_equal(tree_slice_read(name, name, &mark), 0);
	assert_int_not_equal(tree_slice_read(name, "l-1 of cgbpf's run b, phase main", &mark), 0);
	assert_int_not_equal(tree_slice_read(name, "l of cgbpf's run a-b, phase main", &mark), 0);
	assert_int_not_equal(tree_slice_read("p.slice", "p of cgbpf's run p, phase p", &mark), 0);
	assert_int_not_equal(tree_slice_read("p-a_b_main_1795547626_7dd41f44_l_1-c.slice",
					     "c of cgbpf's run a-b, phase main", &mark),
			     0);
}

static void root_takes_no_users_word_for_a_folder(void **state)
{
	(void)state;
	assert_true(tree_mark_is_trusted(0, 0, 0));
	assert_false(tree_mark_is_trusted(0, 1000, 0));
	assert_false(tree_mark_is_trusted(0, 1000, 1000));
	assert_false(tree_mark_is_trusted(0, 0, 1000));
	assert_true(tree_mark_is_trusted(1000, 1000, 1000));
	assert_true(tree_mark_is_trusted(1000, 0, 0));
}

static void only_what_is_called_after_a_slice_is_below_it(void **state)
{
	(void)state;
	assert_true(tree_slice_is_below("a-b-c.slice", "a-b.slice"));
	assert_false(tree_slice_is_below("sshd.service", "a-b.slice"));
	assert_false(tree_slice_is_below("system.slice", "a-b.slice"));
	assert_false(tree_slice_is_below("a-bc.slice", "a-b.slice"));
	assert_false(tree_slice_is_below("a-b.slice", "a-b.slice"));
	assert_false(tree_slice_is_below("a-b-c.service", "a-b.slice"));
	assert_false(tree_slice_is_below("-a.slice", ".slice"));
	assert_false(tree_slice_is_below("a-b-c.slice", "a"));
}

static void a_file_that_is_gone_keeps_its_name(void **state)
{
	char *before, *after, *below;
	FILE *f;

	(void)state;
	f = fopen(FILE_NAME, "w");
	assert_non_null(f);
	fclose(f);
	before = tree_file_name(FILE_NAME);
	unlink(FILE_NAME);
	after = tree_file_name(FILE_NAME);
	assert_string_equal(after, before);
	free(after);
	assert_int_equal(chdir("/tmp"), 0);
	after = tree_file_name(FILE_NAME + strlen("/tmp/"));
	assert_string_equal(after, before);
	below = tree_file_name("/cgbpf-none");
	assert_string_equal(below, "/cgbpf-none");
	free(below);
	free(after);
	free(before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_workers_name_is_known_by_its_time_and_random_part),
		cmocka_unit_test(a_torn_slice_is_known_by_name_and_description_together),
		cmocka_unit_test(root_takes_no_users_word_for_a_folder),
		cmocka_unit_test(only_what_is_called_after_a_slice_is_below_it),
		cmocka_unit_test(a_file_that_is_gone_keeps_its_name),
	};

	return cmocka_run_group_tests_name("tree_mark", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the table of user/feature.c against the BPF programs that were built. It never loads one.
 */
#include <bpf/libbpf.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/feature.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

/* Run's programs, the sampler's, and bench-latency's. */
static const char *const files[] = {"/../cgbpf.bpf.o", "/../sample.bpf.o", "/../bpf/latency.bpf.o"};
#define OBJECTS (sizeof(files) / sizeof(*files))
static struct bpf_object *objects[OBJECTS];

/* The objects that were built along with this test, as seen from it. */
static int open_objects(void **state)
{
	char own[PATH_MAX], path[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);

	(void)state;
	if (len < 0)
		return -1;
	own[len] = '\0';
	for (size_t i = 0; i < OBJECTS; i++) {
		snprintf(path, sizeof(path), "%s%s", i ? own : dirname(own), files[i]);
		objects[i] = bpf_object__open_file(path, NULL);
		if (!objects[i])
			return -1;
	}
	return 0;
}

static int close_objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		bpf_object__close(objects[i]);
	return 0;
}

static bool was_built(const char *name)
{
	for (size_t i = 0; i < OBJECTS; i++)
		if (bpf_object__find_program_by_name(objects[i], name))
			return true;
	return false;
}

static struct features all(void)
{
	struct features features = {};

	for (int i = 0; i < FEATURE_MAX; i++)
		features.has[i] = true;
	return features;
}

static void every_feature_has_its_words(void **state)
{
	(void)state;
	for (int i = 0; i < FEATURE_MAX; i++) {
		const struct feature_row *row = feature_row(i);

		if (!row->name || !*row->name || !row->what || !*row->what || !row->lost ||
		    !*row->lost || !row->cure || !*row->cure)
			fail_msg("feature %d (%s) lacks words", i, row->name ? row->name : "");
		if (strspn(row->name, NAME_LETTERS) != strlen(row->name))
			fail_msg("'%s' is no name", row->name);
	}
}

static void no_two_features_share_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < FEATURE_MAX; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(feature_row(i)->name, feature_row(j)->name);
}

static void no_two_rows_want_a_program_for_one_feature(void **state)
{
	(void)state;
	for (size_t i = 0; feature_program(i); i++)
		for (size_t j = 0; j < i; j++)
			if (feature_program(i)->needs == feature_program(j)->needs)
				assert_string_not_equal(feature_program(i)->name,
							feature_program(j)->name);
}

/* By its own row, or as the other end of a moment that has one; the second of two programs for one
 * moment is wanted where the first cannot be. */
static void every_program_is_wanted_where_its_feature_is(void **state)
{
	struct features features = all();
	struct bpf_program *program;
	unsigned int cnt = 0;

	(void)state;
	for (size_t i = 0; i < OBJECTS; i++) {
		bpf_object__for_each_program(program, objects[i])
		{
			const char *name = bpf_program__name(program);

			features.has[FEATURE_KILL_TASK] = strcmp(name, "on_kill_by_function") != 0;
			features.has[FEATURE_IO_THROTTLE] = strcmp(name, "on_bio_older") != 0;
			features.has[FEATURE_FPROBE] = strcmp(name, "on_charge_older") != 0 &&
						       strcmp(name, "on_oom_older") != 0;
			features.has[FEATURE_LIMIT_WRITE] = strncmp(name, "on_vfs_", 7) != 0;
			if (!features_want_program(&features, name))
				fail_msg("nothing wants %s", name);
			cnt++;
		}
	}
	assert_true(cnt >= 15);
}

static void every_program_of_the_table_was_built(void **state)
{
	const struct program_row *row;

	(void)state;
	for (size_t i = 0; (row = feature_program(i)); i++)
		if (!was_built(row->name))
			fail_msg("there is no program %s", row->name);
}

static void every_program_is_off_until_it_is_wanted(void **state)
{
	struct bpf_program *program;

	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		bpf_object__for_each_program(program, objects[i])
		{
			if (bpf_program__autoload(program))
				fail_msg("%s lacks the '?' before its section",
					 bpf_program__name(program));
		}
}

static void a_program_is_not_wanted_without_its_feature(void **state)
{
	const struct program_row *row;
	struct features none = {};

	(void)state;
	for (size_t i = 0; (row = feature_program(i)); i++) {
		struct features only = {};

		assert_false(features_want_program(&none, row->name));
		only.has[row->needs] = true;
		assert_true(features_want_program(&only, row->name));
		if (row->unless == FEATURE_MAX)
			continue;
		only.has[row->unless] = true;
		/* But for one that is wanted by that better feature too. */
		assert_int_equal(features_want_program(&only, row->name),
				 strcmp(row->name, "on_victim_exit") == 0);
	}
}

static void one_kill_is_seen_by_one_program(void **state)
{
	struct features features = all();

	(void)state;
	for (int i = 0; i < 4; i++) {
		features.has[FEATURE_KILL_TASK] = i & 1;
		features.has[FEATURE_KILL_FUNCTION] = i & 2;
		assert_int_equal(features_want_program(&features, "on_kill"), i == 1 || i == 3);
		assert_int_equal(features_want_program(&features, "on_kill_by_function"), i == 2);
	}
}

/* Where the kernel has both functions, one moment is not seen twice. */
static void the_second_of_two_programs_is_not_wanted_beside_the_first(void **state)
{
	static const struct {
		enum feature first, second;
		const char *program;
	} pairs[] = {
		{FEATURE_LIMIT_WRITE, FEATURE_VFS_WRITE, "on_vfs_write"},
		{FEATURE_LIMIT_WRITE, FEATURE_VFS_WRITE, "on_vfs_written"},
		{FEATURE_IO_THROTTLE, FEATURE_IO_THROTTLE_OLDER, "on_bio_older"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		for (int has = 0; has < 4; has++) {
			struct features features = all();

			features.has[pairs[i].first] = has & 1;
			features.has[pairs[i].second] = has & 2;
			assert_int_equal(features_want_program(&features, pairs[i].program),
					 has == 2);
		}
}

static void a_program_the_table_does_not_know_is_not_wanted(void **state)
{
	struct features features = all();

	(void)state;
	assert_false(features_want_program(&features, "on_nothing"));
	assert_false(features_want_program(&features, "on_oom_d"));
	assert_false(features_want_program(&features, ""));
}

static void the_first_missing_that_is_required_is_told(void **state)
{
	struct features features = {};
	int last = -1;

	(void)state;
	for (int i = 0; i < FEATURE_MAX; i++) {
		if (!feature_row(i)->is_required)
			continue;
		assert_int_equal(features_missing(&features), i);
		features.has[i] = true;
		last = i;
	}
	assert_true(last >= 0);
	assert_int_equal(features_missing(&features), FEATURE_MAX);
	features.has[last] = false;
	assert_int_equal(features_missing(&features), last);
}

/* Each is told as the cause, and not what follows from it: the kernel's functions are looked up in
 * its types. */
static void a_cause_stands_before_what_follows_from_it(void **state)
{
	(void)state;
	assert_true(feature_row(FEATURE_ROOT)->is_required);
	assert_int_equal(FEATURE_ROOT, 0);
	assert_true(FEATURE_CGROUP2 < FEATURE_MEMORY_CONTROLLER);
	for (size_t i = 0; feature_program(i); i++)
		assert_true(feature_program(i)->needs > FEATURE_BTF);
	assert_true(feature_row(FEATURE_CHARGE)->is_required);
	assert_true(feature_row(FEATURE_OOM)->is_required);
	assert_true(feature_row(FEATURE_WRITE)->is_required);
	assert_true(feature_row(FEATURE_LIFE)->is_required);
	assert_false(feature_row(FEATURE_KILL_TASK)->is_required);
	assert_false(feature_row(FEATURE_KILL_FUNCTION)->is_required);
	assert_false(feature_row(FEATURE_RECLAIM)->is_required);
	assert_false(feature_row(FEATURE_PSI)->is_required);
}

static void asking_needs_no_privilege_and_answers_all(void **state)
{
	struct features features;

	(void)state;
	memset(&features, 0x5a, sizeof(features));
	features_probe(&features);
	assert_int_equal(features.has[FEATURE_ROOT], geteuid() == 0);
	for (int i = 0; i < FEATURE_MAX; i++) {
		assert_true(features.err[i] <= 0 && features.err[i] > -4096);
		assert_false(features.has[i] && features.err[i]);
	}
	if (!features.has[FEATURE_BTF])
		assert_false(features.has[FEATURE_CHARGE] || features.has[FEATURE_OOM] ||
			     features.has[FEATURE_WRITE]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_feature_has_its_words),
		cmocka_unit_test(no_two_features_share_a_name),
		cmocka_unit_test(no_two_rows_want_a_program_for_one_feature),
		cmocka_unit_test(every_program_is_wanted_where_its_feature_is),
		cmocka_unit_test(every_program_of_the_table_was_built),
		cmocka_unit_test(every_program_is_off_until_it_is_wanted),
		cmocka_unit_test(a_program_is_not_wanted_without_its_feature),
		cmocka_unit_test(one_kill_is_seen_by_one_program),
		cmocka_unit_test(the_second_of_two_programs_is_not_wanted_beside_the_first),
		cmocka_unit_test(a_program_the_table_does_not_know_is_not_wanted),
		cmocka_unit_test(the_first_missing_that_is_required_is_told),
		cmocka_unit_test(a_cause_stands_before_what_follows_from_it),
		cmocka_unit_test(asking_needs_no_privilege_and_answers_all),
	};

	return cmocka_run_group_tests_name("feature", tests, open_objects, close_objects);
}

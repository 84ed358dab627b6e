/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the journal to all that throttling cost, and to one word a second. It never makes a cgroup:
 * the kernel's sums stand in a folder of its own. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "user/controller.h"
#include "user/throttled.h"

#define ID 7
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL

struct scene {
	struct controller controller;
	struct group *group;
	char folder[32], journal[64];
	uint64_t began_ns; /* long enough ago for all that is to be over */
};

static void put(const struct scene *scene, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", scene->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct group *group = calloc(1, sizeof(*group));

	assert_true(scene && group);
	strcpy(scene->folder, "/tmp/cgbpf-throttled-XXXXXX");
	assert_non_null(mkdtemp(scene->folder));
	snprintf(scene->journal, sizeof(scene->journal), "%s/journal", scene->folder);
	assert_int_equal(journal__open(scene->journal, &scene->controller.journal), 0);
	put(scene, "cpu.max", "20000 100000\n");
	assert_int_equal(groups__init(&scene->controller.groups), 0);
	scene->controller.is_observing = true;
	*group = (struct group){.id = ID, .max_fd = -1, .usage_fd = -1};
	group->dir_fd = open(scene->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	group->path = strdup("/job");
	group->watched_knobs = 1U << CGBPF_KNOB_CPU_MAX;
	assert_int_equal(groups__add(&scene->controller.groups, group), 0);
	scene->group = group;
	scene->began_ns = apply_now_ns() - 60 * NSEC_PER_SEC;
	*state = scene;
	return 0;
}

static int end(void **state)
{
	static const char *const names[] = {"cpu.max", "cpu.stat", "journal"};
	struct scene *scene = *state;
	char path[128];

	journal__close(scene->controller.journal);
	groups__free(&scene->controller.groups);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", scene->folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(scene->folder), 0);
	free(scene);
	return 0;
}

/* The kernel's sums are these. */
static void stand_at(const struct scene *scene, uint64_t throttled_ms, unsigned int periods_cnt)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "usage_usec 1\nnr_periods %u\nnr_throttled %u\nthrottled_usec %llu\n", periods_cnt,
		 periods_cnt, (unsigned long long)throttled_ms * 1000);
	put(scene, "cpu.stat", text);
}

/* The kernel side's word of the same, so long after the begin. */
static void note(struct scene *scene, uint64_t after_ms, uint64_t throttled_ms,
		 unsigned int periods_cnt)
{
	struct cgbpf_event event = {
		.kind = CGBPF_EVENT_CPU_RELEASED,
		.kernel_ns = scene->began_ns + after_ms * NSEC_PER_MSEC,
		.cgroup_id = ID,
		.cpu = {.quota_ns = 20 * NSEC_PER_MSEC,
			.period_ns = 100 * NSEC_PER_MSEC,
			.throttled_ns = throttled_ms * NSEC_PER_MSEC,
			.periods_cnt = periods_cnt,
			.throttled_cnt = periods_cnt},
	};

	note__handle(&scene->controller, &event);
}

struct told {
	unsigned int records_cnt;
	uint64_t lost_ms, periods_cnt;
};

static struct told told(const struct scene *scene)
{
	struct told sum = {};
	char line[1024];
	FILE *file = fopen(scene->journal, "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *record = json_loads(line, 0, NULL);

		assert_non_null(record);
		assert_string_equal(json_string_value(json_object_get(record, "event")),
				    "cpu_throttled");
		assert_string_equal(json_string_value(json_object_get(record, "new")),
				    "20000 100000");
		sum.records_cnt++;
		sum.lost_ms += json_integer_value(json_object_get(record, "lost_ns")) /
			       (json_int_t)NSEC_PER_MSEC;
		sum.periods_cnt += json_integer_value(json_object_get(record, "periods"));
		json_decref(record);
	}
	fclose(file);
	return sum;
}

static void assert_told(const struct scene *scene, unsigned int records_cnt, uint64_t lost_ms,
			uint64_t periods_cnt)
{
	struct told sum = told(scene);

	assert_int_equal(sum.records_cnt, records_cnt);
	assert_int_equal(sum.lost_ms, lost_ms);
	assert_int_equal(sum.periods_cnt, periods_cnt);
}

static void the_rest_of_a_burst_is_told_at_a_heartbeat_once(void **state)
{
	struct scene *scene = *state;

	note(scene, 0, 80, 1);
	stand_at(scene, 400, 5);
	throttled__tend(&scene->controller);
	assert_told(scene, 2, 400, 5);
	throttled__tend(&scene->controller);
	assert_told(scene, 2, 400, 5);
	/* The next burst's first word comes too soon after that, and is not lost. */
	note(scene, 60 * 1000, 450, 6);
	assert_told(scene, 2, 400, 5);
	note(scene, 62 * 1000, 500, 8);
	assert_told(scene, 3, 500, 8);
}

static void after_its_controller_was_switched_off_and_on_what_is_lost_counts_anew(void **state)
{
	struct scene *scene = *state;

	note(scene, 0, 800, 10);
	note(scene, 5000, 300, 4);
	assert_told(scene, 2, 1100, 14);
	stand_at(scene, 350, 5);
	throttled__tend(&scene->controller);
	assert_told(scene, 3, 1150, 15);
	/* And once more, all of it by its own look. */
	stand_at(scene, 20, 1);
	scene->group->lost.has_more = true;
	scene->group->lost.cpu_told_ns = 0;
	throttled__tend(&scene->controller);
	assert_told(scene, 4, 1170, 16);
}

/* The kernel side's words have nanoseconds, its file has not. */
static void
what_was_told_to_the_nanosecond_is_not_told_anew_for_the_files_microseconds(void **state)
{
	struct scene *scene = *state;

	note(scene, 0, 80, 1);
	scene->group->lost.throttled_ns += 500;
	stand_at(scene, 80, 1);
	throttled__tend(&scene->controller);
	assert_told(scene, 1, 80, 1);
}

static void of_a_burst_that_told_it_all_nothing_is_left(void **state)
{
	struct scene *scene = *state;

	note(scene, 0, 80, 1);
	stand_at(scene, 80, 1);
	throttled__tend(&scene->controller);
	assert_told(scene, 1, 80, 1);
	assert_false(scene->group->lost.has_more);
}

static void what_goes_on_is_left_to_the_kernel_side(void **state)
{
	struct scene *scene = *state;

	scene->began_ns = apply_now_ns();
	note(scene, 0, 80, 1);
	stand_at(scene, 400, 5);
	throttled__tend(&scene->controller);
	assert_told(scene, 1, 80, 1);
	assert_true(scene->group->lost.has_more);
}

/* The main thread may come to the note after the heartbeat. */
static void a_note_that_waited_meanwhile_tells_nothing_twice(void **state)
{
	struct scene *scene = *state;

	note(scene, 0, 80, 1);
	stand_at(scene, 400, 5);
	throttled__tend(&scene->controller);
	note(scene, 1100, 390, 4);
	assert_told(scene, 2, 400, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_told_to_the_nanosecond_is_not_told_anew_for_the_files_microseconds,
			begin, end),
		cmocka_unit_test_setup_teardown(
			after_its_controller_was_switched_off_and_on_what_is_lost_counts_anew,
			begin, end),
		cmocka_unit_test_setup_teardown(the_rest_of_a_burst_is_told_at_a_heartbeat_once,
						begin, end),
		cmocka_unit_test_setup_teardown(of_a_burst_that_told_it_all_nothing_is_left, begin,
						end),
		cmocka_unit_test_setup_teardown(what_goes_on_is_left_to_the_kernel_side, begin,
						end),
		cmocka_unit_test_setup_teardown(a_note_that_waited_meanwhile_tells_nothing_twice,
						begin, end),
	};

	return cmocka_run_group_tests_name("throttled", tests, NULL, NULL);
}

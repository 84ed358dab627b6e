/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the ranking of donors, and who of it is asked and counted, to crowds of cgroups. It never
 * makes a cgroup: they are folders of a temporary one, and nothing is written to them (dry run). */
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

#include "user/controller.h"

#define MIB (1ULL << 20)
#define CROWD_MOST 128
#define RECEIVER_ID 1

struct crowd {
	struct controller controller;
	char root[32];
	uint64_t parent_id, elsewhere_id;
	struct calibration_entry entries[CROWD_MOST];
};

static uint64_t make_folder(struct crowd *crowd, const char *path)
{
	struct stat made;

	assert_int_equal(mkdirat(crowd->controller.root_fd, path + 1, 0755), 0);
	assert_int_equal(fstatat(crowd->controller.root_fd, path + 1, &made, 0), 0);
	return made.st_ino;
}

static struct group *enter(struct crowd *crowd, uint64_t id, const char *path, uint64_t limit_bytes)
{
	struct group *group = calloc(1, sizeof(*group));

	assert_non_null(group);
	*group = (struct group){.id = id,
				.dir_fd = -1,
				.max_fd = -1,
				.usage_fd = -1,
				.limit_bytes = limit_bytes,
				.rule.watermark_ppm = 900000};
	group->path = strdup(path);
	assert_int_equal(groups__add(&crowd->controller.groups, group), 0);
	return group;
}

static void use(const struct group *group, uint64_t usage_bytes)
{
	int fd = openat(group->dir_fd, "memory.current", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%llu\n", (unsigned long long)usage_bytes) > 0);
	close(fd);
}

/* CNT cgroups that could lend, PATH followed by a number. Calibrations are in order of paths. */
static void enter_many(struct crowd *crowd, const char *path, size_t cnt, uint64_t limit_bytes,
		       uint64_t usage_bytes)
{
	struct calibration *calibration = &crowd->controller.config.calibration;
	char each[64];

	for (size_t i = 0; i < cnt; i++) {
		struct group *group;

		snprintf(each, sizeof(each), "%s%03zu", path, i);
		group = enter(crowd, make_folder(crowd, each), each, limit_bytes);
		group->dir_fd = openat(crowd->controller.root_fd, each + 1, O_RDONLY | O_DIRECTORY);
		assert_true(group->dir_fd >= 0);
		use(group, usage_bytes);
		assert_true(calibration->cnt < CROWD_MOST);
		crowd->entries[calibration->cnt++] = (struct calibration_entry){
			.path = group->path, .min_bytes = MIB, .median_bytes = limit_bytes / 2};
	}
}

static int begin(void **state)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	struct controller *controller = &crowd->controller;

	assert_non_null(crowd);
	strcpy(crowd->root, "/tmp/donors.XXXXXX");
	assert_non_null(mkdtemp(crowd->root));
	controller->root_fd = open(crowd->root, O_RDONLY | O_DIRECTORY);
	assert_true(controller->root_fd >= 0);
	assert_int_equal(groups__init(&controller->groups), 0);
	controller->apply = (struct apply){.ledger_fd = -1, .is_dry_run = true, .cpus = 2};
	controller->donors.apply = &controller->apply;
	controller->donors.groups = &controller->groups;
	controller->config.calibration.entries = crowd->entries;
	crowd->elsewhere_id = make_folder(crowd, "/elsewhere");
	crowd->parent_id = make_folder(crowd, "/parent");
	enter(crowd, RECEIVER_ID, "/parent/receiver", 32 * MIB);
	*state = crowd;
	return 0;
}

static int end(void **state)
{
	struct crowd *crowd = *state;
	struct controller *controller = &crowd->controller;
	char command[64];

	donors__close(&controller->donors);
	groups__free(&controller->groups);
	close(controller->root_fd);
	snprintf(command, sizeof(command), "rm -rf %s", crowd->root);
	assert_int_equal(system(command), 0);
	free(crowd);
	return 0;
}

static struct group *group_of(struct crowd *crowd, uint64_t id)
{
	struct group *group = groups__find(&crowd->controller.groups, id);

	assert_non_null(group);
	return group;
}

static bool is_in(const struct taking *taking, uint64_t id)
{
	for (size_t i = 0; i < taking->cnt; i++)
		if (taking->donations[i].id == id)
			return true;
	return false;
}

/* Takes for the receiver, and lowers as a dry run does not. */
static struct taking take(struct crowd *crowd, uint64_t binder_id, uint64_t missing_bytes)
{
	struct taking taking;

	donors__take(&crowd->controller.donors, group_of(crowd, RECEIVER_ID), binder_id,
		     missing_bytes, &taking);
	for (size_t i = 0; i < taking.cnt; i++)
		group_of(crowd, taking.donations[i].id)->limit_bytes -= taking.donations[i].bytes;
	return taking;
}

static void those_who_gave_all_are_passed_over_for_the_next(void **state)
{
	struct crowd *crowd = *state;
	struct taking taking, before = {};
	uint64_t bytes = 0;
	size_t cnt = 0;

	enter_many(crowd, "/elsewhere/d", 20, 20 * MIB, 2 * MIB);
	donors__rank(&crowd->controller);
	/* Between two heartbeats: 8, 8, and the 4 that are left. */
	for (int event = 0; event < 3; event++) {
		taking = take(crowd, 0, 1024 * MIB);
		assert_int_equal(taking.cnt, event < 2 ? 8 : 4);
		for (size_t i = 0; i < before.cnt; i++)
			assert_false(is_in(&taking, before.donations[i].id));
		before = taking;
		cnt += taking.cnt;
		bytes += taking.bytes;
	}
	assert_int_equal(cnt, 20);
	assert_true(bytes >= 20 * 10 * MIB);
	assert_int_equal(take(crowd, 0, 1024 * MIB).bytes, 0);
}

static void those_who_need_theirs_now_are_passed_over_for_the_next(void **state)
{
	struct crowd *crowd = *state;
	struct group *group = NULL;
	struct taking taking;

	enter_many(crowd, "/elsewhere/most", 10, 64 * MIB, 2 * MIB);
	enter_many(crowd, "/elsewhere/next", 3, 20 * MIB, 2 * MIB);
	donors__rank(&crowd->controller);
	/* All that were ranked first have grown since. */
	while ((group = groups__next(&crowd->controller.groups, group)))
		if (strstr(group->path, "/most"))
			use(group, 60 * MIB);
	taking = take(crowd, 0, 30 * MIB);
	assert_int_equal(taking.bytes, 30 * MIB);
	assert_int_equal(taking.cnt, 3);
	for (size_t i = 0; i < taking.cnt; i++)
		assert_non_null(strstr(group_of(crowd, taking.donations[i].id)->path, "/next"));
}

static void a_sibling_is_asked_whoever_has_more_elsewhere(void **state)
{
	struct crowd *crowd = *state;
	struct taking taking;

	enter_many(crowd, "/elsewhere/d", 60, 128 * MIB, 2 * MIB);
	enter_many(crowd, "/parent/s", 1, 64 * MIB, 8 * MIB);
	donors__rank(&crowd->controller);
	taking = take(crowd, crowd->parent_id, 16 * MIB);
	assert_int_equal(taking.cnt, 1);
	assert_string_equal(group_of(crowd, taking.donations[0].id)->path, "/parent/s000");
	assert_int_equal(taking.bytes, 16 * MIB);
}

static void every_promise_below_a_parent_counts(void **state)
{
	struct crowd *crowd = *state;
	struct donors *donors = &crowd->controller.donors;
	const struct group *receiver = group_of(crowd, RECEIVER_ID);

	enter_many(crowd, "/elsewhere/d", 10, 512 * MIB, 2 * MIB);
	enter_many(crowd, "/parent/s", 100, 128 * MIB, 20 * MIB);
	donors__rank(&crowd->controller);
	/* As the kernel side's samples say, of which there are none here. */
	for (size_t i = 0; i < donors->ranked_cnt; i++)
		donors->ranked[i].usage_bytes = 20 * MIB;
	assert_int_equal(donors__promised(donors, receiver, crowd->parent_id), 100 * 108 * MIB);
	/* Those who have lent all that they could have a promise still. */
	for (size_t i = 0; i < donors->ranked_cnt; i++)
		group_of(crowd, donors->ranked[i].id)->limit_bytes = 26 * MIB;
	donors__rank(&crowd->controller);
	assert_true(donors__promised(donors, receiver, crowd->parent_id) >= 100 * 6 * MIB);
}

/* What is below one another is one promise, the outer one's. */
static void who_is_in_another_lender_has_no_promise_of_its_own(void **state)
{
	struct crowd *crowd = *state;
	struct donors *donors = &crowd->controller.donors;
	const struct group *receiver = group_of(crowd, RECEIVER_ID);
	uint64_t outer_id = 0;

	enter_many(crowd, "/parent/s", 1, 64 * MIB, 8 * MIB);
	enter_many(crowd, "/parent/s000/inside", 2, 48 * MIB, 4 * MIB);
	donors__rank(&crowd->controller);
	assert_int_equal(donors__promised(donors, receiver, crowd->parent_id), 56 * MIB);
	/* Unless it is the outer one that binds, or that does not lend. */
	for (size_t i = 0; i < donors->ranked_cnt; i++)
		if (!strcmp(group_of(crowd, donors->ranked[i].id)->path, "/parent/s000"))
			outer_id = donors->ranked[i].id;
	assert_int_equal(donors__promised(donors, receiver, outer_id), 2 * 44 * MIB);
	group_of(crowd, outer_id)->is_never_donor = true;
	assert_int_equal(donors__promised(donors, receiver, crowd->parent_id), 2 * 44 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(those_who_gave_all_are_passed_over_for_the_next,
						begin, end),
		cmocka_unit_test_setup_teardown(
			those_who_need_theirs_now_are_passed_over_for_the_next, begin, end),
		cmocka_unit_test_setup_teardown(a_sibling_is_asked_whoever_has_more_elsewhere,
						begin, end),
		cmocka_unit_test_setup_teardown(every_promise_below_a_parent_counts, begin, end),
		cmocka_unit_test_setup_teardown(who_is_in_another_lender_has_no_promise_of_its_own,
						begin, end),
	};

	return cmocka_run_group_tests_name("donors, many", tests, NULL, NULL);
}

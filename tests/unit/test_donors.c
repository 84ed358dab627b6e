/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/donors.c to whom it asks and whom it counts. It never makes a cgroup: what groups use
 * stands in files of its own, and nothing is written (dry run). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/apply.h"
#include "user/donors.h"

#define MIB (1ULL << 20)

enum { RECEIVER = 1, NEAR, NEAR_TOO, INSIDE, FAR, NEVER, PARENT = 100, ELSEWHERE };

struct family {
	struct apply apply;
	struct groups groups;
	struct donors donors;
};

static struct group *enter(struct family *family, uint64_t id, const char *path,
			   uint64_t limit_bytes)
{
	struct group *group = calloc(1, sizeof(*group));

	assert_non_null(group);
	*group = (struct group){
		.id = id, .dir_fd = -1, .max_fd = -1, .usage_fd = -1, .limit_bytes = limit_bytes};
	group->path = strdup(path);
	group->rule.watermark_ppm = 900000;
	assert_int_equal(groups__add(&family->groups, group), 0);
	return group;
}

/* A governed cgroup that could lend. */
static void rank(struct family *family, uint64_t id, const char *path, uint64_t limit_bytes,
		 uint64_t usage_bytes, uint64_t parent_id)
{
	struct donors *donors = &family->donors;
	int fd = memfd_create("usage", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%llu\n", (unsigned long long)usage_bytes) > 0);
	enter(family, id, path, limit_bytes)->usage_fd = fd;
	donors->ranked =
		realloc(donors->ranked, (donors->ranked_cnt + 1) * sizeof(*donors->ranked));
	assert_non_null(donors->ranked);
	donors->ranked[donors->ranked_cnt++] = (struct ranked_donor){
		.id = id,
		.min_bytes = MIB,
		.median_bytes = limit_bytes / 2,
		.usage_bytes = usage_bytes,
		.ancestors = {parent_id},
	};
}

static int begin(void **state)
{
	struct family *family = calloc(1, sizeof(*family));

	assert_non_null(family);
	assert_int_equal(groups__init(&family->groups), 0);
	family->apply = (struct apply){.ledger_fd = -1, .is_dry_run = true, .cpus = 2};
	family->donors.apply = &family->apply;
	family->donors.groups = &family->groups;
	enter(family, RECEIVER, "/parent/receiver", 32 * MIB);
	rank(family, NEAR, "/parent/near", 64 * MIB, 8 * MIB, PARENT);
	rank(family, FAR, "/elsewhere/far", 64 * MIB, 4 * MIB, ELSEWHERE);
	*state = family;
	return 0;
}

static int end(void **state)
{
	struct family *family = *state;

	donors__close(&family->donors);
	groups__free(&family->groups);
	free(family);
	return 0;
}

static const struct group *receiver_of(struct family *family)
{
	return groups__find(&family->groups, RECEIVER);
}

static void only_who_is_below_the_ancestor_is_counted_and_asked(void **state)
{
	struct family *family = *state;
	struct taking taking;

	assert_int_equal(donors__promised(&family->donors, receiver_of(family), PARENT), 56 * MIB);
	assert_int_equal(donors__promised(&family->donors, receiver_of(family), ELSEWHERE),
			 60 * MIB);
	donors__take(&family->donors, receiver_of(family), PARENT, 16 * MIB, &taking);
	assert_int_equal(taking.cnt, 1);
	assert_int_equal(taking.donations[0].id, NEAR);
	assert_int_equal(taking.bytes, 16 * MIB);
	assert_true(taking.is_of_parent);
	donors__take(&family->donors, receiver_of(family), 0, 16 * MIB, &taking);
	assert_int_equal(taking.cnt, 2);
	assert_int_equal(taking.bytes, 16 * MIB);
	assert_false(taking.is_of_parent);
}

/* What is below one another is one promise. */
static void who_is_in_another_donor_is_neither_counted_nor_asked_too(void **state)
{
	struct family *family = *state;
	struct taking taking;

	rank(family, INSIDE, "/parent/near/inside", 64 * MIB, 8 * MIB, NEAR);
	family->donors.ranked[2].ancestors[1] = PARENT;
	family->donors.ranked[2].within_id = NEAR;
	rank(family, NEAR_TOO, "/parent/near-too", 32 * MIB, 8 * MIB, PARENT);
	assert_int_equal(donors__promised(&family->donors, receiver_of(family), PARENT), 80 * MIB);
	donors__take(&family->donors, receiver_of(family), PARENT, 48 * MIB, &taking);
	assert_int_equal(taking.cnt, 2);
	for (size_t i = 0; i < taking.cnt; i++)
		assert_int_not_equal(taking.donations[i].id, INSIDE);
}

static void who_never_lends_or_is_let_go_has_no_promise_to_keep(void **state)
{
	struct family *family = *state;

	rank(family, NEVER, "/parent/never", 64 * MIB, 8 * MIB, PARENT);
	groups__find(&family->groups, NEVER)->is_never_donor = true;
	assert_int_equal(donors__promised(&family->donors, receiver_of(family), PARENT), 56 * MIB);
	groups__find(&family->groups, NEAR)->is_stopped = true;
	assert_int_equal(donors__promised(&family->donors, receiver_of(family), PARENT), 0);
}

static void one_that_vanished_is_planned_without(void **state)
{
	struct family *family = *state;
	struct taking taking;

	rank(family, NEAR_TOO, "/parent/near-too", 64 * MIB, 8 * MIB, PARENT);
	/* As a descriptor of a cgroup that is gone: what is read fails. */
	assert_int_equal(ftruncate(groups__find(&family->groups, NEAR)->usage_fd, 0), 0);
	assert_int_equal(donors__promised(&family->donors, receiver_of(family), PARENT), 56 * MIB);
	donors__take(&family->donors, receiver_of(family), PARENT, 16 * MIB, &taking);
	assert_int_equal(taking.cnt, 1);
	assert_int_equal(taking.donations[0].id, NEAR_TOO);
	assert_int_equal(taking.bytes, 16 * MIB);
}

static void with_no_place_for_a_loan_nobody_lends_and_who_owes_still_pays(void **state)
{
	struct family *family = *state;
	struct donors *donors = &family->donors;
	struct taking taking;

	for (; donors->loans_cnt < DONORS_LOANS_MAX; donors->loans_cnt++)
		donors->loans[donors->loans_cnt] = (struct loan){NEVER, INSIDE, MIB, false};
	donors__take(donors, receiver_of(family), 0, 16 * MIB, &taking);
	assert_int_equal(taking.bytes, 0);
	donors->loans[0] = (struct loan){RECEIVER, NEAR, 8 * MIB, false};
	donors__take(donors, receiver_of(family), 0, 16 * MIB, &taking);
	assert_int_equal(taking.cnt, 1);
	assert_int_equal(taking.bytes, 8 * MIB);
	assert_true(taking.donations[0].is_repayment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_who_is_below_the_ancestor_is_counted_and_asked,
						begin, end),
		cmocka_unit_test_setup_teardown(
			who_is_in_another_donor_is_neither_counted_nor_asked_too, begin, end),
		cmocka_unit_test_setup_teardown(who_never_lends_or_is_let_go_has_no_promise_to_keep,
						begin, end),
		cmocka_unit_test_setup_teardown(one_that_vanished_is_planned_without, begin, end),
		cmocka_unit_test_setup_teardown(
			with_no_place_for_a_loan_nobody_lends_and_who_owes_still_pays, begin, end),
	};

	return cmocka_run_group_tests_name("donors", tests, NULL, NULL);
}

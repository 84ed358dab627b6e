/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/group.c to its promises. It never makes a cgroup: its groups are made of air. */
#include <errno.h>
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

#include "bpf/abi.h"
#include "user/group.h"

#define CROWD 10000U /* more than there are buckets */

static struct group *group_of(uint64_t id)
{
	struct group *group = calloc(1, sizeof(*group));

	assert_non_null(group);
	group->id = id;
	group->dir_fd = group->max_fd = group->usage_fd = -1;
	return group;
}

static int begin(void **state)
{
	static struct groups groups;

	*state = &groups;
	return groups__init(&groups);
}

static int end(void **state)
{
	groups__free(*state);
	return 0;
}

/* Ids as kernfs counts them, with a generation in the upper half on 32-bit inode numbers. */
static uint64_t id_of(uint64_t i)
{
	return i % 2 ? i : i << 32 | (i & 0xff);
}

static void fill(struct groups *groups)
{
	for (uint64_t i = 1; i <= CROWD; i++)
		assert_int_equal(groups__add(groups, group_of(id_of(i))), 0);
}

static void an_empty_table_has_nobody(void **state)
{
	struct groups *groups = *state;

	assert_int_equal(groups->cnt, 0);
	assert_null(groups__find(groups, 1));
	assert_null(groups__take(groups, 1));
	assert_null(groups__next(groups, NULL));
}

static void every_group_is_found_by_its_id_and_by_no_other(void **state)
{
	struct groups *groups = *state;

	fill(groups);
	assert_int_equal(groups->cnt, CROWD);
	for (uint64_t i = 1; i <= CROWD; i++) {
		struct group *group = groups__find(groups, id_of(i));

		assert_non_null(group);
		assert_int_equal(group->id, id_of(i));
	}
	assert_null(groups__find(groups, 0));
	assert_null(groups__find(groups, CROWD + 1));
	assert_null(groups__find(groups, UINT64_MAX));
}

static void a_walk_meets_every_group_once(void **state)
{
	struct groups *groups = *state;
	struct group *group = NULL;
	unsigned int cnt = 0;

	fill(groups);
	while ((group = groups__next(groups, group))) {
		assert_int_equal(group->look_ns, 0);
		group->look_ns = 1;
		cnt++;
	}
	assert_int_equal(cnt, CROWD);
}

static void a_group_taken_is_gone_and_the_rest_stay(void **state)
{
	struct groups *groups = *state;

	fill(groups);
	for (uint64_t i = 1; i <= CROWD; i += 3) {
		struct group *group = groups__take(groups, id_of(i));

		assert_non_null(group);
		assert_int_equal(group->id, id_of(i));
		assert_null(groups__find(groups, id_of(i)));
		assert_null(groups__take(groups, id_of(i)));
		group__free(group);
	}
	assert_int_equal(groups->cnt, CROWD - (CROWD + 2) / 3);
	for (uint64_t i = 1; i <= CROWD; i++)
		assert_int_equal(groups__find(groups, id_of(i)) != NULL, i % 3 != 1);
}

static void a_group_may_be_taken_out_while_walking(void **state)
{
	struct groups *groups = *state;
	unsigned int cnt = 0;

	fill(groups);
	for (struct group *next, *group = groups__next(groups, NULL); group; group = next) {
		next = groups__next(groups, group);
		assert_ptr_equal(groups__take(groups, group->id), group);
		group__free(group);
		cnt++;
	}
	assert_int_equal(cnt, CROWD);
	assert_int_equal(groups->cnt, 0);
	assert_null(groups__next(groups, NULL));
}

static void one_more_than_the_kernel_side_holds_is_refused_and_stays_the_callers(void **state)
{
	struct groups *groups = *state;
	struct group *late = group_of(CGBPF_MAX_GOVERNED + 1);

	for (uint64_t id = 1; id <= CGBPF_MAX_GOVERNED; id++)
		assert_int_equal(groups__add(groups, group_of(id)), 0);
	assert_int_equal(groups__add(groups, late), -ENOSPC);
	assert_int_equal(groups->cnt, CGBPF_MAX_GOVERNED);
	assert_null(groups__find(groups, late->id));
	group__free(groups__take(groups, 1));
	assert_int_equal(groups__add(groups, late), 0);
}

static void a_freed_group_leaves_no_descriptor_open(void **state)
{
	struct groups *groups = *state;
	struct group *group = group_of(1);
	int fds[3];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fds[2] = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
	group->dir_fd = fds[0];
	group->max_fd = fds[1];
	group->usage_fd = fds[2];
	group->path = strdup("/lab/job");
	assert_int_equal(groups__add(groups, group), 0);
	groups__free(groups);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
	groups__free(groups); /* a second time, and once more at the end of this test */
	group__free(NULL);
}

static void memory_high_keeps_its_distance_and_never_falls_under_its_original(void **state)
{
	struct group group = {.has_high = true,
			      .high_bytes = 48 << 20,
			      .high_least_bytes = 48 << 20,
			      .high_gap_bytes = 16 << 20};

	(void)state;
	assert_int_equal(group__high_at(&group, 96 << 20), 80 << 20);
	assert_int_equal(group__reach_at(&group, 96 << 20), 80 << 20);
	assert_int_equal(group__high_at(&group, 32 << 20), 48 << 20);
	assert_int_equal(group__reach_at(&group, 32 << 20), 32 << 20);
	assert_int_equal(group__high_at(&group, 8 << 20), 48 << 20);
	assert_int_equal(group__high_at(&group, UINT64_MAX), 48 << 20);
	assert_int_equal(group__reach_at(&group, UINT64_MAX), UINT64_MAX);
	group.has_high = false;
	assert_int_equal(group__reach_at(&group, 96 << 20), 96 << 20);
}

static void whoever_waits_for_the_table_lends_its_priority(void **state)
{
	struct groups *groups = *state;

	assert_int_equal(pthread_mutex_trylock(&groups->lock), 0);
	assert_int_equal(pthread_mutex_trylock(&groups->lock), EBUSY);
	/* PTHREAD_MUTEX_PRIO_INHERIT_NP in glibc's nptl/pthreadP.h; there is no other way to ask.
	 */
	assert_int_equal(groups->lock.__data.__kind & 32, 32);
	assert_int_equal(pthread_mutex_unlock(&groups->lock), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_table_has_nobody, begin, end),
		cmocka_unit_test_setup_teardown(every_group_is_found_by_its_id_and_by_no_other,
						begin, end),
		cmocka_unit_test_setup_teardown(a_walk_meets_every_group_once, begin, end),
		cmocka_unit_test_setup_teardown(a_group_taken_is_gone_and_the_rest_stay, begin,
						end),
		cmocka_unit_test_setup_teardown(a_group_may_be_taken_out_while_walking, begin, end),
		cmocka_unit_test_setup_teardown(
			one_more_than_the_kernel_side_holds_is_refused_and_stays_the_callers, begin,
			end),
		cmocka_unit_test_setup_teardown(a_freed_group_leaves_no_descriptor_open, begin,
						end),
		cmocka_unit_test(memory_high_keeps_its_distance_and_never_falls_under_its_original),
		cmocka_unit_test_setup_teardown(whoever_waits_for_the_table_lends_its_priority,
						begin, end),
	};

	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}

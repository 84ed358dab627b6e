/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds donors, cover and apply to what they promise when something happens between plan and write.
 * It never makes a cgroup: limits and use stand in files of its own, the ledger in an array, and
 * what happens at a write is told to a pwrite(2) of its own. */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/apply.h"
#include "user/cover.h"

#define MIB (1ULL << 20)

enum { RECEIVER = 1, ONE, OTHER, IDS, PARENT = 100 };

struct family {
	struct apply apply;
	struct groups groups;
	struct donors donors;
	struct cgbpf_ledger_entry ledger[IDS];
	/* At the next write of this one's limit: */
	uint64_t at_id;
	uint64_t usage_bytes; /* its use is this, where not 0 */
	int error; /* the write fails with this, where not 0 */
};

static struct family *family;

static struct group *group_of(uint64_t id)
{
	return groups__find(&family->groups, id);
}

static void put(int fd, const char *text)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s\n", text);

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(syscall(SYS_pwrite64, fd, line, len, 0), len);
}

static void put_bytes(int fd, uint64_t bytes)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	put(fd, text);
}

/* As a cgroup file takes it: whole. */
ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	struct group *group = group_of(family->at_id);
	char text[32] = {};

	assert_true(len < sizeof(text) && !offset);
	memcpy(text, data, len);
	if (group && fd == group->max_fd) {
		family->at_id = 0;
		if (family->usage_bytes)
			put_bytes(group->usage_fd, family->usage_bytes);
		if (family->error) {
			errno = family->error;
			return -1;
		}
	}
	put(fd, text);
	return (ssize_t)len;
}

static struct cgbpf_ledger_entry *entry_of(const void *key)
{
	return &family->ledger[((const struct cgbpf_ledger_key *)key)->cgroup_id];
}

int bpf_map_lookup_elem_flags(int fd, const void *key, void *value, __u64 flags)
{
	(void)fd, (void)flags;
	memcpy(value, entry_of(key), sizeof(family->ledger[0]));
	return 0;
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd, (void)flags;
	memcpy(entry_of(key), value, sizeof(family->ledger[0]));
	return 0;
}

static void enter(uint64_t id, const char *path, uint64_t limit_bytes, uint64_t usage_bytes)
{
	struct group *group = calloc(1, sizeof(*group));

	assert_non_null(group);
	*group = (struct group){
		.id = id,
		.dir_fd = -1,
		.max_fd = memfd_create("max", MFD_CLOEXEC),
		.usage_fd = memfd_create("usage", MFD_CLOEXEC),
		.limit_bytes = limit_bytes,
		.rule.watermark_ppm = 900000,
	};
	group->path = strdup(path);
	put_bytes(group->max_fd, limit_bytes);
	put_bytes(group->usage_fd, usage_bytes);
	assert_int_equal(groups__add(&family->groups, group), 0);
	assert_int_equal(apply__remember(&family->apply, group, "max"), 0);
}

static int begin(void **state)
{
	struct ranked_donor *ranked = calloc(2, sizeof(*ranked));

	family = calloc(1, sizeof(*family));
	assert_non_null(family);
	assert_non_null(ranked);
	assert_int_equal(groups__init(&family->groups), 0);
	family->apply = (struct apply){.ledger_fd = -1, .cpus = 2};
	enter(RECEIVER, "/parent/receiver", 32 * MIB, 30 * MIB);
	enter(ONE, "/parent/one", 64 * MIB, 8 * MIB);
	enter(OTHER, "/parent/other", 64 * MIB, 8 * MIB);
	for (int i = 0; i < 2; i++)
		ranked[i] = (struct ranked_donor){.id = ONE + i,
						  .min_bytes = MIB,
						  .median_bytes = 32 * MIB,
						  .usage_bytes = 8 * MIB,
						  .ancestors = {PARENT}};
	family->donors = (struct donors){.apply = &family->apply,
					 .groups = &family->groups,
					 .ranked = ranked,
					 .ranked_cnt = 2};
	*state = family;
	return 0;
}

static int end(void **state)
{
	donors__close(&family->donors);
	groups__free(&family->groups);
	free(*state);
	return 0;
}

static void assert_stands(uint64_t id, uint64_t limit_bytes)
{
	uint64_t standing = 0;
	char text[24];

	assert_int_equal(apply__standing(group_of(id), &standing), 0);
	assert_int_equal(standing, limit_bytes);
	assert_int_equal(group_of(id)->limit_bytes, limit_bytes);
	/* Exit and restore know it as ours, or it is as it was found. */
	snprintf(text, sizeof(text), "%llu", (unsigned long long)limit_bytes);
	if (family->ledger[id].current[0] != 'm')
		assert_string_equal(family->ledger[id].current, text);
	assert_string_equal(family->ledger[id].original, "max");
}

static struct taking take(uint64_t missing_bytes)
{
	struct taking taking;

	donors__take(&family->donors, group_of(RECEIVER), PARENT, missing_bytes, &taking);
	return taking;
}

static void one_that_grows_in_the_moment_of_the_write_is_put_back_and_planned_without(void **state)
{
	struct taking taking;

	(void)state;
	/* Half of what each gives; the plan left it more than this. */
	family->at_id = ONE;
	family->usage_bytes = 55 * MIB;
	taking = take(16 * MIB);
	assert_int_equal(family->at_id, 0);
	assert_stands(ONE, 64 * MIB);
	assert_stands(OTHER, 48 * MIB);
	assert_int_equal(taking.cnt, 1);
	assert_int_equal(taking.donations[0].id, OTHER);
	assert_int_equal(taking.bytes, 16 * MIB);
}

/* The first has been lowered already. */
static void one_whose_write_fails_is_planned_without_and_those_before_it_are_put_back(void **state)
{
	struct taking taking;

	(void)state;
	family->at_id = OTHER;
	family->error = ENODEV;
	taking = take(16 * MIB);
	assert_int_equal(family->at_id, 0);
	assert_stands(OTHER, 64 * MIB);
	assert_stands(ONE, 48 * MIB);
	assert_int_equal(taking.cnt, 1);
	assert_int_equal(taking.bytes, 16 * MIB);
	assert_int_equal(taking.donations[0].limit_bytes, 48 * MIB);
}

static void where_nobody_is_left_nothing_is_taken(void **state)
{
	(void)state;
	put_bytes(group_of(OTHER)->usage_fd, 40 * MIB);
	family->at_id = ONE;
	family->usage_bytes = 47 * MIB;
	assert_int_equal(take(16 * MIB).bytes, 0);
	assert_int_equal(family->at_id, 0);
	assert_stands(ONE, 64 * MIB);
	assert_stands(OTHER, 64 * MIB);
}

static void when_the_receiver_cannot_be_raised_all_get_theirs_back(void **state)
{
	struct answerer answerer = {.donors = &family->donors, .apply = &family->apply};
	struct group *receiver = group_of(RECEIVER);
	uint64_t written_ns;
	struct taking taking;
	int err;

	(void)state;
	taking = take(16 * MIB);
	assert_int_equal(taking.cnt, 2);
	assert_stands(ONE, 56 * MIB);
	assert_stands(OTHER, 56 * MIB);
	family->at_id = RECEIVER;
	family->error = ENODEV;
	err = apply__raise(&family->apply, receiver, 48 * MIB, &written_ns);
	assert_int_equal(err, -ENODEV);
	cover__settle(&answerer, receiver, 32 * MIB, !err, &taking);
	assert_stands(RECEIVER, 32 * MIB);
	assert_stands(ONE, 64 * MIB);
	assert_stands(OTHER, 64 * MIB);
	assert_int_equal(family->donors.loans_cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			one_that_grows_in_the_moment_of_the_write_is_put_back_and_planned_without,
			begin, end),
		cmocka_unit_test_setup_teardown(
			one_whose_write_fails_is_planned_without_and_those_before_it_are_put_back,
			begin, end),
		cmocka_unit_test_setup_teardown(where_nobody_is_left_nothing_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(
			when_the_receiver_cannot_be_raised_all_get_theirs_back, begin, end),
	};

	return cmocka_run_group_tests_name("donors, writing", tests, NULL, NULL);
}

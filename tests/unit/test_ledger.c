/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the ledger to its promise that whoever dies at any moment leaves a limit that is known as
 * ours, also where a lowering and a raise meet. Nobody dies here: what restore would find is looked
 * at before each write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fixtures/fake_cgroup.h"

#include "user/ledger.h"

static struct group *group;

static const struct cgbpf_ledger_entry *entry(void)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_MAX, 0);

	return fake_entry(&key);
}

static void assert_ours(void)
{
	char standing[24];

	assert_int_equal(cgfs_read(group->dir_fd, "memory.max", standing, sizeof(standing)), 0);
	if (!ledger_is_ours(entry(), standing))
		fail_msg("%s is none of %s, %s, %s", standing, entry()->previous, entry()->current,
			 entry()->lower);
}

static void at_each_write(int fd)
{
	(void)fd;
	assert_ours();
	fake.before_write = at_each_write;
}

/* Twice: what the rescuer does while the main thread is about to write. */
static void raised_meanwhile(int fd)
{
	uint64_t written_ns;

	at_each_write(fd);
	pthread_mutex_lock(&fake.controller.groups.lock);
	assert_int_equal(apply__raise(&fake.controller.apply, group, 192 * MIB, &written_ns), 0);
	assert_int_equal(apply__raise(&fake.controller.apply, group, 224 * MIB, &written_ns), 0);
	pthread_mutex_unlock(&fake.controller.groups.lock);
	assert_ours();
}

static int begin(void **state)
{
	uint64_t written_ns;

	fake_begin(state);
	group = fake_group("web", 64 * MIB, MIB);
	assert_int_equal(apply__open_limit(group->dir_fd, &group->max_fd), 0);
	group->rule = (struct memory_rule){.soft_bytes = 64 * MIB, .hard_bytes = 256 * MIB};
	group->limit_bytes = 64 * MIB;
	group->has_memory = true;
	group->is_stopped = false;
	assert_int_equal(apply__remember(&fake.controller.apply, group, "67108864"), 0);
	assert_int_equal(groups__add(&fake.controller.groups, group), 0);
	assert_int_equal(apply__raise(&fake.controller.apply, group, 160 * MIB, &written_ns), 0);
	return 0;
}

static void a_lowering_leaves_what_is_ours_at_each_moment(void **state)
{
	(void)state;
	fake.before_write = at_each_write;
	assert_int_equal(calm__lower(&fake.controller, group, 128 * MIB), 0);
	assert_stands(group, "memory.max", "134217728");
	assert_ours();
	assert_string_equal(entry()->lower, "");
	assert_string_equal(entry()->previous, "167772160");
}

static void so_does_one_that_a_raise_meets_and_the_raise_wins(void **state)
{
	(void)state;
	fake.before_write = raised_meanwhile;
	assert_int_equal(calm__lower(&fake.controller, group, 128 * MIB), -EAGAIN);
	assert_stands(group, "memory.max", "234881024");
	assert_int_equal(group->limit_bytes, 224 * MIB);
	assert_ours();
	assert_string_equal(entry()->lower, "");
	assert_string_equal(entry()->original, "67108864");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lowering_leaves_what_is_ours_at_each_moment,
						begin, fake_end),
		cmocka_unit_test_setup_teardown(so_does_one_that_a_raise_meets_and_the_raise_wins,
						begin, fake_end),
	};

	return cmocka_run_group_tests_name("the ledger", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds a memory.high that follows to who writes it when: never the rescuer where the kernel would
 * reclaim, and never with the table's lock held. It never waits for a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fixtures/fake_cgroup.h"

/* memory.high 16M below memory.max, 48M at least. */
static struct group *governed(uint64_t limit_bytes, uint64_t usage_bytes)
{
	struct group *group = fake_governed("web", limit_bytes, usage_bytes, "67108864");

	fake_write_bytes(group, "memory.high", limit_bytes - 16 * MIB);
	high__govern(&fake.controller, group, limit_bytes);
	assert_true(group->has_high);
	group->high_least_bytes = 48 * MIB;
	return group;
}

/* As the rescuer does. */
static void raise_to(struct group *group, uint64_t limit_bytes)
{
	struct controller *controller = &fake.controller;
	uint64_t written_ns;

	pthread_mutex_lock(&controller->groups.lock);
	assert_int_equal(apply__raise(&controller->apply, group, limit_bytes, &written_ns), 0);
	pthread_mutex_unlock(&controller->groups.lock);
}

static struct action raised(const struct group *group)
{
	return (struct action){.kind = ACTION_RAISED,
			       .cgroup_id = group->id,
			       .old_high_bytes = group->high_bytes,
			       .new_high_bytes = group->high_bytes};
}

static void it_rises_with_the_limit_where_less_is_in_use(void **state)
{
	struct group *group = governed(64 * MIB, 80 * MIB);

	(void)state;
	raise_to(group, 96 * MIB);
	assert_stands(group, "memory.max", "100663296");
	assert_stands(group, "memory.high", "83886080");
	assert_int_equal(group->high_bytes, 80 * MIB);
}

static void where_more_is_in_use_the_main_thread_raises_it(void **state)
{
	struct group *group = governed(64 * MIB, 80 * MIB + 4096);
	struct action action = raised(group);

	(void)state;
	raise_to(group, 96 * MIB);
	assert_stands(group, "memory.max", "100663296");
	assert_stands(group, "memory.high", "50331648");
	high__catch_up(&fake.controller, &action);
	assert_stands(group, "memory.high", "83886080");
	assert_int_equal(action.new_high_bytes, 80 * MIB);
	/* What another action has told already. */
	action = raised(group);
	action.old_high_bytes = action.new_high_bytes = 48 * MIB;
	high__catch_up(&fake.controller, &action);
	assert_int_equal(action.new_high_bytes, 48 * MIB);
}

static struct group *moving;

static void raise_meanwhile(int fd)
{
	assert_int_equal(fd, moving->high_fd);
	assert_int_equal(pthread_mutex_trylock(&fake.controller.groups.lock), 0);
	pthread_mutex_unlock(&fake.controller.groups.lock);
	raise_to(moving, 128 * MIB);
	assert_int_equal(moving->high_bytes, 48 * MIB);
}

static void a_raise_while_the_kernel_has_another_is_not_undone(void **state)
{
	struct group *group = moving = governed(64 * MIB, 90 * MIB);

	(void)state;
	raise_to(group, 96 * MIB);
	fake.before_write = raise_meanwhile;
	high__tend(&fake.controller);
	assert_null(fake.before_write);
	assert_stands(group, "memory.max", "134217728");
	assert_stands(group, "memory.high", "117440512");
	assert_int_equal(group->high_bytes, 112 * MIB);
	assert_false(group->is_high_moving);
}

static void it_is_lowered_only_where_room_was_made(void **state)
{
	struct group *group = governed(96 * MIB, 8 * MIB);

	(void)state;
	assert_int_equal(group->high_bytes, 80 * MIB);
	pthread_mutex_lock(&fake.controller.groups.lock);
	group->limit_bytes = 64 * MIB;
	pthread_mutex_unlock(&fake.controller.groups.lock);
	high__follow(&fake.controller, group, false);
	assert_stands(group, "memory.high", "83886080");
	high__follow(&fake.controller, group, true);
	assert_stands(group, "memory.high", "50331648");
}

static void somebody_elses_is_left(void **state)
{
	struct group *group = governed(64 * MIB, MIB);

	(void)state;
	fake_write_bytes(group, "memory.high", 52 * MIB);
	raise_to(group, 96 * MIB);
	high__tend(&fake.controller);
	assert_stands(group, "memory.high", "54525952");
	assert_int_equal(group->high_bytes, 48 * MIB);
}

/* A raised limit with its memory.high, left by one that was killed. */
static void after_a_crash_it_stays_as_far_below_the_limit_as_at_first(void **state)
{
	struct group *group = fake_group("left", 96 * MIB, 8 * MIB);
	const struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_HIGH, 0);
	struct target_config target = {.memory = {.is_given = true,
						  .soft_bytes = 64 * MIB,
						  .hard_bytes = 256 * MIB,
						  .watermark_ppm = 900000}};

	(void)state;
	fake_write_bytes(group, "memory.high", 80 * MIB);
	assert_int_equal(apply__remember(&fake.controller.apply, group, "67108864"), 0);
	assert_int_equal(
		apply__remember_knob(&fake.controller.apply, &key, "50331648", group->target), 0);
	memory__govern(&fake.controller, group, &target);
	assert_stands(group, "memory.max", "67108864");
	assert_stands(group, "memory.high", "50331648");
	raise_to(group, 128 * MIB);
	assert_stands(group, "memory.high", "117440512");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_begin, fake_end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(it_rises_with_the_limit_where_less_is_in_use),
		TEST(where_more_is_in_use_the_main_thread_raises_it),
		TEST(a_raise_while_the_kernel_has_another_is_not_undone),
		TEST(it_is_lowered_only_where_room_was_made),
		TEST(somebody_elses_is_left),
		TEST(after_a_crash_it_stays_as_far_below_the_limit_as_at_first),
	};

	return cmocka_run_group_tests_name("high", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds cpu__move and io__move to what they do with a step that a raise has overtaken. It never
 * makes a cgroup: nothing is written (dry run). */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/controller.h"
#include "user/cpu.h"

static struct controller *dry(void)
{
	struct controller *controller = calloc(1, sizeof(*controller));

	assert_non_null(controller);
	assert_int_equal(groups__init(&controller->groups), 0);
	controller->apply.is_dry_run = true;
	return controller;
}

static void end(struct controller *controller)
{
	groups__free(&controller->groups);
	free(controller);
}

static void a_quota_that_a_raise_overtook_is_not_lowered(void **state)
{
	struct group_cpu cpu = {.standing = {75000, 100000}, .is_hard_said = true};
	struct group group = {.cpu = &cpu, .dir_fd = -1};
	struct controller *controller = dry();

	(void)state;
	group.dir_fd = open("/", O_PATH | O_CLOEXEC); /* a folder without limits */
	assert_int_equal(cpu__move(controller, &group, 500000, 250000), -EAGAIN);
	assert_true(cpu.is_hard_said);
	assert_int_equal(cpu__move(controller, &group, 750000, 500000), 0);
	assert_false(cpu.is_hard_said);
	close(group.dir_fd);
	end(controller);
}

static void a_line_of_io_max_that_a_raise_overtook_is_not_lowered(void **state)
{
	static const uint64_t from[IO_KINDS] = {2000, 2000, 100, 100};
	static const uint64_t to[IO_KINDS] = {1000, 2000, 100, 100};
	struct group_io io = {.device = 8 << 20};
	struct group group = {.io = &io};
	struct controller *controller = dry();

	(void)state;
	for (int kind = 0; kind < IO_KINDS; kind++) {
		io.rates[kind].standing = from[kind];
		io.rates[kind].is_hard_said = true;
	}
	/* Of another limit of the line: it would be written too. */
	io.rates[IO_KINDS - 1].standing += 100;
	assert_int_equal(io__move(controller, &group, from, to), -EAGAIN);
	assert_true(io.rates[0].is_hard_said);
	io.rates[IO_KINDS - 1].standing -= 100;
	assert_int_equal(io__move(controller, &group, from, to), 0);
	assert_false(io.rates[0].is_hard_said);
	assert_true(io.rates[1].is_hard_said);
	end(controller);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quota_that_a_raise_overtook_is_not_lowered),
		cmocka_unit_test(a_line_of_io_max_that_a_raise_overtook_is_not_lowered),
	};

	return cmocka_run_group_tests_name("move", tests, NULL, NULL);
}

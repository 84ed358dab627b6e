/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of user/decide_io, io_line and knob: which limit is moved, and how its line reads. It
 * never touches a cgroup. */
#include "user/decide_io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/io.h"
#include "user/knob.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define NONE UINT64_MAX

static const struct io_rule rule = {.soft = 1000, .hard = 4000, .step = 1500};

PROMISE(the_limit_of_which_more_is_asked_for_is_the_one_that_binds)
{
	static const struct {
		uint64_t limits[IO_KINDS];
		bool is_write;
		uint64_t bytes, ops;
		enum io_kind kind;
	} rows[] = {
		{{1000, NONE, NONE, NONE}, false, 1, 1, IO_RBPS},
		{{1000, NONE, NONE, NONE}, true, 1, 1, IO_KINDS},
		{{NONE, 1000, NONE, NONE}, true, 1, 1, IO_WBPS},
		{{NONE, NONE, 10, 20}, false, 1, 1, IO_RIOPS},
		{{NONE, NONE, 10, 20}, true, 1, 1, IO_WIOPS},
		{{1 << 20, NONE, 100, NONE}, false, 4096 * 50, 50, IO_RIOPS},
		{{1 << 20, NONE, 100, NONE}, false, 65536 * 50, 50, IO_RBPS},
		{{1ULL << 62, 5, 1ULL << 62, 5}, false, 1ULL << 62, 1, IO_RBPS},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(decide_io_binding(rows[i].limits, rows[i].is_write, rows[i].bytes,
						   rows[i].ops),
				 rows[i].kind);
}

PROMISE(a_raise_is_a_step_and_never_passes_hard)
{
	struct io_plan plan;

	decide_io_raise(&rule, 1000, NONE, &plan);
	assert_true(plan.is_raise);
	assert_int_equal(plan.rate, 2500);
	assert_int_equal(plan.reason, REASON_THROTTLED);
	decide_io_raise(&rule, 3000, NONE, &plan);
	assert_int_equal(plan.rate, 4000);
	decide_io_raise(&rule, 4000, NONE, &plan);
	assert_false(plan.is_raise);
	assert_int_equal(plan.reason, REASON_HARD_LIMIT);
	decide_io_raise(&rule, NONE, NONE, &plan);
	assert_false(plan.is_raise);
	assert_int_equal(plan.rate, NONE);
}

PROMISE(a_raise_stops_at_what_the_levels_above_let_through)
{
	struct io_plan plan;

	decide_io_raise(&rule, 1000, 1200, &plan);
	assert_true(plan.is_raise);
	assert_int_equal(plan.rate, 1200);
	decide_io_raise(&rule, 1000, 1000, &plan);
	assert_false(plan.is_raise);
	assert_int_equal(plan.rate, 1000);
	assert_int_equal(plan.reason, REASON_PARENT_BINDS);
	decide_io_raise(&rule, 4000, 1000, &plan);
	assert_int_equal(plan.reason, REASON_HARD_LIMIT);
}

/* 100 bios of 4096 bytes: 10 operations are 40960 bytes. */
PROMISE(the_level_that_lets_the_least_through_keeps_it_waiting_of_equals_the_highest)
{
	static const struct {
		uint64_t levels[3][IO_KINDS];
		size_t level;
		uint64_t most; /* of bytes written, above the first */
	} rows[] = {
		{{{NONE, 1000, NONE, NONE}, {NONE, NONE, NONE, NONE}, {NONE, 1001, NONE, NONE}},
		 0,
		 1001},
		{{{NONE, 1000, NONE, NONE}, {NONE, 1000, NONE, NONE}, {NONE, 1001, NONE, NONE}},
		 1,
		 1000},
		{{{NONE, 1000, NONE, NONE}, {NONE, 1000, NONE, NONE}, {NONE, 1000, NONE, NONE}},
		 2,
		 1000},
		{{{NONE, 40961, NONE, NONE}, {NONE, NONE, NONE, 10}, {5, 50000, 5, NONE}},
		 1,
		 40960},
		{{{NONE, 40959, NONE, NONE}, {NONE, NONE, NONE, 10}, {5, NONE, 5, NONE}}, 0, 40960},
		{{{NONE, NONE, NONE, NONE}, {NONE, 7, NONE, 10}, {NONE, NONE, NONE, NONE}}, 1, 7},
		{{{5, NONE, 5, NONE}, {5, NONE, 5, NONE}, {5, NONE, 5, NONE}}, 0, NONE},
		{{{NONE, NONE - 1, NONE, NONE}, {NONE, NONE, NONE, NONE - 1}, {}}, 2, 0},
	};
	struct io_demand demand = {.is_write = true, .bytes = 409600, .ops = 100};

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(decide_io_level(rows[i].levels, 3, &demand), rows[i].level);
		assert_int_equal(decide_io_most(rows[i].levels + 1, 2, IO_WBPS, &demand),
				 rows[i].most);
	}
	assert_int_equal(decide_io_most(rows[3].levels + 1, 2, IO_WIOPS, &demand), 10);
	assert_int_equal(decide_io_most(rows[0].levels, 0, IO_WIOPS, &demand), NONE);
}

PROMISE(its_own_limit_kept_it_waiting_where_no_level_above_is_tighter_in_the_direction_it_moved)
{
	static const uint64_t levels[2][IO_KINDS] = {{1000, 1000, NONE, NONE},
						     {NONE, 500, NONE, NONE}};
	static const uint64_t writes[IO_KINDS] = {0, 500, 0, 5}, both[IO_KINDS] = {9, 500, 1, 5};
	static const uint64_t nothing[IO_KINDS];

	assert_false(decide_io_is_own(levels, 2, writes));
	assert_true(decide_io_is_own(levels, 2, both));
	assert_true(decide_io_is_own(levels, 2, nothing));
	assert_true(decide_io_is_own(levels, 1, writes));
}

PROMISE(what_is_not_used_goes_back_by_steps_and_never_under_soft)
{
	static const struct {
		uint64_t rate, used, next;
	} rows[] = {
		{4000, 0, 2500}, {2500, 800, 1000}, {2500, 801, 2500}, {1000, 0, 1000},
		{500, 0, 500},	 {9000, 0, 4000},   {NONE, 0, 4000},   {1200, 0, 1000},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(decide_io_return(&rule, rows[i].rate, rows[i].used), rows[i].next);
}

PROMISE(what_the_configuration_leaves_out_is_as_found_twice_that_and_as_much_a_step)
{
	struct io_rule made = decide_io_rule(0, 0, 0, 300);

	assert_int_equal(made.soft, 300);
	assert_int_equal(made.hard, 600);
	assert_int_equal(made.step, 300);
	made = decide_io_rule(100, 50, 7, NONE);
	assert_int_equal(made.hard, 100);
	assert_int_equal(made.step, 7);
}

PROMISE(a_line_of_io_max_is_read_and_written_as_the_kernel_has_it)
{
	static const char text[] = "259:1048575 rbps=1048576 wbps=max riops=120 wiops=max";
	uint64_t rates[IO_KINDS] = {7, 7, 7, 7};
	char buf[CGBPF_VALUE_LEN];

	assert_int_equal(io_parse("8:0 rbps=1 wbps=2 riops=3", rates), -EINVAL);
	assert_int_equal(io_parse("8:0 rbps=x wbps=2 riops=3 wiops=4", rates), -EINVAL);
	assert_int_equal(rates[0], 7);
	assert_int_equal(io_parse(text, rates), 0);
	assert_int_equal(rates[IO_RBPS], 1048576);
	assert_int_equal(rates[IO_WBPS], NONE);
	assert_int_equal(rates[IO_RIOPS], 120);
	assert_string_equal(io_format(knob_device_of(259, 1048575), rates, buf, sizeof(buf)), text);
}

static int file_of(const char *text)
{
	char path[] = "/tmp/cgbpf-knob.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

PROMISE(a_device_is_found_among_others_and_one_without_a_line_has_no_limit)
{
	struct cgbpf_ledger_key key = {1, CGBPF_KNOB_IO_MAX, knob_device_of(8, 0)};
	int fd = file_of("8:01 rbps=1 wbps=1 riops=1 wiops=1\n18:0 rbps=2 wbps=2 riops=2 wiops=2\n"
			 "8:0 rbps=3 wbps=max riops=max wiops=max\n");
	char buf[CGBPF_VALUE_LEN];

	assert_int_equal(knob__read_fd(fd, &key, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "8:0 rbps=3 wbps=max riops=max wiops=max");
	assert_int_equal(knob__read_fd(fd, &key, buf, 10), -E2BIG);
	key.device = knob_device_of(8, 16);
	assert_int_equal(knob__read_fd(fd, &key, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "8:16 rbps=max wbps=max riops=max wiops=max");
	close(fd);
	fd = file_of("50000 100000\n");
	key.knob = CGBPF_KNOB_CPU_MAX;
	assert_int_equal(knob__read_fd(fd, &key, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "50000 100000");
	close(fd);
}

PROMISE(of_a_line_only_what_others_changed_becomes_theirs)
{
	uint64_t original[IO_KINDS] = {1, 2, NONE, NONE};

	io_merge(original, (const uint64_t[]){10, 20, NONE, 40},
		 (const uint64_t[]){10, NONE, 30, 40});
	assert_int_equal(original[IO_RBPS], 1);
	assert_int_equal(original[IO_WBPS], NONE);
	assert_int_equal(original[IO_RIOPS], 30);
	assert_int_equal(original[IO_WIOPS], NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_of_which_more_is_asked_for_is_the_one_that_binds),
		cmocka_unit_test(a_raise_is_a_step_and_never_passes_hard),
		cmocka_unit_test(a_raise_stops_at_what_the_levels_above_let_through),
		cmocka_unit_test(
			the_level_that_lets_the_least_through_keeps_it_waiting_of_equals_the_highest),
		cmocka_unit_test(
			its_own_limit_kept_it_waiting_where_no_level_above_is_tighter_in_the_direction_it_moved),
		cmocka_unit_test(what_is_not_used_goes_back_by_steps_and_never_under_soft),
		cmocka_unit_test(
			what_the_configuration_leaves_out_is_as_found_twice_that_and_as_much_a_step),
		cmocka_unit_test(a_line_of_io_max_is_read_and_written_as_the_kernel_has_it),
		cmocka_unit_test(
			a_device_is_found_among_others_and_one_without_a_line_has_no_limit),
		cmocka_unit_test(of_a_line_only_what_others_changed_becomes_theirs),
	};

	return cmocka_run_group_tests_name("decide io", tests, NULL, NULL);
}

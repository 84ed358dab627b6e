/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of a drill's words: which limits, which manner, which of the kernel's lines. It never
 * squeezes anything. */
#include "user/squeeze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB 1048576ULL
#define PROMISE(name) static void name(__attribute__((unused)) void **state)

PROMISE(limits_go_down_by_steps_and_end_at_to)
{
	struct squeeze_plan plan = {100 * MIB, 30 * MIB, 40 * MIB, 0};

	assert_int_equal(squeeze_level_cnt(&plan), 3);
	assert_int_equal(squeeze_limit(&plan, 0), 100 * MIB);
	assert_int_equal(squeeze_limit(&plan, 1), 60 * MIB);
	assert_int_equal(squeeze_limit(&plan, 2), 30 * MIB);
}

PROMISE(a_step_that_fits_has_no_extra_limit)
{
	struct squeeze_plan plan = {100 * MIB, 20 * MIB, 40 * MIB, 0};

	assert_int_equal(squeeze_level_cnt(&plan), 3);
	assert_int_equal(squeeze_limit(&plan, 2), 20 * MIB);
}

PROMISE(one_drop_is_one_limit)
{
	struct squeeze_plan plan = {20 * MIB, 20 * MIB, UINT64_MAX / 2, 0};

	assert_int_equal(squeeze_level_cnt(&plan), 1);
	assert_int_equal(squeeze_limit(&plan, 0), 20 * MIB);
}

PROMISE(a_step_larger_than_the_way_overflows_nothing)
{
	struct squeeze_plan plan = {UINT64_MAX / 2, 4096, 4096, 0};

	assert_int_equal(squeeze_level_cnt(&plan), SIZE_MAX);
}

/* Levels with so many kills each; after the last nobody lives when IS_EMPTY. */
static struct squeeze_record record_of(struct squeeze_level *levels, const int *kills, size_t cnt,
				       uint32_t processes, bool is_empty)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < cnt; i++) {
		levels[i] = (struct squeeze_level){.limit_bytes = (cnt - i) * 10 * MIB};
		levels[i].before = (struct squeeze_look){
			.kill_cnt = sum, .process_cnt = processes, .is_populated = true};
		sum += (uint64_t)kills[i];
		levels[i].after = levels[i].before;
		levels[i].after.kill_cnt = sum;
		levels[i].after.is_populated = !(is_empty && i == cnt - 1);
	}
	return (struct squeeze_record){
		.levels = levels, .level_cnt = cnt, .is_first_dead = is_empty};
}

static void says(const struct squeeze_record *record, enum squeeze_manner manner, const char *words)
{
	char *sentence = squeeze_sentence(record, true);

	assert_int_equal(squeeze_manner(record), manner);
	assert_string_equal(sentence, words);
	free(sentence);
}

PROMISE(nothing_killed_is_said)
{
	struct squeeze_level levels[2];
	struct squeeze_record record = record_of(levels, (int[]){0, 0}, 2, 3, false);

	says(&record, SQUEEZE_NONE,
	     "The kernel killed nothing at 2 limits; the container lives on at 10.0 MiB.");
}

PROMISE(one_kill_is_single)
{
	struct squeeze_level levels[2];
	struct squeeze_record record = record_of(levels, (int[]){1, 0}, 2, 3, false);

	says(&record, SQUEEZE_SINGLY,
	     "The kernel killed a single process; the container lives on at 10.0 MiB.");
}

PROMISE(kills_over_limits_are_a_sequence)
{
	struct squeeze_level levels[3];
	struct squeeze_record record = record_of(levels, (int[]){2, 0, 3}, 3, 3, false);

	says(&record, SQUEEZE_IN_SEQUENCE,
	     "The kernel killed single processes in sequence: 5 at 2 of 3 limits; the container "
	     "lives on at 10.0 MiB.");
}

PROMISE(an_end_within_the_first_killing_limit_is_at_once)
{
	struct squeeze_level levels[1];
	struct squeeze_record record = record_of(levels, (int[]){1}, 1, 4, true);

	record.has_exit_code = true;
	record.exit_code = 137;
	says(&record, SQUEEZE_AT_ONCE,
	     "The kernel ended all 4 processes at once, within one limit and with 1 kill; the "
	     "container ended at 10.0 MiB, when its first process died, with exit code 137.");
}

PROMISE(an_end_after_earlier_kills_is_a_sequence)
{
	struct squeeze_level levels[2];
	struct squeeze_record record = record_of(levels, (int[]){1, 1}, 2, 2, true);

	assert_int_equal(squeeze_manner(&record), SQUEEZE_IN_SEQUENCE);
}

PROMISE(a_path_is_above_itself_and_what_lies_in_it)
{
	assert_true(squeeze_is_above("/", "/a/b"));
	assert_true(squeeze_is_above("/a", "/a"));
	assert_true(squeeze_is_above("/a/", "/a/b"));
	assert_false(squeeze_is_above("/a", "/ab"));
	assert_false(squeeze_is_above("/a/b", "/a"));
}

#define HEAD "stress-ng invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0"
#define OWNER(path)                                                                                \
	"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/"                            \
	",mems_allowed=0,oom_memcg=" path ",task_memcg=/x,task=stress-ng,pid=7,uid=0"
#define KILLED "Memory cgroup out of memory: Killed process 7 (stress-ng) total-vm:1kB"
#define REAPED "oom_reaper: reaped process 7 (stress-ng), now anon-rss:0kB"

static size_t lines_kept(const char *path, const char *const *lines, size_t cnt)
{
	struct squeeze_record record = {};
	struct squeeze_log *log = NULL;

	assert_int_equal(squeeze_log__new(-1, &log), 0);
	for (size_t i = 0; i < cnt; i++)
		squeeze_log__feed(log, path, lines[i], &record);
	squeeze_log__close(log);
	cnt = record.log_cnt;
	squeeze_record__free(&record);
	return cnt;
}

PROMISE(a_report_of_this_limit_is_kept_from_head_to_reaper)
{
	const char *const lines[] = {HEAD,   "CPU: 0 PID: 1", OWNER("/x"),
				     KILLED, "usb 1-1: new",  REAPED};

	assert_int_equal(lines_kept("/x", lines, 6), 4);
}

PROMISE(a_report_of_another_limit_is_left_out)
{
	const char *const lines[] = {HEAD, OWNER("/xy"), KILLED, REAPED};

	assert_int_equal(lines_kept("/x", lines, 4), 0);
}

PROMISE(a_limit_below_belongs_to_it)
{
	const char *const lines[] = {HEAD, OWNER("/x/child"), KILLED};

	assert_int_equal(lines_kept("/x", lines, 3), 3);
}

PROMISE(two_reports_in_turn_are_told_apart)
{
	const char *const lines[] = {HEAD, OWNER("/x"), KILLED, HEAD, OWNER("/y"), KILLED};

	assert_int_equal(lines_kept("/x", lines, 6), 3);
}

/* Of many kills in a few seconds the kernel leaves out the heads (oom_kill_process()). */
PROMISE(a_victim_that_the_witness_named_needs_no_head)
{
	struct squeeze_record record = {};
	struct squeeze_log *log = NULL;

	record.kills = calloc(1, sizeof(*record.kills));
	record.kills[0].victim_pid = 7;
	assert_int_equal(squeeze_log__new(-1, &log), 0);
	squeeze_log__feed(log, "/x", KILLED, &record);
	record.kill_cnt = 1;
	squeeze_log__feed(log, "/x", KILLED, &record);
	squeeze_log__feed(log, "/x", REAPED, &record);
	squeeze_log__close(log);
	assert_int_equal(record.log_cnt, 2);
	squeeze_record__free(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_go_down_by_steps_and_end_at_to),
		cmocka_unit_test(a_step_that_fits_has_no_extra_limit),
		cmocka_unit_test(one_drop_is_one_limit),
		cmocka_unit_test(a_step_larger_than_the_way_overflows_nothing),
		cmocka_unit_test(nothing_killed_is_said),
		cmocka_unit_test(one_kill_is_single),
		cmocka_unit_test(kills_over_limits_are_a_sequence),
		cmocka_unit_test(an_end_within_the_first_killing_limit_is_at_once),
		cmocka_unit_test(an_end_after_earlier_kills_is_a_sequence),
		cmocka_unit_test(a_path_is_above_itself_and_what_lies_in_it),
		cmocka_unit_test(a_report_of_this_limit_is_kept_from_head_to_reaper),
		cmocka_unit_test(a_report_of_another_limit_is_left_out),
		cmocka_unit_test(a_limit_below_belongs_to_it),
		cmocka_unit_test(two_reports_in_turn_are_told_apart),
		cmocka_unit_test(a_victim_that_the_witness_named_needs_no_head),
	};

	return cmocka_run_group_tests_name("squeeze", tests, NULL, NULL);
}

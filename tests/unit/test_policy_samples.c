/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of reading samples and journals, and of replaying them: bounded memory, a row's own
 * quota, time that stays as long as it was. It never asks a kernel. */
#include "user/policy_samples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fixtures/model_of_demand.h"
#include "user/line_read.h"
#include "user/policy_journal.h"
#include "user/policy_replay.h"

#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define LONG_LINE (64L << 20)
#define ROWS_MAX 8

static char file[] = "/tmp/cgbpf-samples-XXXXXX";
static struct policy_row rows[ROWS_MAX];
static struct policy_read seen;
static int cnt;

static int make_file(__attribute__((unused)) void **state)
{
	int fd = mkstemp(file);

	return fd < 0 ? -1 : close(fd);
}

static int remove_file(__attribute__((unused)) void **state)
{
	return unlink(file);
}

static void put_row(FILE *f, int at_s, int usage_us, int throttled_us, int quota_us)
{
	fprintf(f,
		"{\"schema\":1,\"kind\":\"interval\",\"mono_ns\":%lld,\"interval_ms\":1000,"
		"\"cpu\":{\"usage_us\":%d,\"periods\":10,\"throttled\":0,\"throttled_us\":%d,"
		"\"quota_us\":%d,\"period_us\":100000,\"soft_cores\":0.5,\"hard_cores\":4}}\n",
		at_s * 1000000000LL, usage_us, throttled_us, quota_us);
}

static void put_line(FILE *f, int at_s, int quota_us)
{
	put_row(f, at_s, 400000, 0, quota_us);
}

/* A line of NULs, which takes no room on the disk. */
static void put_long_line(FILE *f)
{
	fseek(f, LONG_LINE, SEEK_CUR);
	fputc('\n', f);
}

static int take_row(__attribute__((unused)) void *context, const struct policy_row *row)
{
	assert_in_range(cnt, 0, ROWS_MAX - 1);
	rows[cnt++] = *row;
	return 0;
}

static void read_rows(void)
{
	cnt = 0;
	assert_int_equal(policy_samples__read(file, 0, 1, 0, false, take_row, NULL, &seen), 0);
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

PROMISE(a_row_was_seen_under_the_quota_before_it_but_not_across_a_gap)
{
	FILE *f = fopen(file, "w");

	put_line(f, 1, 50000);
	put_line(f, 2, 100000);
	put_line(f, 100, 200000);
	put_line(f, 101, 300000);
	fclose(f);
	read_rows();
	assert_int_equal(cnt, 4);
	assert_true(fabs(rows[1].seen.quota_cores - 0.5) < 1e-9);
	assert_true(fabs(rows[2].seen.quota_cores - 2) < 1e-9);
	assert_true(fabs(rows[3].seen.quota_cores - 2) < 1e-9);
}

/* Nothing of the throttled interval itself but what came of it: the model is asked within it. */
PROMISE(what_is_learnt_from_is_what_was_seen_before_a_throttle)
{
	FILE *f = fopen(file, "w");

	put_row(f, 1, 300000, 0, 50000);
	put_row(f, 2, 400000, 0, 50000);
	/* Answered within its period: the kernel counts the time and no period. */
	put_row(f, 3, 600000, 1000, 100000);
	put_row(f, 4, 900000, 0, 100000);
	put_row(f, 5, 200000, 0, 100000);
	put_row(f, 100, 200000, 5000, 100000);
	fclose(f);
	cnt = 0;
	assert_int_equal(policy_samples__read(file, 0, 1, 2, false, take_row, NULL, &seen), 0);
	assert_int_equal(cnt, 1);
	assert_true(fabs(rows[0].x[POLICY_USAGE] - 0.4) < 1e-9);
	assert_true(fabs(rows[0].x[POLICY_TREND] - 0.1) < 1e-9);
	assert_true(fabs(rows[0].then_cores - 0.5) < 1e-9);
	assert_true(fabs(rows[0].peak_cores - 0.9) < 1e-9);
	assert_int_equal(seen.dropped[DROP_NOT_THROTTLED], 3);
	assert_int_equal(seen.dropped[DROP_NO_FUTURE], 2); /* before the gap, and the last */
}

PROMISE(a_line_of_any_length_costs_no_memory_and_the_next_is_read)
{
	FILE *f = fopen(file, "w");
	long before;

	put_line(f, 1, 50000);
	put_long_line(f);
	put_line(f, 2, 50000);
	fclose(f);
	before = peak_kib();
	read_rows();
	assert_int_equal(cnt, 2);
	assert_int_equal(seen.dropped[DROP_MALFORMED], 1);
	assert_true(peak_kib() - before < LONG_LINE / 1024 / 4);
}

/* Standard error goes to a file for a moment. */
PROMISE(a_long_file_shows_how_far_it_was_read)
{
	char name[] = "/tmp/cgbpf-said-XXXXXX", said[64] = "";
	int err_fd = dup(STDERR_FILENO), to_fd = mkstemp(name);
	FILE *f = fopen(file, "w");

	unlink(name);
	put_long_line(f);
	put_line(f, 1, 50000);
	fclose(f);
	cnt = 0;
	dup2(to_fd, STDERR_FILENO);
	assert_int_equal(policy_samples__read(file, 0, 1, 0, true, take_row, NULL, &seen), 0);
	dup2(err_fd, STDERR_FILENO);
	assert_true(pread(to_fd, said, sizeof(said) - 1, 0) > 0);
	assert_string_equal(said, "read 64 of 64 MiB\n");
	close(to_fd);
	close(err_fd);
}

PROMISE(a_journal_with_such_a_line_is_read_as_well)
{
	FILE *f = fopen(file, "w");
	struct advice advice;
	long before;

	put_long_line(f);
	fputs("{\"event\":\"ml_effective\",\"ml\":{}}\n", f);
	fclose(f);
	before = peak_kib();
	assert_int_equal(policy_journal__read(file, 1, &advice), 0);
	assert_int_equal(advice.lines, 2);
	assert_int_equal(advice.malformed, 1);
	assert_int_equal(advice.effective, 1);
	assert_true(peak_kib() - before < LONG_LINE / 1024 / 4);
}

PROMISE(a_line_has_its_length_and_as_much_of_it_as_there_is_room_for)
{
	FILE *f = fopen(file, "w");
	char buf[4] = "....";

	fwrite("ab\nabcdef\nx\0", 1, 12, f);
	fclose(f);
	f = fopen(file, "r");
	assert_int_equal(line_read(f, buf, 4), 3);
	assert_memory_equal(buf, "ab\n.", 4);
	assert_int_equal(line_read(f, buf, 4), 7);
	assert_memory_equal(buf, "abcd", 4);
	assert_int_equal(line_read(f, buf, 4), 2);
	assert_memory_equal(buf, "x\0", 2);
	assert_int_equal(line_read(f, buf, 4), 0);
	fclose(f);
}

PROMISE(intervals_that_are_no_whole_periods_take_as_long_as_they_took)
{
	struct sim_rule rule = {.soft_cores = 1, .hard_cores = 2, .step_cores = 0.5};
	struct sim sim;

	sim__begin(&sim, &rule, POLICY_HEURISTIC, NULL);
	for (int i = 0; i < 40; i++)
		sim__run(&sim, 0.25, 0.5, NULL);
	assert_true(fabs(sim.result.time_s - 10) < 1e-6);
	for (int i = 0; i < 100; i++)
		sim__run(&sim, 0.01, 0.5, NULL);
	assert_true(fabs(sim.result.time_s - 11) < 1e-6);
	assert_true(fabs(sim.result.used_s - 5.5) < 1e-6);
}

/* So does the kernel: a throttle that was answered within its period is time, and no period. */
PROMISE(an_answered_throttle_is_counted_in_time_alone)
{
	struct sim_rule rule = {
		.soft_cores = 1, .hard_cores = 2, .step_cores = 1, .reaction_s = 0.001};
	struct sim sim;

	sim__begin(&sim, &rule, POLICY_HEURISTIC, NULL);
	sim__run(&sim, 0.1, 1.5, NULL);
	assert_true(sim.result.throttled_s > 0);
	assert_true(sim.result.throttled_periods == 0);
	sim__run(&sim, 0.1, 4, NULL);
	assert_true(sim.result.throttled_periods == 1);
}

static size_t replayed_with(const struct policy_model *model)
{
	struct sim_rule rule = {.step_cores = 0.25, .return_after_s = 60};
	struct replayed replayed[REPLAYS];
	json_t *list;
	size_t size;

	assert_int_equal(policy_replay(file, &rule, model, replayed), 0);
	assert_true(replayed[REPLAY_STEP].sum.time_s > 0);
	assert_true(replayed[REPLAY_TARGET].sum.time_s > 0);
	assert_true(!model == !replayed[REPLAY_LINEAR].name);
	list = policy_replay_json(replayed);
	size = json_array_size(list);
	json_decref(list);
	return size;
}

PROMISE(a_policy_without_its_model_is_left_out_of_a_replay)
{
	struct policy_model model = model_of_demand();
	FILE *f = fopen(file, "w");

	for (int i = 0; i < ROWS_MAX; i++)
		put_row(f, i, 500000, 200000, 50000);
	fclose(f);
	assert_int_equal(replayed_with(NULL), 2);
	assert_int_equal(replayed_with(&model), 3);
}

/* How long an idle load takes from hard back to soft, in s. */
static double time_back(enum policy_kind kind)
{
	struct sim_rule rule = {.soft_cores = 1,
				.hard_cores = 3,
				.step_cores = 0.5,
				.reaction_s = 0.001,
				.return_after_s = 60};
	struct sim sim;

	sim__begin(&sim, &rule, kind, NULL);
	while (sim.quota_cores < 3)
		sim__run(&sim, 0.1, 8, NULL);
	sim.result.time_s = 0;
	while (sim.quota_cores > 1)
		sim__run(&sim, 0.1, 0.1, NULL);
	return sim.result.time_s;
}

/* As the controller does: after return_after a step at each look, not one each return_after. */
PROMISE(what_is_calm_goes_back_a_step_at_each_look)
{
	double fixed_s = time_back(POLICY_HEURISTIC);

	/* Looks are 5 s apart; the first may come to the backlog. */
	assert_true(fixed_s >= 75 && fixed_s <= 90);
	assert_true(time_back(POLICY_LINEAR) == fixed_s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_was_seen_under_the_quota_before_it_but_not_across_a_gap),
		cmocka_unit_test(what_is_learnt_from_is_what_was_seen_before_a_throttle),
		cmocka_unit_test(a_line_of_any_length_costs_no_memory_and_the_next_is_read),
		cmocka_unit_test(a_long_file_shows_how_far_it_was_read),
		cmocka_unit_test(a_journal_with_such_a_line_is_read_as_well),
		cmocka_unit_test(a_line_has_its_length_and_as_much_of_it_as_there_is_room_for),
		cmocka_unit_test(intervals_that_are_no_whole_periods_take_as_long_as_they_took),
		cmocka_unit_test(an_answered_throttle_is_counted_in_time_alone),
		cmocka_unit_test(a_policy_without_its_model_is_left_out_of_a_replay),
		cmocka_unit_test(what_is_calm_goes_back_a_step_at_each_look),
	};

	return cmocka_run_group_tests_name("policy_samples", tests, make_file, remove_file);
}

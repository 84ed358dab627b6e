/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of training: the right numbers, nothing learnt from the future, every bad line counted,
 * memory that does not grow. It never asks a kernel. */
#include <errno.h>
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

#include "user/policy_fit.h"
#include "user/policy_train.h"

#define PROMISE(name) static void name(__attribute__((unused)) void **state)

static char file[] = "/tmp/cgbpf-samples-XXXXXX";
static struct trained trained;

static int make_file(__attribute__((unused)) void **state)
{
	int fd = mkstemp(file);

	return fd < 0 ? -1 : close(fd);
}

static int remove_file(__attribute__((unused)) void **state)
{
	return unlink(file);
}

static double wave(int i, int salt)
{
	return fabs(sin(i * 0.7 + salt) + 0.3 * sin(i * 2.3 * salt));
}

static void put_line(FILE *f, int i, double usage, double throttled, const char *hard)
{
	fprintf(f,
		"{\"schema\":1,\"kind\":\"interval\",\"ts\":\"2026-01-01T00:00:%05d\",\"mono_ns\":"
		"%lld,\"boot_id\":\"b\",\"target\":\"t\",\"cgroup\":\"/t\",\"interval_ms\":1000,"
		"\"cpu\":{\"usage_us\":%.0f,\"periods\":10,\"throttled\":%d,\"throttled_us\":%.0f,"
		"\"quota_us\":%.0f,\"period_us\":100000,\"soft_cores\":0.5,\"hard_cores\":%s}}\n",
		i, (i + 1) * 1000000000LL, usage * 1e6, throttled > 0 ? 3 : 0, throttled * 1e6,
		50000 + 1000 * wave(i, 5), hard);
}

static FILE *begin(void)
{
	return fopen(file, "w");
}

static double throttled(int i)
{
	return wave(i, 2) > 0.3 ? 0.1 : 0;
}

static int calm_rows(int from, int to)
{
	int cnt = 0;

	for (int i = from; i < to; i++)
		cnt += !(throttled(i) > 0);
	return cnt;
}

static void write_rows(FILE *f, int from, int cnt)
{
	for (int i = from; i < from + cnt; i++)
		put_line(f, i, 0.2 + wave(i, 1), throttled(i), "4");
}

static int train(void)
{
	return policy_train(file, 0.25, NULL, false, &trained);
}

static uint64_t dropped(enum policy_drop reason)
{
	return trained.read.dropped[reason];
}

/* Gauss, with the penalty on the scaled features: what the eigenvectors must come to. */
static void solve(double a[POLICY_FEATURES][POLICY_FEATURES + 1], int n)
{
	for (int i = 0; i < n; i++) {
		int best = i;

		for (int r = i; r < n; r++)
			best = fabs(a[r][i]) > fabs(a[best][i]) ? r : best;
		for (int c = 0; c <= n; c++) {
			double swap = a[i][c];

			a[i][c] = a[best][c];
			a[best][c] = swap;
		}
		for (int r = 0; r < n; r++) {
			double part = r == i ? 0 : a[r][i] / a[i][i];

			for (int c = i; c <= n; c++)
				a[r][c] -= part * a[i][c];
		}
	}
	for (int i = 0; i < n; i++)
		a[i][n] /= a[i][i];
}

#define ROWS 200

PROMISE(the_fit_is_what_plain_elimination_gives)
{
	double x[ROWS][POLICY_FEATURES], y[ROWS], a[POLICY_FEATURES][POLICY_FEATURES + 1] = {};
	double mean[POLICY_FEATURES] = {}, scale[POLICY_FEATURES] = {}, y_mean = 0, ridge = 0.3;
	struct fit_shift shift = {};
	struct fit_sums sums = {};
	struct policy_model model;
	struct fit fit;

	for (int r = 0; r < ROWS; r++) {
		for (int i = 0; i < POLICY_FEATURES; i++) {
			x[r][i] = 1000 + (i + 1) * wave(r, i + 1);
			mean[i] += x[r][i] / ROWS;
		}
		y[r] = 3 + x[r][0] - 2 * x[r][3] + wave(r, 11);
		y_mean += y[r] / ROWS;
	}
	shift.y = y[0];
	memcpy(shift.x, x[0], sizeof(shift.x));
	for (int r = 0; r < ROWS; r++) {
		fit_add(&sums, &shift, x[r], y[r]);
		for (int i = 0; i < POLICY_FEATURES; i++)
			scale[i] += (x[r][i] - mean[i]) * (x[r][i] - mean[i]) / ROWS;
	}
	for (int i = 0; i < POLICY_FEATURES; i++) {
		for (int r = 0; r < ROWS; r++) {
			double xi = (x[r][i] - mean[i]) / sqrt(scale[i]);

			for (int j = 0; j < POLICY_FEATURES; j++)
				a[i][j] += xi * (x[r][j] - mean[j]) / sqrt(scale[j]) / ROWS;
			a[i][POLICY_FEATURES] += xi * (y[r] - y_mean) / ROWS;
		}
		a[i][i] += ridge;
	}
	solve(a, POLICY_FEATURES);
	assert_int_equal(fit_prepare(&sums, &shift, &fit), 0);
	fit_solve(&fit, ridge, &model);
	for (int i = 0; i < POLICY_FEATURES; i++)
		assert_true(fabs(model.weights[i].weight - a[i][POLICY_FEATURES]) < 1e-7);
	assert_true(fabs(model.intercept - y_mean) < 1e-7);
}

PROMISE(the_error_from_sums_is_the_error_of_the_rows)
{
	struct policy_model model = {.intercept = 2};
	struct fit_shift shift = {.y = 1};
	struct fit_sums sums = {};
	double sum = 0;

	for (int i = 0; i < POLICY_FEATURES; i++)
		model.weights[i] = (struct policy_weight){0.1 * i, i, 2, 0, 1};
	for (int r = 0; r < ROWS; r++) {
		double x[POLICY_FEATURES], error = wave(r, 12) - model.intercept;

		for (int i = 0; i < POLICY_FEATURES; i++) {
			x[i] = wave(r, i + 1);
			error -= model.weights[i].weight * (x[i] - i) / 2;
		}
		fit_add(&sums, &shift, x, wave(r, 12));
		sum += error * error;
	}
	assert_true(fabs(fit_squared_error(&model, &sums, &shift) - sum) < 1e-8);
}

PROMISE(two_columns_that_say_the_same_are_no_trouble)
{
	struct fit_shift shift = {};
	struct fit_sums sums = {};
	struct policy_model model;
	struct fit fit;

	for (int r = 0; r < ROWS; r++) {
		double x[POLICY_FEATURES] = {wave(r, 1), wave(r, 1), 7};

		fit_add(&sums, &shift, x, 2 * wave(r, 1));
	}
	assert_int_equal(fit_prepare(&sums, &shift, &fit), 0);
	assert_int_equal(fit.cnt, 2);
	fit_solve(&fit, 0, &model);
	assert_true(fabs(model.weights[0].weight - model.weights[1].weight) < 1e-9);
	assert_true(fit_squared_error(&model, &sums, &shift) < 1e-9);
}

PROMISE(an_empty_file_and_ten_rows_are_too_few)
{
	FILE *f = begin();

	fclose(f);
	assert_int_equal(train(), -ENODATA);
	f = begin();
	write_rows(f, 0, 10);
	fclose(f);
	assert_int_equal(train(), -ENODATA);
	assert_int_equal(trained.read.line_cnt, 10);
}

PROMISE(what_is_no_regular_file_is_refused)
{
	assert_int_equal(policy_train("/dev/zero", 0.25, NULL, false, &trained), -EINVAL);
	assert_int_equal(policy_train("/nowhere", 0.25, NULL, false, &trained), -ENOENT);
}

PROMISE(a_model_is_better_than_keeping_what_there_is)
{
	FILE *f = begin();

	write_rows(f, 0, 2000);
	fclose(f);
	assert_int_equal(train(), 0);
	assert_true(errors_mae(&trained.held_out[GUESS_MODEL]) <
		    errors_mae(&trained.held_out[GUESS_KEEP]));
	assert_true(trained.model.spread_cores > 0);
	/* All are counted: used, waiting at the end, or round the folds' borders. */
	assert_int_equal(trained.read.row_cnt + dropped(DROP_NO_FUTURE) +
				 dropped(DROP_SPANS_FOLDS) + dropped(DROP_NOT_THROTTLED),
			 2000);
	assert_int_equal(dropped(DROP_NOT_THROTTLED), calm_rows(1, 2000));
	assert_in_range(dropped(DROP_NO_FUTURE), 1, POLICY_HORIZON);
	assert_in_range(dropped(DROP_SPANS_FOLDS), 1, (TRAIN_FOLDS - 1) * POLICY_HORIZON);
}

PROMISE(constant_columns_get_no_weight)
{
	FILE *f = begin();

	write_rows(f, 0, 500);
	fclose(f);
	assert_int_equal(train(), 0);
	assert_true(trained.is_constant[POLICY_HARD]);
	assert_true(trained.model.weights[POLICY_HARD].weight == 0);
	assert_false(trained.is_constant[POLICY_USAGE]);
}

PROMISE(rows_that_are_all_the_same_say_their_mean)
{
	FILE *f = begin();

	for (int i = 0; i < 300; i++)
		fprintf(f,
			"{\"schema\":1,\"kind\":\"interval\",\"mono_ns\":%lld,\"interval_ms\":1000,"
			"\"cpu\":{\"usage_us\":630000,\"periods\":10,\"throttled\":1,"
			"\"throttled_us\":100000,\"quota_us\":100000,\"period_us\":100000,"
			"\"soft_cores\":0.5,\"hard_cores\":2}}\n",
			(i + 1) * 1000000000LL);
	fclose(f);
	assert_int_equal(train(), 0);
	assert_true(fabs(trained.model.intercept - 0.7) < 1e-9);
	assert_true(errors_mae(&trained.held_out[GUESS_MODEL]) < 1e-9);
}

PROMISE(nothing_is_learnt_from_held_out_time)
{
	struct policy_model before;
	FILE *f = begin();

	write_rows(f, 0, 1000);
	fclose(f);
	assert_int_equal(train(), 0);
	before = trained.model;
	f = begin();
	write_rows(f, 0, 800);
	for (int i = 800; i < 1000; i++) /* another world */
		put_line(f, i, 3.5, 0.5, "4");
	fclose(f);
	assert_int_equal(train(), 0);
	assert_memory_equal(&before, &trained.model, sizeof(before));
}

PROMISE(bad_lines_are_counted_by_what_is_wrong_and_left_out)
{
	FILE *f = begin();

	write_rows(f, 0, 300);
	fputs("{\"schema\":2,\"kind\":\"interval\"}\n", f);
	fputs("{\"schema\":1,\"kind\":\"adjustment\"}\n", f);
	put_line(f, 301, NAN, 0, "4");
	put_line(f, 302, INFINITY, 0, "4");
	put_line(f, 303, -1, 0, "4");
	put_line(f, 304, 1e30, 0, "4");
	put_line(f, 305, 1, 0, "null");
	put_line(f, 306, 1, 0, "1e999");
	fputs("\n[]\n{\"schema\":1,\"kind\":\"inter", f);
	fclose(f);
	assert_int_equal(train(), 0);
	assert_int_equal(dropped(DROP_SCHEMA), 1);
	assert_int_equal(trained.read.other_cnt, 1);
	assert_int_equal(dropped(DROP_MALFORMED), 6); /* nan, inf, 1e36, 1e999, "", [] */
	assert_int_equal(dropped(DROP_NOT_A_NUMBER), 1);
	assert_int_equal(dropped(DROP_NO_LIMIT), 1);
	assert_int_equal(dropped(DROP_TORN), 1);
	assert_true(isfinite(trained.model.intercept));
}

PROMISE(rows_on_both_sides_of_a_gap_do_not_follow_on_each_other)
{
	FILE *f = begin();

	write_rows(f, 0, 200);
	write_rows(f, 1000, 200);
	fclose(f);
	assert_int_equal(train(), 0);
	assert_int_equal(trained.read.row_cnt + dropped(DROP_NO_FUTURE) +
				 dropped(DROP_SPANS_FOLDS) + dropped(DROP_NOT_THROTTLED),
			 400);
	assert_int_equal(dropped(DROP_NOT_THROTTLED), calm_rows(1, 200) + calm_rows(1001, 1200));
}

/* What is freed is used again: AddressSanitizer would keep it, and look like growth. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
}

static long peak_kib(int rows)
{
	struct rusage usage;
	FILE *f = begin();

	write_rows(f, 0, rows);
	fclose(f);
	assert_int_equal(train(), 0);
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

PROMISE(memory_does_not_grow_with_the_file)
{
	long small = peak_kib(2000);

	assert_true(peak_kib(60000) - small < 1024);
}

PROMISE(the_same_file_gives_the_same_model)
{
	struct policy_model before;

	peak_kib(1000);
	before = trained.model;
	assert_int_equal(train(), 0);
	assert_memory_equal(&before, &trained.model, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fit_is_what_plain_elimination_gives),
		cmocka_unit_test(the_error_from_sums_is_the_error_of_the_rows),
		cmocka_unit_test(two_columns_that_say_the_same_are_no_trouble),
		cmocka_unit_test(an_empty_file_and_ten_rows_are_too_few),
		cmocka_unit_test(what_is_no_regular_file_is_refused),
		cmocka_unit_test(a_model_is_better_than_keeping_what_there_is),
		cmocka_unit_test(constant_columns_get_no_weight),
		cmocka_unit_test(rows_that_are_all_the_same_say_their_mean),
		cmocka_unit_test(nothing_is_learnt_from_held_out_time),
		cmocka_unit_test(bad_lines_are_counted_by_what_is_wrong_and_left_out),
		cmocka_unit_test(rows_on_both_sides_of_a_gap_do_not_follow_on_each_other),
		cmocka_unit_test(memory_does_not_grow_with_the_file),
		cmocka_unit_test(the_same_file_gives_the_same_model),
	};

	return cmocka_run_group_tests_name("policy_train", tests, make_file, remove_file);
}

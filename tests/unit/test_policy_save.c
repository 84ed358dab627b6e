/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of a model beside its figures: each other's, after a replacement and after any death. It
 * never judges how good a model is. */
#include "user/policy_save.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/policy_retrain.h"

#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define DIED 77

static char folder[] = "/tmp/cgbpf-save-XXXXXX";
static char model_file[64], metrics_file[64], history[64], samples[2][64];
static int calls_left; /* of those that change a folder; 0: they are not counted */

static void count_down(void)
{
	if (calls_left && --calls_left == 0)
		_exit(DIED); /* as by SIGKILL: nothing is flushed, no cleanup runs */
}

/* In the place of the C library's. */
int rename(const char *from, const char *to)
{
	count_down();
	return (int)syscall(SYS_renameat2, -100, from, -100, to, 0);
}

int unlink(const char *file)
{
	count_down();
	return (int)syscall(SYS_unlinkat, -100, file, 0);
}

/* The load takes this many cores more than in the other file. */
static void write_samples(const char *file, int more_cores)
{
	FILE *f = fopen(file, "w");

	for (int i = 0; i < 400; i++)
		fprintf(f,
			"{\"schema\":1,\"kind\":\"interval\",\"ts\":\"2026-01-01T00:00:%05d\","
			"\"mono_ns\":%lld,\"interval_ms\":1000,\"cpu\":{\"usage_us\":%d,"
			"\"periods\":10,\"throttled\":3,\"throttled_us\":100000,"
			"\"quota_us\":50000,\"period_us\":100000,\"soft_cores\":0.5,"
			"\"hard_cores\":16}}\n",
			i, (i + 1) * 1000000000LL, more_cores * 1000000 + i * 7919 % 500 * 1000);
	fclose(f);
}

static int make_folder(__attribute__((unused)) void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(model_file, sizeof(model_file), "%s/m.json", folder);
	snprintf(metrics_file, sizeof(metrics_file), "%s/m.metrics.json", folder);
	snprintf(history, sizeof(history), "%s/history", folder);
	for (int i = 0; i < 2; i++) {
		snprintf(samples[i], sizeof(samples[i]), "%s/samples.%d", folder, i);
		write_samples(samples[i], 5 * i);
	}
	return 0;
}

static int remove_folder(__attribute__((unused)) void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* Of a model or of its figures; -1: FILE is not there. */
static double spread_in(const char *file)
{
	json_t *root = json_load_file(file, 0, NULL);
	double spread = -1;

	if (!root)
		assert_int_equal(access(file, F_OK), -1);
	else
		assert_int_equal(json_unpack(root, "{s:F}", "spread_cores", &spread), 0);
	json_decref(root);
	return spread;
}

static bool figures_are_of(const char *file)
{
	json_t *root = json_load_file(metrics_file, 0, NULL);
	const char *of = json_string_value(json_object_get(root, "samples"));
	bool is_of = of && strcmp(of, file) == 0;

	json_decref(root);
	return is_of;
}

PROMISE(a_replaced_model_has_its_own_figures_beside_it)
{
	/* Trained on another load, and so worse. */
	assert_int_equal(policy_retrain(samples[1], model_file, history, 0.25, false), 0);
	assert_true(figures_are_of(samples[1]));
	assert_int_equal(policy_retrain(samples[0], model_file, history, 0.25, false), 0);
	assert_true(figures_are_of(samples[0]));
	assert_true(spread_in(metrics_file) == spread_in(model_file));
}

static void assert_named(const char *file, const char *key, const char *name)
{
	json_t *root = json_load_file(file, 0, NULL);
	const char *value = json_string_value(json_object_get(root, key));

	assert_non_null(value);
	assert_string_equal(strrchr(value, '/') + 1, name);
	json_decref(root);
}

PROMISE(names_that_are_no_utf8_are_told_in_history_and_figures)
{
	char others[64], model[64], metrics[64], told[64];

	snprintf(others, sizeof(others), "%s/s\xff", folder);
	snprintf(model, sizeof(model), "%s/m\xff.json", folder);
	snprintf(metrics, sizeof(metrics), "%s/m\xff.metrics.json", folder);
	snprintf(told, sizeof(told), "%s/told", folder);
	write_samples(others, 0);
	assert_int_equal(policy_retrain(others, model, told, 0.25, false), 0);
	assert_named(told, "samples", "s\xef\xbf\xbd");
	assert_named(told, "model", "m\xef\xbf\xbd.json");
	assert_named(metrics, "samples", "s\xef\xbf\xbd");
}

PROMISE(a_death_in_between_leaves_no_model_with_the_figures_of_another)
{
	static struct trained trained[2];
	double spreads[2], model, metrics;
	int status = 0, deaths = 0;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(policy_train(samples[i], 0.25, NULL, false, &trained[i]), 0);
		spreads[i] = trained[i].model.spread_cores;
	}
	assert_true(spreads[0] != spreads[1]);
	do {
		pid_t pid;

		assert_int_equal(policy_save(model_file, samples[0], &trained[0]), 0);
		pid = fork();
		if (pid == 0) {
			calls_left = deaths + 1;
			_exit(policy_save(model_file, samples[1], &trained[1]) ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		model = spread_in(model_file);
		metrics = spread_in(metrics_file);
		assert_true(model == spreads[0] || model == spreads[1]);
		assert_true(metrics == model || metrics == -1);
		deaths += WEXITSTATUS(status) == DIED;
	} while (WEXITSTATUS(status) == DIED);
	assert_int_equal(status, 0);
	assert_true(model == spreads[1] && metrics == model);
	assert_int_equal(deaths, 3);
}

PROMISE(figures_that_cannot_be_written_leave_the_model_as_it_is)
{
	static struct trained trained;
	double before;

	assert_int_equal(policy_train(samples[0], 0.25, NULL, false, &trained), 0);
	assert_int_equal(policy_save(model_file, samples[0], &trained), 0);
	before = spread_in(model_file);
	trained.model.spread_cores += 1;
	assert_int_equal(unlink(metrics_file), 0);
	assert_int_equal(mkdir(metrics_file, 0700), 0);
	assert_int_equal(policy_save(model_file, samples[0], &trained), -EISDIR);
	assert_int_equal(rmdir(metrics_file), 0);
	assert_true(spread_in(model_file) == before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replaced_model_has_its_own_figures_beside_it),
		cmocka_unit_test(names_that_are_no_utf8_are_told_in_history_and_figures),
		cmocka_unit_test(a_death_in_between_leaves_no_model_with_the_figures_of_another),
		cmocka_unit_test(figures_that_cannot_be_written_leave_the_model_as_it_is),
	};

	return cmocka_run_group_tests_name("policy_save", tests, make_folder, remove_folder);
}

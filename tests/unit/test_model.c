/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of the model's file: whole or not taken, and then not touched. It never asks a model. */
#include "user/model.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "tests/fixtures/model_of_demand.h"

#define PROMISE(name) static void name(__attribute__((unused)) void **state)

static char folder[] = "/tmp/cgbpf-model-XXXXXX";
static char file[64];

static int make_folder(__attribute__((unused)) void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/model.json", folder);
	return 0;
}

static int remove_folder(__attribute__((unused)) void **state)
{
	unlink(file);
	return rmdir(folder);
}

static const struct model_facts facts = {
	.rows_cnt = 100, .from = "a", .until = "b", .ridge = 0.1, .horizon = 5};

static int save(const struct policy_model *model)
{
	struct outfile out;
	int err = model__write(file, model, &facts, &out);

	return err ? err : outfile__commit(&out);
}

static int load(struct policy_model *model, char error[MODEL_ERROR_LEN])
{
	struct model_facts got;

	return model__load(file, model, &got, error);
}

/* The file with FROM replaced by TO, once. */
static void edit(const char *from, const char *to)
{
	char text[8192] = "", edited[16384], *at;
	FILE *f = fopen(file, "r");
	size_t len = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	assert_true(len > 0);
	at = strstr(text, from);
	assert_non_null(at);
	snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	f = fopen(file, "w");
	fputs(edited, f);
	fclose(f);
}

/* Gives the file as it stands the checksum it should have: somebody who knows how wrote it. */
static void seal(void)
{
	json_t *root = json_load_file(file, 0, NULL);
	char *text, sum[24];

	assert_int_equal(json_object_del(root, "checksum"), 0);
	text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII |
					JSON_REAL_PRECISION(17));
	snprintf(sum, sizeof(sum), "crc32:%08lx",
		 crc32(crc32(0, NULL, 0), (const Bytef *)text, (uInt)strlen(text)));
	free(text);
	json_object_set_new(root, "checksum", json_string(sum));
	assert_int_equal(json_dump_file(root, file, JSON_REAL_PRECISION(17)), 0);
	json_decref(root);
}

PROMISE(what_was_saved_is_loaded_to_the_last_digit)
{
	struct policy_model model = model_of_demand(), got;
	char error[MODEL_ERROR_LEN];

	model.weights[POLICY_PSI].weight = 1.0 / 3;
	assert_int_equal(save(&model), 0);
	assert_int_equal(load(&got, error), 0);
	assert_memory_equal(&got, &model, sizeof(model));
}

PROMISE(a_number_that_is_none_is_not_saved)
{
	struct policy_model model = model_of_demand();

	model.weights[POLICY_PSI].weight = NAN;
	assert_int_equal(save(&model), -EDOM);
}

static void refused_as(bool is_sealed, const char *from, const char *to, int err, const char *words)
{
	struct policy_model model = model_of_demand(), got;
	char error[MODEL_ERROR_LEN] = "";

	assert_int_equal(save(&model), 0);
	edit(from, to);
	if (is_sealed)
		seal();
	memset(&got, 7, sizeof(got));
	model = got;
	assert_int_equal(load(&got, error), err);
	if (!strstr(error, words))
		fail_msg("'%s' does not say '%s'", error, words);
	assert_memory_equal(&got, &model, sizeof(model)); /* untouched */
}

static void refused(const char *from, const char *to, int err, const char *words)
{
	refused_as(false, from, to, err, words);
}

PROMISE(a_model_that_was_edited_is_refused)
{
	refused("\"spread_cores\": 0.25", "\"spread_cores\": 0.75", -EBADMSG, "checksum");
}

PROMISE(a_torn_model_is_refused_at_its_line_and_column)
{
	refused("\"features\"", "", -EBADMSG, "/model.json:16:3: ");
}

PROMISE(what_is_quoted_of_a_torn_model_is_escaped)
{
	refused("\"features\":", "\x1b[31m", -EBADMSG, "near '\\x1b'");
	refused("\"features\":", "\"features\" \"\xc2\x9bmEVIL\"", -EBADMSG, "\\xc2\\x9bmEVIL");
}

PROMISE(a_model_of_another_version_is_refused)
{
	refused("\"version\": 2", "\"version\": 1", -EPROTO, "another version");
	refused("\"sample_schema\": 1", "\"sample_schema\": 9", -EPROTO, "another version");
}

PROMISE(weights_that_are_no_numbers_are_refused)
{
	refused("\"weight\": 0.5", "\"weight\": \"0.5\"", -EBADMSG, "checksum");
	refused("\"weight\": 0.5", "\"weight\": NaN", -EBADMSG, "/model.json:");
	refused("\"weight\": 0.5", "\"weight\": 1e999", -EBADMSG, "/model.json:");
}

/* The last feature has the weight of 0.5. */
PROMISE(what_is_no_number_is_refused_behind_a_right_checksum_too)
{
	static const char *const values[] = {"\"0.5\"", "null", "true", "[0.5]", "{}"};
	char to[32];

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		snprintf(to, sizeof(to), "\"weight\": %s", values[i]);
		refused_as(true, "\"weight\": 0.5", to, -EBADMSG, "demand_cores: a number");
		snprintf(to, sizeof(to), "\"intercept\": %s", values[i]);
		refused_as(true, "\"intercept\": 1.0", to, -EBADMSG, "a number is missing");
	}
	refused_as(true, "\"weight\": 0.5", "\"wait\": 0.5", -EBADMSG, "demand_cores: a number");
	refused_as(true, "\"scale\": 0.5", "\"scale\": 0", -EBADMSG, "demand_cores: a number");
	refused_as(true, "\"least\": -10.0", "\"least\": 11", -EBADMSG, "a number");
}

/* Sealed as it should be, so that it is not the seal that is refused above. */
PROMISE(another_number_behind_a_right_checksum_is_taken)
{
	struct policy_model model = model_of_demand(), got;
	char error[MODEL_ERROR_LEN] = "";

	assert_int_equal(save(&model), 0);
	edit("\"weight\": 0.5", "\"weight\": 0.75");
	seal();
	assert_int_equal(load(&got, error), 0);
	assert_true(fabs(got.weights[POLICY_DEMAND].weight - 0.75) < 1e-9);
}

PROMISE(something_else_is_refused)
{
	refused("cgbpf-policy", "somebody", -EBADMSG, "no model of cgbpf");
}

PROMISE(a_missing_model_is_said_to_be_missing)
{
	struct policy_model got;
	char error[MODEL_ERROR_LEN];

	unlink(file);
	assert_int_equal(load(&got, error), -ENOENT);
	assert_non_null(strstr(error, "/model.json: No such file or directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_saved_is_loaded_to_the_last_digit),
		cmocka_unit_test(a_number_that_is_none_is_not_saved),
		cmocka_unit_test(a_model_that_was_edited_is_refused),
		cmocka_unit_test(a_torn_model_is_refused_at_its_line_and_column),
		cmocka_unit_test(what_is_quoted_of_a_torn_model_is_escaped),
		cmocka_unit_test(a_model_of_another_version_is_refused),
		cmocka_unit_test(weights_that_are_no_numbers_are_refused),
		cmocka_unit_test(what_is_no_number_is_refused_behind_a_right_checksum_too),
		cmocka_unit_test(another_number_behind_a_right_checksum_is_taken),
		cmocka_unit_test(something_else_is_refused),
		cmocka_unit_test(a_missing_model_is_said_to_be_missing),
	};

	return cmocka_run_group_tests_name("model", tests, make_folder, remove_folder);
}

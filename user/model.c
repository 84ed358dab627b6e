// SPDX-License-Identifier: BSD-2-Clause
/* Reads and writes the model's file. It never takes half of one, and never asks it. */
#include "user/model.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "user/files.h"
#include "user/text.h"

#define FORMAT "cgbpf-policy"
/* No model comes near it. */
#define FILE_BYTES_MOST (1 << 20)

static int refuse(char *error, size_t len, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(char *error, size_t len, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, len, format, args);
	va_end(args);
	return err;
}

/* Of all but the checksum itself, in one fixed form. */
static int checksum_of(const json_t *root, char ret_sum[24])
{
	json_t *rest = json_copy((json_t *)root);
	char *text;

	json_object_del(rest, "checksum");
	text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII |
					JSON_REAL_PRECISION(17));
	json_decref(rest);
	if (!text)
		return -ENOMEM;
	snprintf(ret_sum, 24, "crc32:%08lx",
		 crc32(crc32(0, NULL, 0), (const Bytef *)text, (uInt)strlen(text)));
	free(text);
	return 0;
}

static json_t *real(double value)
{
	return json_real(value); /* NULL for what is no number, and then nothing is written */
}

static json_t *weight_json(int i, const struct policy_weight *weight)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "name", policy_feature_name(i), "weight",
			 real(weight->weight), "mean", real(weight->mean), "scale",
			 real(weight->scale), "least", real(weight->least), "most",
			 real(weight->most));
}

static json_t *to_json(const struct policy_model *model, const struct model_facts *facts)
{
	json_t *weights = json_array(), *root;
	char sum[24];

	for (int i = 0; i < POLICY_FEATURES; i++)
		json_array_append_new(weights, weight_json(i, &model->weights[i]));
	if (json_array_size(weights) != POLICY_FEATURES) {
		json_decref(weights);
		return NULL;
	}
	root = json_pack("{s:s, s:i, s:i, s:s, s:s, s:i, s:{s:I, s:s, s:s}, s:o, s:o, s:o, s:o}",
			 "format", FORMAT, "version", MODEL_VERSION, "sample_schema", MODEL_SCHEMA,
			 "kind", "linear", "predicts",
			 "peak demand of the next intervals, in cores", "horizon", facts->horizon,
			 "trained_on", "rows", (json_int_t)facts->rows_cnt, "from", facts->from,
			 "until", facts->until, "ridge", real(facts->ridge), "intercept",
			 real(model->intercept), "spread_cores", real(model->spread_cores),
			 "features", weights);
	if (!root || checksum_of(root, sum)) {
		json_decref(root);
		return NULL;
	}
	json_object_set_new(root, "checksum", json_string(sum));
	return root;
}

int model__write(const char *file, const struct policy_model *model,
		 const struct model_facts *facts, struct outfile *ret_out)
{
	json_t *root = to_json(model, facts);
	int err;

	if (!root)
		return -EDOM;
	err = files__write_json(file, root, ret_out);
	json_decref(root);
	return err;
}

static bool take_real(const json_t *object, const char *key, double *ret_value)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_number(value) || !isfinite(json_number_value(value)))
		return false;
	*ret_value = json_number_value(value);
	return true;
}

static bool take_weight(const json_t *object, int i, struct policy_weight *ret_weight)
{
	const char *name = json_string_value(json_object_get(object, "name"));

	return name && strcmp(name, policy_feature_name(i)) == 0 &&
	       take_real(object, "weight", &ret_weight->weight) &&
	       take_real(object, "mean", &ret_weight->mean) &&
	       take_real(object, "scale", &ret_weight->scale) && ret_weight->scale > 0 &&
	       take_real(object, "least", &ret_weight->least) &&
	       take_real(object, "most", &ret_weight->most) &&
	       ret_weight->least <= ret_weight->most;
}

static void take_text(const json_t *object, const char *key, char *buf, size_t len)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(buf, len, "%s", text ? text : "");
}

static int from_json(const json_t *root, struct policy_model *model, struct model_facts *facts,
		     char *error, size_t len)
{
	const json_t *weights = json_object_get(root, "features");
	const json_t *trained = json_object_get(root, "trained_on");
	const char *format = json_string_value(json_object_get(root, "format"));
	const char *sum = json_string_value(json_object_get(root, "checksum"));
	char right[24];

	if (!format || strcmp(format, FORMAT) != 0)
		return refuse(error, len, -EBADMSG, "it is no model of cgbpf");
	if (json_integer_value(json_object_get(root, "version")) != MODEL_VERSION ||
	    json_integer_value(json_object_get(root, "sample_schema")) != MODEL_SCHEMA)
		return refuse(error, len, -EPROTO,
			      "it is of another version: train it anew with 'cgbpf policy train'");
	if (checksum_of(root, right))
		return refuse(error, len, -ENOMEM, "out of memory");
	if (!sum || strcmp(sum, right) != 0)
		return refuse(error, len, -EBADMSG,
			      "its checksum is wrong: it was edited or damaged");
	if (!take_real(root, "intercept", &model->intercept) ||
	    !take_real(root, "spread_cores", &model->spread_cores) ||
	    !take_real(root, "ridge", &facts->ridge))
		return refuse(error, len, -EBADMSG, "a number is missing or is none");
	if (json_array_size(weights) != POLICY_FEATURES)
		return refuse(error, len, -EPROTO, "it has other features");
	for (int i = 0; i < POLICY_FEATURES; i++)
		if (!take_weight(json_array_get(weights, (size_t)i), i, &model->weights[i]))
			return refuse(error, len, -EBADMSG, "feature %s: a number is wrong",
				      policy_feature_name(i));
	facts->horizon = (int)json_integer_value(json_object_get(root, "horizon"));
	facts->rows_cnt = (uint64_t)json_integer_value(json_object_get(trained, "rows"));
	take_text(trained, "from", facts->from, sizeof(facts->from));
	take_text(trained, "until", facts->until, sizeof(facts->until));
	return 0;
}

static int read_whole(const char *file, char **ret_text, size_t *ret_len)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err = 0;
	struct stat st;
	ssize_t got;
	char *text;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MOST)
		err = -EINVAL;
	text = err ? NULL : malloc((size_t)st.st_size + 1);
	got = text ? read(fd, text, (size_t)st.st_size + 1) : -1;
	if (!err && got < 0)
		err = text ? -errno : -ENOMEM;
	close(fd);
	if (err) {
		free(text);
		return err;
	}
	*ret_text = text;
	*ret_len = (size_t)got;
	return 0;
}

/* *RET_WHERE has its line where it is no JSON. */
static int load(const char *file, struct policy_model *model, struct model_facts *facts,
		char *error, size_t error_len, json_error_t *ret_where)
{
	char shown[JSON_ERROR_TEXT_LENGTH], *text = NULL;
	json_t *root;
	size_t len = 0;
	int err = read_whole(file, &text, &len);

	if (err)
		return refuse(error, error_len, err, "%s",
			      err == -EINVAL ? "it is no regular file of less than 1 MiB"
					     : strerror(-err));
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, ret_where);
	free(text);
	/* What it says quotes the file. */
	if (!root)
		return refuse(error, error_len, -EBADMSG, "%s",
			      text_escape(ret_where->text, strlen(ret_where->text), shown,
					  sizeof(shown)));
	err = from_json(root, model, facts, error, error_len);
	json_decref(root);
	return err;
}

int model__load(const char *file, struct policy_model *ret_model, struct model_facts *ret_facts,
		char error[MODEL_ERROR_LEN])
{
	struct policy_model model = {};
	struct model_facts facts = {};
	char why[JSON_ERROR_TEXT_LENGTH], shown[256];
	json_error_t where = {.line = 0};
	int err = load(file, &model, &facts, why, sizeof(why), &where);

	if (err) {
		text_escape(file, strlen(file), shown, sizeof(shown));
		if (where.line > 0)
			return refuse(error, MODEL_ERROR_LEN, err, "%s:%d:%d: %s", shown,
				      where.line, where.column, why);
		return refuse(error, MODEL_ERROR_LEN, err, "%s: %s", shown, why);
	}
	*ret_model = model;
	*ret_facts = facts;
	return 0;
}

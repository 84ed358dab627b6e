// SPDX-License-Identifier: BSD-2-Clause
/* Compares a fresh model with the present one on the newest held-out time. It never replaces on a
 * tie. */
#include "user/policy_retrain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/files.h"
#include "user/log.h"
#include "user/model.h"
#include "user/params.h"
#include "user/policy_save.h"
#include "user/policy_train.h"
#include "user/text.h"

struct retrain {
	const char *samples, *file;
	struct trained trained;
	struct policy_model present;
	struct model_facts present_facts;
	char present_error[MODEL_ERROR_LEN]; /* "": there is one */
	bool has_present;
};

static void stamp(char *buf, size_t len)
{
	time_t now = time(NULL);
	struct tm utc;

	if (gmtime_r(&now, &utc))
		strftime(buf, len, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static json_t *to_json(const struct retrain *retrain, const char *outcome, const char *why)
{
	const struct trained *trained = &retrain->trained;
	const struct errors *fresh = &trained->held_out[GUESS_MODEL];
	char now[32] = "";
	json_t *json;

	stamp(now, sizeof(now));
	json = json_pack("{s:s, s:o, s:o, s:s, s:s, s:{s:I, s:I, s:s, s:s}}", "ts", now, "model",
			 text_json(retrain->file), "samples", text_json(retrain->samples),
			 "outcome", outcome, "why", why, "rows", "used",
			 (json_int_t)trained->read.row_cnt, "held_out", (json_int_t)fresh->n,
			 "from", trained->held_from, "until", trained->held_until);
	if (json && fresh->n > 0) {
		json_object_set_new(json, "fresh", errors_json(fresh));
		json_object_set_new(json, "fixed_step",
				    errors_json(&trained->held_out[GUESS_STEP]));
	}
	if (json && fresh->n > 0 && retrain->has_present) {
		json_object_set_new(json, "present", errors_json(&trained->held_out[GUESS_OTHER]));
		/* Then it has seen what it is judged by, and is flattered. */
		json_object_set_new(
			json, "present_has_seen_it",
			json_boolean(strcmp(retrain->present_facts.until, trained->held_from) > 0));
	}
	return json;
}

static int tell(const struct retrain *retrain, const char *history, const char *outcome,
		const char *why, bool is_json)
{
	json_t *json = to_json(retrain, outcome, why);
	int err = json ? files__append_json(history, json) : -ENOMEM;

	if (err)
		log_error("policy retrain: %s: %s", history, strerror(-err));
	if (is_json && json) {
		json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		putchar('\n');
	} else {
		printf("%s: %s\n", outcome, why);
	}
	json_decref(json);
	return err ? EXIT_FAILED : EXIT_DONE;
}

static int retrain_locked(struct retrain *retrain, const char *history, double step_cores,
			  bool is_json)
{
	const struct trained *trained = &retrain->trained;
	double fresh, present;
	char why[MODEL_ERROR_LEN + 64];
	int err;

	retrain->has_present = !model__load(retrain->file, &retrain->present,
					    &retrain->present_facts, retrain->present_error);
	err = policy_train(retrain->samples, step_cores,
			   retrain->has_present ? &retrain->present : NULL, false,
			   &retrain->trained);
	if (err && err != -ENODATA) {
		log_error("policy retrain: %s: %s", retrain->samples,
			  err == -ELIBACC ? "LAPACKE is missing: install liblapacke"
					  : strerror(-err));
		return err == -ELIBACC ? EXIT_CANNOT : EXIT_WRONG_CALL;
	}
	if (err) {
		snprintf(why, sizeof(why), "too few rows: %llu, at least %d are needed",
			 (unsigned long long)trained->read.row_cnt, TRAIN_ROWS_LEAST);
		return tell(retrain, history, "kept", why, is_json);
	}
	fresh = errors_mae(&trained->held_out[GUESS_MODEL]);
	present = errors_mae(&trained->held_out[GUESS_OTHER]);
	if (retrain->has_present && !(fresh < present)) {
		snprintf(
			why, sizeof(why),
			"on held-out time the fresh model is off by %.4f cores, the present one by "
			"%.4f",
			fresh, present);
		return tell(retrain, history, "kept", why, is_json);
	}
	err = policy_save(retrain->file, retrain->samples, trained);
	if (err) {
		log_error("policy retrain: %s: %s", retrain->file, strerror(-err));
		return EXIT_FAILED;
	}
	if (retrain->has_present)
		snprintf(why, sizeof(why),
			 "on held-out time the fresh model is off by %.4f cores, the one before by "
			 "%.4f",
			 fresh, present);
	else
		snprintf(why, sizeof(why), "there was none to compare with: %s",
			 retrain->present_error);
	return tell(retrain, history, "replaced", why, is_json);
}

int policy_retrain(const char *samples, const char *model, const char *history, double step_cores,
		   bool is_json)
{
	struct retrain *retrain = calloc(1, sizeof(*retrain));
	int fd = policy_save_lock(model), status = EXIT_FAILED;

	if (fd < 0)
		log_error("policy retrain: the folder of %s: %s", model, strerror(-fd));
	if (retrain && fd >= 0) {
		retrain->samples = samples;
		retrain->file = model;
		status = retrain_locked(retrain, history, step_cores, is_json);
	}
	if (fd >= 0)
		close(fd);
	free(retrain);
	return status;
}

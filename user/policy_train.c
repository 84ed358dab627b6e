// SPDX-License-Identifier: BSD-2-Clause
/* Trains: one reading for the sums, one for the errors on held-out time. It never looks ahead: what
 * a fold is judged by comes after all that was learnt from. */
#include "user/policy_train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/policy_fit.h"
#include "user/text.h"

/*
 * Of the mean error of the last fold before the held-out ones: what an answer reckons with. More is
 * throttled less and allotted more; bench/README.md ("CPU policies") says how it was chosen.
 */
#define SPREAD_PART 0.85
#define RIDGE_FIRST 1e-4
#define RIDGE_RATIO 10.0
/* Intervals that a short file looks ahead. */
#define HORIZON_LEAST 5

struct training {
	struct trained *trained;
	int horizon;
	bool has_shift;
	struct fit_shift shift;
	struct fit_sums folds[TRAIN_FOLDS];
	char from[TRAIN_FOLDS][POLICY_TS_LEN], until[TRAIN_FOLDS][POLICY_TS_LEN];
	/* The second reading. */
	struct policy_model earlier; /* without the fold that the spread comes from */
	const struct policy_model *other;
	struct errors earlier_errors; /* there */
};

static int add_row(void *context, const struct policy_row *row)
{
	struct training *training = context;
	unsigned int fold = row->fold;

	if (!training->has_shift) {
		training->has_shift = true;
		memcpy(training->shift.x, row->x, sizeof(row->x));
		training->shift.y = row->peak_cores;
	}
	if (!(training->folds[fold].n > 0))
		memcpy(training->from[fold], row->ts, sizeof(row->ts));
	memcpy(training->until[fold], row->ts, sizeof(row->ts));
	fit_add(&training->folds[fold], &training->shift, row->x, row->peak_cores);
	return 0;
}

static int fit_before(const struct training *training, int fold, struct fit *ret_fit)
{
	struct fit_sums sums = {};

	for (int i = 0; i < fold; i++)
		fit_merge(&sums, &training->folds[i]);
	return fit_prepare(&sums, &training->shift, ret_fit);
}

/* Each fold is predicted from all before it, with each penalty. */
static int choose_ridge(struct training *training, double *ret_ridge)
{
	struct trained *trained = training->trained;
	double rows = 0, best = INFINITY;
	int err;

	for (int r = 0; r < TRAIN_RIDGES; r++)
		trained->ridges[r] = RIDGE_FIRST * pow(RIDGE_RATIO, r) / 10;
	for (int fold = TRAIN_FIRST_TEST; fold < TRAIN_FOLDS - TRAIN_HELD_OUT; fold++) {
		struct policy_model model;
		struct fit fit;

		err = fit_before(training, fold, &fit);
		if (err == -ENODATA)
			continue;
		if (err)
			return err;
		rows += training->folds[fold].n;
		for (int r = 0; r < TRAIN_RIDGES; r++) {
			fit_solve(&fit, trained->ridges[r], &model);
			trained->cv_mse[r] +=
				fit_squared_error(&model, &training->folds[fold], &training->shift);
		}
	}
	*ret_ridge = trained->ridges[0];
	for (int r = 0; r < TRAIN_RIDGES && rows > 0; r++) {
		trained->cv_mse[r] /= rows;
		if (trained->cv_mse[r] < best) {
			best = trained->cv_mse[r];
			*ret_ridge = trained->ridges[r];
		}
	}
	return rows > 0 ? 0 : -ENODATA;
}

static double predict(const struct policy_model *model, const struct policy_row *row)
{
	double cores = model->intercept;

	for (int i = 0; i < POLICY_FEATURES; i++)
		cores += model->weights[i].weight * (row->x[i] - model->weights[i].mean) /
			 model->weights[i].scale;
	return cores;
}

static int judge_row(void *context, const struct policy_row *row)
{
	struct training *training = context;
	struct trained *trained = training->trained;
	double keep = row->then_cores, y = row->peak_cores, step = keep + trained->step_cores;

	if (row->fold == TRAIN_FOLDS - TRAIN_HELD_OUT - 1)
		errors_add(&training->earlier_errors, predict(&training->earlier, row), y);
	if (row->fold < TRAIN_FOLDS - TRAIN_HELD_OUT)
		return 0;
	errors_add(&trained->held_out[GUESS_MODEL], predict(&trained->model, row), y);
	errors_add(&trained->held_out[GUESS_KEEP], keep, y);
	errors_add(&trained->held_out[GUESS_STEP], fmin(step, row->seen.hard_cores), y);
	if (training->other)
		errors_add(&trained->held_out[GUESS_OTHER], predict(training->other, row), y);
	if (!*trained->held_from)
		memcpy(trained->held_from, row->ts, sizeof(row->ts));
	memcpy(trained->held_until, row->ts, sizeof(row->ts));
	return 0;
}

static void note_facts(struct training *training, const struct fit *fit, double ridge)
{
	struct model_facts *facts = &training->trained->facts;

	facts->ridge = ridge;
	facts->horizon = training->horizon;
	for (int i = 0; i < TRAIN_FOLDS - TRAIN_HELD_OUT; i++) {
		if (!(training->folds[i].n > 0))
			continue;
		facts->rows_cnt += (uint64_t)training->folds[i].n;
		if (!*facts->from)
			memcpy(facts->from, training->from[i], POLICY_TS_LEN);
		memcpy(facts->until, training->until[i], POLICY_TS_LEN);
	}
	for (int i = 0; i < POLICY_FEATURES; i++)
		training->trained->is_constant[i] = true;
	for (int i = 0; i < fit->cnt; i++)
		training->trained->is_constant[fit->which[i]] = false;
}

static int fit_all(struct training *training)
{
	struct trained *trained = training->trained;
	struct fit fit, earlier;
	double ridge;
	int err;

	if (trained->read.row_cnt < TRAIN_ROWS_LEAST ||
	    !(training->folds[TRAIN_FOLDS - 1].n + training->folds[TRAIN_FOLDS - 2].n > 0))
		return -ENODATA;
	err = choose_ridge(training, &ridge);
	if (!err)
		err = fit_before(training, TRAIN_FOLDS - TRAIN_HELD_OUT, &fit);
	if (!err)
		err = fit_before(training, TRAIN_FOLDS - TRAIN_HELD_OUT - 1, &earlier);
	if (err)
		return err;
	fit_solve(&fit, ridge, &trained->model);
	fit_solve(&earlier, ridge, &training->earlier);
	note_facts(training, &fit, ridge);
	return 0;
}

/* Rows at a fold's end are lost to the next one's: a short file is not all borders. */
static int horizon_of(uint64_t lines)
{
	uint64_t tenth = lines / TRAIN_FOLDS / 10;

	if (tenth < HORIZON_LEAST)
		return HORIZON_LEAST;
	return tenth < POLICY_HORIZON ? (int)tenth : POLICY_HORIZON;
}

int policy_train(const char *file, double step_cores, const struct policy_model *other,
		 bool is_progress, struct trained *ret_trained)
{
	struct training *training = calloc(1, sizeof(*training));
	struct policy_read second;
	uint64_t lines = 0;
	int err;

	*ret_trained = (struct trained){.step_cores = step_cores};
	if (!training)
		return -ENOMEM;
	training->trained = ret_trained;
	training->other = other;
	err = policy_samples__count(file, &lines);
	training->horizon = horizon_of(lines);
	if (!err)
		err = policy_samples__read(file, lines, TRAIN_FOLDS, training->horizon, is_progress,
					   add_row, training, &ret_trained->read);
	if (!err)
		err = fit_all(training);
	if (!err)
		err = policy_samples__read(file, lines, TRAIN_FOLDS, training->horizon, is_progress,
					   judge_row, training, &second);
	if (!err)
		ret_trained->model.spread_cores =
			SPREAD_PART * errors_mae(&training->earlier_errors);
	free(training);
	return err;
}

static json_t *rows_json(const struct policy_read *read)
{
	json_t *dropped = json_object();

	for (int i = 0; i < DROP_REASONS; i++)
		json_object_set_new(dropped, policy_drop_name(i),
				    json_integer((json_int_t)read->dropped[i]));
	return json_pack("{s:I, s:I, s:I, s:o}", "lines", (json_int_t)read->line_cnt, "used",
			 (json_int_t)read->row_cnt, "other_kinds", (json_int_t)read->other_cnt,
			 "dropped", dropped);
}

static json_t *weights_json(const struct trained *trained)
{
	json_t *list = json_array();

	for (int i = 0; i < POLICY_FEATURES; i++) {
		const struct policy_weight *weight = &trained->model.weights[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:b}", "name",
						policy_feature_name(i), "weight", weight->weight,
						"mean", weight->mean, "scale", weight->scale,
						"least", weight->least, "most", weight->most,
						"constant", (int)trained->is_constant[i]));
	}
	return list;
}

json_t *policy_train_metrics(const char *file, const struct trained *trained)
{
	json_t *tried = json_array();

	for (int i = 0; i < TRAIN_RIDGES; i++)
		json_array_append_new(tried, json_pack("{s:f, s:f}", "ridge", trained->ridges[i],
						       "mse", trained->cv_mse[i]));
	return json_pack("{s:i, s:o, s:o, s:i, s:{s:I, s:s, s:s}, s:f, s:o, s:f, s:f, s:o, "
			 "s:{s:I, s:s, s:s, s:o, s:o, s:o}}",
			 "schema", 1, "samples", text_json(file), "rows", rows_json(&trained->read),
			 "horizon", trained->facts.horizon, "trained_on", "rows",
			 (json_int_t)trained->facts.rows_cnt, "from", trained->facts.from, "until",
			 trained->facts.until, "ridge", trained->facts.ridge, "cross_validation",
			 tried, "step_cores", trained->step_cores, "spread_cores",
			 trained->model.spread_cores, "features", weights_json(trained), "held_out",
			 "rows", (json_int_t)trained->held_out[GUESS_MODEL].n, "from",
			 trained->held_from, "until", trained->held_until, "model",
			 errors_json(&trained->held_out[GUESS_MODEL]), "keep_present",
			 errors_json(&trained->held_out[GUESS_KEEP]), "fixed_step",
			 errors_json(&trained->held_out[GUESS_STEP]));
}

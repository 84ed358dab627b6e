/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fits a model to samples and says how good it is on time that it has not seen. Memory does not
 * grow with the file. It never replaces a model by itself.
 */
#ifndef CGBPF_POLICY_TRAIN_H
#define CGBPF_POLICY_TRAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/model.h"
#include "user/policy_errors.h"
#include "user/policy_samples.h"

/* The file's lines in order of time; a row whose peak lies in another fold than itself is in none.
 */
#define TRAIN_FOLDS 10
#define TRAIN_HELD_OUT 2 /* the newest of them */
#define TRAIN_FIRST_TEST 3 /* penalties are tried on folds 3 to 7, each after all before it */
#define TRAIN_RIDGES 9
/* Fewer say nothing. */
#define TRAIN_ROWS_LEAST 30

enum train_guess {
	GUESS_MODEL = 0,
	GUESS_KEEP = 1, /* what it has will do */
	GUESS_STEP = 2, /* a step more when it is throttled */
	GUESS_OTHER = 3, /* the model there is, in retrain */
	GUESSES
};

struct trained {
	struct policy_model model;
	struct model_facts facts;
	struct policy_read read;
	double ridges[TRAIN_RIDGES], cv_mse[TRAIN_RIDGES];
	double step_cores;
	bool is_constant[POLICY_FEATURES];
	struct errors held_out[GUESSES];
	char held_from[POLICY_TS_LEN], held_until[POLICY_TS_LEN];
};

/*
 * OTHER (may be NULL) is tried on the same held-out rows. 0; -ENODATA: too few rows, see
 * .read.row_cnt; -ELIBACC: LAPACKE is missing; another negative errno: FILE cannot be read.
 */
int policy_train(const char *file, double step_cores, const struct policy_model *other,
		 bool is_progress, struct trained *ret_trained);
/* All that is to be known of it; the caller drops it. */
json_t *policy_train_metrics(const char *file, const struct trained *trained);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ridge regression from sums over rows: what a million rows say fits into a page, sums of folds add
 * up, and every penalty is tried without reading a row again. It never reads a file.
 */
#ifndef CGBPF_POLICY_FIT_H
#define CGBPF_POLICY_FIT_H

#include <stdbool.h>

#include "user/policy.h"

/* Of rows (x, y), both less SHIFT, which is near them: no digits are lost to a large mean. */
struct fit_sums {
	double n;
	double x[POLICY_FEATURES], xx[POLICY_FEATURES][POLICY_FEATURES], xy[POLICY_FEATURES];
	double y, yy;
	double least[POLICY_FEATURES], most[POLICY_FEATURES]; /* as they are, unshifted */
};

struct fit_shift {
	double x[POLICY_FEATURES], y;
};

void fit_add(struct fit_sums *sums, const struct fit_shift *shift, const double *x, double y);
void fit_merge(struct fit_sums *sums, const struct fit_sums *more);

/* Correlations of the features that vary, and their eigenvectors: all that the penalties share. */
struct fit {
	int cnt; /* features that vary */
	int which[POLICY_FEATURES];
	double mean[POLICY_FEATURES], scale[POLICY_FEATURES], y_mean;
	double eigenvalues[POLICY_FEATURES];
	double vectors[POLICY_FEATURES * POLICY_FEATURES]; /* column by column */
	double projected[POLICY_FEATURES]; /* of the correlations with y, on the eigenvectors */
	double least[POLICY_FEATURES], most[POLICY_FEATURES];
};

/* 0; -ELIBACC: LAPACKE is missing (liblapacke); -ENODATA: fewer than two rows; -EDOM: no solution.
 */
int fit_prepare(const struct fit_sums *sums, const struct fit_shift *shift, struct fit *ret_fit);
void fit_solve(const struct fit *fit, double ridge, struct policy_model *ret_model);
/* The sum of squared errors of MODEL on the rows behind SUMS. */
double fit_squared_error(const struct policy_model *model, const struct fit_sums *sums,
			 const struct fit_shift *shift);

#endif

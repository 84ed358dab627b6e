// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fits with LAPACKE. It never keeps a row.
 *
 * LAPACKE is loaded when a model is to be fitted: the controller does not carry it.
 */
#include "user/policy_fit.h"

#include <dlfcn.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

/* A feature whose deviation is less than this part of its size does not vary. */
#define CONSTANT 1e-9
/* Directions in which the rows do not spread: their eigenvalue is noise. */
#define RANK 1e-10

static __typeof__(LAPACKE_dsyev) *dsyev;

static int load_lapacke(void)
{
	void *library;

	if (dsyev)
		return 0;
	library = dlopen("liblapacke.so.3", RTLD_NOW | RTLD_LOCAL);
	if (library)
		dsyev = (__typeof__(dsyev))dlsym(library, "LAPACKE_dsyev");
	return dsyev ? 0 : -ELIBACC;
}

void fit_add(struct fit_sums *sums, const struct fit_shift *shift, const double *x, double y)
{
	double d[POLICY_FEATURES];

	for (int i = 0; i < POLICY_FEATURES; i++) {
		d[i] = x[i] - shift->x[i];
		sums->least[i] = sums->n > 0 ? fmin(sums->least[i], x[i]) : x[i];
		sums->most[i] = sums->n > 0 ? fmax(sums->most[i], x[i]) : x[i];
	}
	y -= shift->y;
	for (int i = 0; i < POLICY_FEATURES; i++) {
		sums->x[i] += d[i];
		sums->xy[i] += d[i] * y;
		for (int j = 0; j < POLICY_FEATURES; j++)
			sums->xx[i][j] += d[i] * d[j];
	}
	sums->y += y;
	sums->yy += y * y;
	sums->n++;
}

void fit_merge(struct fit_sums *sums, const struct fit_sums *more)
{
	if (!(more->n > 0))
		return;
	for (int i = 0; i < POLICY_FEATURES; i++) {
		sums->least[i] =
			sums->n > 0 ? fmin(sums->least[i], more->least[i]) : more->least[i];
		sums->most[i] = sums->n > 0 ? fmax(sums->most[i], more->most[i]) : more->most[i];
		sums->x[i] += more->x[i];
		sums->xy[i] += more->xy[i];
		for (int j = 0; j < POLICY_FEATURES; j++)
			sums->xx[i][j] += more->xx[i][j];
	}
	sums->y += more->y;
	sums->yy += more->yy;
	sums->n += more->n;
}

int fit_prepare(const struct fit_sums *sums, const struct fit_shift *shift, struct fit *ret_fit)
{
	double n = sums->n, corr[POLICY_FEATURES];
	struct fit fit = {};
	int err = load_lapacke();

	if (err || n < 2)
		return err ? err : -ENODATA;
	fit.y_mean = shift->y + sums->y / n;
	for (int i = 0; i < POLICY_FEATURES; i++) {
		double mean = sums->x[i] / n, var = sums->xx[i][i] / n - mean * mean;

		fit.mean[i] = shift->x[i] + mean;
		fit.scale[i] = var > 0 ? sqrt(var) : 0;
		fit.least[i] = sums->least[i];
		fit.most[i] = sums->most[i];
		if (fit.scale[i] > CONSTANT * (1 + fabs(fit.mean[i])))
			fit.which[fit.cnt++] = i;
		else
			fit.scale[i] = 1;
	}
	for (int a = 0; a < fit.cnt; a++) {
		int i = fit.which[a];

		corr[a] = (sums->xy[i] / n - sums->x[i] / n * sums->y / n) / fit.scale[i];
		for (int b = 0; b < fit.cnt; b++) {
			int j = fit.which[b];

			fit.vectors[a * fit.cnt + b] =
				(sums->xx[i][j] / n - sums->x[i] / n * sums->x[j] / n) /
				(fit.scale[i] * fit.scale[j]);
		}
	}
	if (fit.cnt &&
	    dsyev(LAPACK_COL_MAJOR, 'V', 'U', fit.cnt, fit.vectors, fit.cnt, fit.eigenvalues) != 0)
		return -EDOM;
	for (int k = 0; k < fit.cnt; k++)
		for (int a = 0; a < fit.cnt; a++)
			fit.projected[k] += fit.vectors[k * fit.cnt + a] * corr[a];
	*ret_fit = fit;
	return 0;
}

void fit_solve(const struct fit *fit, double ridge, struct policy_model *ret_model)
{
	struct policy_model model = {.intercept = fit->y_mean};

	for (int i = 0; i < POLICY_FEATURES; i++)
		model.weights[i] = (struct policy_weight){0, fit->mean[i], fit->scale[i],
							  fit->least[i], fit->most[i]};
	for (int k = 0; k < fit->cnt; k++) {
		double part;

		/* Columns that say the same thing leave such directions. */
		if (fit->eigenvalues[k] < RANK * fit->cnt)
			continue;
		part = fit->projected[k] / (fit->eigenvalues[k] + ridge);
		for (int a = 0; a < fit->cnt; a++)
			model.weights[fit->which[a]].weight +=
				part * fit->vectors[k * fit->cnt + a];
	}
	*ret_model = model;
}

double fit_squared_error(const struct policy_model *model, const struct fit_sums *sums,
			 const struct fit_shift *shift)
{
	double w[POLICY_FEATURES], b = model->intercept - shift->y, error;

	/* In the shifted unit: the error is y - b - w x. */
	for (int i = 0; i < POLICY_FEATURES; i++) {
		w[i] = model->weights[i].weight / model->weights[i].scale;
		b -= w[i] * (model->weights[i].mean - shift->x[i]);
	}
	error = sums->yy - 2 * b * sums->y + b * b * sums->n;
	for (int i = 0; i < POLICY_FEATURES; i++) {
		error += 2 * w[i] * (b * sums->x[i] - sums->xy[i]);
		for (int j = 0; j < POLICY_FEATURES; j++)
			error += w[i] * w[j] * sums->xx[i][j];
	}
	return error > 0 ? error : 0;
}

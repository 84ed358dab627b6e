// SPDX-License-Identifier: BSD-2-Clause
/* Counts errors into bins. It never keeps a row. */
#include "user/policy_errors.h"

#include <math.h>

#define FIRST 1e-4
#define RATIO 1.02

static int bin_of(double error)
{
	int bin = error <= FIRST ? 0 : 1 + (int)(log(error / FIRST) / log(RATIO));

	return bin < ERRORS_BINS ? bin : ERRORS_BINS - 1;
}

void errors_add(struct errors *errors, double predicted, double y)
{
	double error = fabs(predicted - y);

	errors->n++;
	errors->abs += error;
	errors->squared += error * error;
	errors->y += y;
	errors->yy += y * y;
	errors->bins[bin_of(error)]++;
}

double errors_quantile(const struct errors *errors, double part)
{
	double left = part * errors->n;

	for (int i = 0; i < ERRORS_BINS; i++) {
		left -= (double)errors->bins[i];
		if (left <= 0 && errors->n > 0)
			return i ? FIRST * pow(RATIO, i) : 0;
	}
	return 0;
}

double errors_mae(const struct errors *errors)
{
	return errors->n > 0 ? errors->abs / errors->n : 0;
}

double errors_r2(const struct errors *errors)
{
	double mean = errors->n > 0 ? errors->y / errors->n : 0;
	double spread = errors->yy - mean * mean * errors->n;

	return spread > 1e-9 * errors->n ? 1 - errors->squared / spread : 0;
}

json_t *errors_json(const struct errors *errors)
{
	return json_pack("{s:f, s:f, s:{s:f, s:f, s:f}}", "r2", errors_r2(errors), "mae_cores",
			 errors_mae(errors), "abs_error_cores", "p50", errors_quantile(errors, 0.5),
			 "p90", errors_quantile(errors, 0.9), "p99", errors_quantile(errors, 0.99));
}

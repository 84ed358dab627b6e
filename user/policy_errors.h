/* SPDX-License-Identifier: BSD-2-Clause */
/* How wrong predictions were: mean, squares and quantiles in constant memory. It never predicts. */
#ifndef CGBPF_POLICY_ERRORS_H
#define CGBPF_POLICY_ERRORS_H

#include <jansson.h>
#include <stdint.h>

/* Each bin is 2 % wider than the one before: from 0.1 thousandth of a core to ten thousand cores.
 */
#define ERRORS_BINS 1000

struct errors {
	double n, abs, squared, y, yy;
	uint64_t bins[ERRORS_BINS];
};

void errors_add(struct errors *errors, double predicted, double y);
/* The absolute error that PART of all rows do not pass, to within 2 %. 0 without rows. */
double errors_quantile(const struct errors *errors, double part);
double errors_mae(const struct errors *errors);
/* Against the mean of what was to be predicted; 0 where that does not vary. */
double errors_r2(const struct errors *errors);
json_t *errors_json(const struct errors *errors);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Trains anew beside a model there is, and replaces it only by a better one. It never leaves a
 * reader of the file with half a model. */
#ifndef CGBPF_POLICY_RETRAIN_H
#define CGBPF_POLICY_RETRAIN_H

#include <stdbool.h>

/* Returns the exit status; has said what went wrong. */
int policy_retrain(const char *samples, const char *model, const char *history, double step_cores,
		   bool is_json);

#endif

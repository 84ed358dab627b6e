/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of the model's advice, from a journal. It never reads samples. */
#ifndef CGBPF_POLICY_JOURNAL_H
#define CGBPF_POLICY_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct advice {
	uint64_t lines, malformed;
	uint64_t asked, applied, effective, no_improvement;
	uint64_t not_more, out_of_range, no_model, not_a_number; /* asked, and the step was taken */
	double throttled_before_s, throttled_after_s; /* of what was applied and judged */
	double given_cores; /* by what was applied, all raises together */
	double step_cores; /* what the fixed step would have given in their place */
	double given_core_s, step_core_s; /* the same times how long it stood */
};

/* STEP: what the fixed step is. 0 or a negative errno. */
int policy_journal__read(const char *file, double step_cores, struct advice *ret_advice);
json_t *policy_journal_json(const struct advice *advice);
void policy_journal_print(const struct advice *advice);

#endif

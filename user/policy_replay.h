/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies against each other, on recorded samples and from a journal. It never changes a model. */
#ifndef CGBPF_POLICY_REPLAY_H
#define CGBPF_POLICY_REPLAY_H

#include <jansson.h>

#include "user/policy_sim.h"

struct replayed {
	const char *name; /* NULL: it was not asked */
	struct sim_result sum;
};

enum { REPLAY_STEP = 0, REPLAY_LINEAR = 1, REPLAY_TARGET = 2, REPLAYS };

/*
 * Runs the demand that SAMPLES tell of (use, and what throttling kept back) through each policy.
 * RULE's soft and hard are those of the samples where 0. MODEL may be NULL: nobody then asks the
 * linear policy. 0; -ENODATA: no usable rows; another negative errno: it cannot be read.
 */
int policy_replay(const char *samples, const struct sim_rule *rule,
		  const struct policy_model *model, struct replayed ret_replayed[REPLAYS]);
json_t *policy_replay_json(const struct replayed *replayed);
void policy_replay_print(const struct replayed *replayed);

#endif

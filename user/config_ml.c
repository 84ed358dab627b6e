// SPDX-License-Identifier: BSD-2-Clause
/* Reads the values of `ml`. It never opens a model. */
#include "user/config_ml.h"

#include <errno.h>

#include "user/words.h"

int schema_read_ml_policy(const struct schema_key *key, const char *text, void *at,
			  const char **ret_why)
{
	static const char *const words[] = {
		[POLICY_HEURISTIC] = "heuristic",
		[POLICY_LINEAR] = "linear",
		[POLICY_TARGET] = "target",
	};
	int policy = WORDS_FIND(words, text);

	(void)key, (void)ret_why;
	if (!policy)
		return -EINVAL;
	*(enum policy_kind *)at = policy;
	return 0;
}

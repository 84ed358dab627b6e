// SPDX-License-Identifier: BSD-2-Clause
/* Reads the values of `ml`. It never opens a model. */
#include "user/config_ml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int schema_read_ml_policy(const struct schema_key *key, const char *text, void *at,
			  const char **ret_why)
{
	static const char *const words[] = {
		[POLICY_HEURISTIC] = "heuristic",
		[POLICY_LINEAR] = "linear",
		[POLICY_TARGET] = "target",
	};

	(void)key, (void)ret_why;
	for (size_t i = POLICY_HEURISTIC; i <= POLICY_TARGET; i++) {
		if (strcmp(text, words[i]) == 0) {
			*(enum policy_kind *)at = i;
			return 0;
		}
	}
	return -EINVAL;
}

int schema_read_ml_path(const struct schema_key *key, const char *text, void *at,
			const char **ret_why)
{
	char *path;

	(void)key, (void)ret_why;
	if (!*text)
		return -EINVAL;
	path = strdup(text);
	if (!path)
		return -ENOMEM;
	*(char **)at = path;
	return 0;
}

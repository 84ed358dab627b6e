/* SPDX-License-Identifier: BSD-2-Clause */
/* How the values of `ml` are read: see config_values.h. It never opens a model. */
#ifndef CGBPF_CONFIG_ML_H
#define CGBPF_CONFIG_ML_H

#include "user/config_schema.h"

int schema_read_ml_policy(const struct schema_key *key, const char *text, void *at,
			  const char **ret_why); /* enum policy_kind */

#endif

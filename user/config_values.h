/* SPDX-License-Identifier: BSD-2-Clause */
/* How each kind of value in a configuration is read. It never keeps anything. */
#ifndef CGBPF_CONFIG_VALUES_H
#define CGBPF_CONFIG_VALUES_H

#include "user/config_schema.h"

/*
 * What schema_key.parse may be: fills what AT points to (the type in the comment) within KEY's min
 * and max. 0; -EINVAL (not such a value), -ERANGE, -ENOMEM; *RET_WHY, where it is set, says more
 * than "wants .unit".
 */
int schema_read_size(const struct schema_key *key, const char *text, void *at,
		     const char **ret_why); /* uint64_t, bytes */
int schema_read_time(const struct schema_key *key, const char *text, void *at,
		     const char **ret_why); /* uint64_t, ns */
int schema_read_number(const struct schema_key *key, const char *text, void *at,
		       const char **ret_why); /* uint64_t */
int schema_read_percent(const struct schema_key *key, const char *text, void *at,
			const char **ret_why); /* uint32_t, parts per million */
int schema_read_reserve(const struct schema_key *key, const char *text, void *at,
			const char **ret_why); /* struct config */
int schema_read_name(const struct schema_key *key, const char *text, void *at,
		     const char **ret_why); /* char [CONFIG_NAME_MAX + 1] */
int schema_read_file(const struct schema_key *key, const char *text, void *at,
		     const char **ret_why); /* char *, owned */
int schema_read_policy(const struct schema_key *key, const char *text, void *at,
		       const char **ret_why); /* enum foreign_policy */
int schema_read_donor(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why); /* enum donor_policy */
int schema_read_match(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why); /* struct target_config */

/* The FILE that a configuration names: a path that is not absolute begins in the folder of
 * CONFIG_FILE. The caller frees; NULL when memory is short. */
char *config_beside(const char *config_file, const char *file);

#endif

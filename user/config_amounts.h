/* SPDX-License-Identifier: BSD-2-Clause */
/* How values of CPU, IO, priority and tasks in a configuration are read; as config_values. */
#ifndef CGBPF_CONFIG_AMOUNTS_H
#define CGBPF_CONFIG_AMOUNTS_H

#include "user/config_schema.h"

int schema_read_cpu_mode(const struct schema_key *key, const char *text, void *at,
			 const char **ret_why); /* enum cpu_mode */
/* Cores, or a weight where the mode, which is read first, says so. */
int schema_read_cpu_amount(const struct schema_key *key, const char *text, void *at,
			   const char **ret_why); /* struct cpu_amount */
int schema_read_cpu_burst(const struct schema_key *key, const char *text, void *at,
			  const char **ret_why); /* struct cpu_config */
int schema_read_count(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why); /* uint64_t */
int schema_read_device(const struct schema_key *key, const char *text, void *at,
		       const char **ret_why); /* uint32_t, as the ledger's keys have it */
int schema_read_nice(const struct schema_key *key, const char *text, void *at,
		     const char **ret_why); /* struct priority_config */
int schema_read_sched(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why); /* enum sched_choice */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hierarchy is to be: services and their worker, read from one file. It never looks at a
 * cgroup. */
#ifndef CGBPF_TREE_CONFIG_H
#define CGBPF_TREE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/cpuset.h"

#define TREE_NAME_MAX                                                                              \
	63 /* bytes; also a target's name, and three of them fit one folder's name                 \
	    */
#define TREE_SERVICES_MAX 1024

struct tree_share {
	char name[TREE_NAME_MAX + 1];
	struct cpuset cpus;
	uint64_t memory_bytes; /* whole pages */
	unsigned int line, column; /* of its cpuset in the file, from 1; 0: it was summed up */
};

struct tree_config {
	char *file; /* as it was given; owned */
	struct tree_share worker;
	struct tree_share *services; /* owned */
	size_t services_cnt;
};

/*
 * Reads and checks FILE, under the same terms as config__load(): strict, -EINVAL and one line
 * "FILE:LINE:COLUMN: what" in ERROR, nothing filled in on failure. MAY_SHARE: two services may have
 * a CPU in common.
 */
int tree_config__load(const char *file, bool may_share, struct tree_config *ret_config, char *error,
		      size_t error_len);
/* Is every CPU among ONLINE, those this machine runs? -EINVAL and a line in ERROR if not. */
int tree_config__check_cpus(const struct tree_config *config, const struct cpuset *online,
			    char *error, size_t error_len);
void tree_config__free(struct tree_config *config);

/* Why NAME is none for a folder of ours; NULL: it is one. */
const char *tree_name_fault(const char *name);

#endif

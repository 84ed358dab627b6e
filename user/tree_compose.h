/* SPDX-License-Identifier: BSD-2-Clause */
/* A compose file with a cgroup_parent for each service. It starts nothing. */
#ifndef CGBPF_TREE_COMPOSE_H
#define CGBPF_TREE_COMPOSE_H

#include <stddef.h>
#include <stdio.h>

/*
 * Copies TEMPLATE to OUT and gives every service in it its parent: what PARENT returns for the name
 * that stands as its cgroup_parent, else for the service's own name. PARENT returns fresh memory,
 * NULL: no such service. 0, or -EINVAL and "TEMPLATE:LINE:COLUMN: what" in ERROR.
 */
typedef char *(*tree_compose_parent)(void *context, const char *name);
int tree_compose_file(const char *template, FILE *out, tree_compose_parent parent, void *context,
		      char *error, size_t error_len);

#endif

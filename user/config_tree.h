/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes of a target `tree: FILE` one target for each service of FILE. It looks at no cgroup. */
#ifndef CGBPF_CONFIG_TREE_H
#define CGBPF_CONFIG_TREE_H

#include "user/config.h"
#include "user/config_yaml.h"

/* The last target of CONFIG, which NODE says, is replaced by those of its services. */
int config_tree__expand(struct reader *reader, yaml_node_t *node, struct config *config);

#endif

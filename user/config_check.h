/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold between the keys of one mapping. It never reads a value. */
#ifndef CGBPF_CONFIG_CHECK_H
#define CGBPF_CONFIG_CHECK_H

#include "user/config_schema.h"
#include "user/config_yaml.h"

/* OBJECT is what PLACE fills, and was filled from NODE. 0, or a refusal that is said to READER. */
int config_check_place(struct reader *reader, yaml_node_t *node, enum schema_place place,
		       const void *object);
/* Sets which resources TARGET governs, and refuses what does not go together. */
int config_check_target(struct reader *reader, yaml_node_t *node, struct target_config *target);

#endif

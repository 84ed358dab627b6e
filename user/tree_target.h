/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a cgroup is a service's in a hierarchy that was made of a file. It changes nothing. */
#ifndef CGBPF_TREE_TARGET_H
#define CGBPF_TREE_TARGET_H

#include <stdbool.h>

/* PATH below the cgroup root; FILE as the mark has it. */
bool tree_target_is(const char *path, const char *file, const char *service);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Which container a cgroup's path belongs to, by the names that runtimes give. It asks nobody and
 * never opens a path. */
#ifndef CGBPF_CONTAINER_PATH_H
#define CGBPF_CONTAINER_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID_LEN 64

struct container_path {
	const char *runtime; /* "docker", "podman", …; "container" where the path does not say */
	const char *id; /* within the path that was given, not ended by a NUL */
	size_t id_len;
	bool is_hex; /* the id is 64 hex digits, else a name of the runtime's choice */
	bool is_own; /* the path's last component is the container, not a cgroup made inside it */
};

/* The innermost container that PATH (below the cgroup root) is in. false: none, or a helper beside
 * one (conmon, a monitor, a supervisor); *RET is then untouched. */
bool container_path_parse(const char *path, struct container_path *ret);

#endif

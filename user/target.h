/* SPDX-License-Identifier: BSD-2-Clause */
/* Which target a cgroup belongs to. It reads names and asks the Docker Engine; it never changes
 * anything. */
#ifndef CGBPF_TARGET_H
#define CGBPF_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/config.h"

/* What the targets of one configuration mean on this machine at this moment. */
struct targets {
	const struct config *config; /* borrowed */
	char **pid_paths; /* owned; one for each target, NULL where it is no pid */
	char *own_path; /* our own cgroup: never governed */
};

/*
 * Resolves pids. -EINVAL: a target cannot be (a pid in the root cgroup or in our own cgroup);
 * *ERROR then holds one line "FILE:LINE:COLUMN: what". A pid that is gone is no error: a warning
 * says so.
 */
int targets__resolve(const struct config *config, struct targets *ret_targets, char *error,
		     size_t error_len);
void targets__free(struct targets *targets);

/*
 * The target that PATH (below the root) belongs to, or NULL. The first in the file wins; *RET_OTHER
 * (may be NULL) is another one that claims it too. May ask the Docker Engine, once a container.
 */
const struct target_config *targets__match(const struct targets *targets, const char *path,
					   const struct target_config **ret_other);

#endif

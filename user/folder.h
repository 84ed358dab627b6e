/* SPDX-License-Identifier: BSD-2-Clause */
/* Cgroups made for targets that name pids, and the controllers handed out on the way. Ledger first.
 * It never governs. */
#ifndef CGBPF_FOLDER_H
#define CGBPF_FOLDER_H

#include "user/apply.h"

/* Makes what is missing of PATH, hands out CONTROLLERS ("cpu", …; ends with NULL) down to it, and
 * opens it. 0 or a negative errno. */
int folder__make(const struct apply *apply, int root_fd, const char *path,
		 const char *const *controllers, const char *target, int *ret_dir_fd);

/* Removes a folder that is recorded, or takes back controllers. 0; -ENOENT: gone; -ESTALE: somebody
 * else's has that name now; -EBUSY: somebody is in it, or uses a controller below it. */
int folder__undo(const struct apply *apply, int root_fd, const struct cgbpf_ledger_key *key,
		 const struct cgbpf_ledger_entry *entry);

#endif

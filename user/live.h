/* SPDX-License-Identifier: BSD-2-Clause */
/* A running controller seen from outside, through its pinned maps: what it governs and what it has
 * seen. It never changes anything. */
#ifndef CGBPF_LIVE_H
#define CGBPF_LIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/abi.h"

struct live {
	int root_fd, rules_fd, cgroups_fd, stats_fd;
	struct cgbpf_stats stats;
	bool is_blind; /* its programs do not run */
};

/* -ENOENT: no controller is running; else 0 or a negative errno. Closed by the caller. */
int live__open(struct live *ret_live);
/* Reads stats and is_blind anew; -ENOENT: it has ended. */
int live__refresh(struct live *live);
void live__close(struct live *live);

/* Calls SHOW for every governed cgroup that is there; what it is given is its own until it returns.
 */
typedef void (*live_show)(void *context, uint64_t id, int dir_fd, const char *path,
			  const struct cgbpf_rule *rule, const struct cgbpf_cgroup *seen);
void live__each(const struct live *live, live_show show, void *context);

/* Who changes memory.max or cpu.max of the cgroup ID, and puts them back when it ends: a controller
 * or a drill; 0: nobody. One that is just beginning or ending may be named for any cgroup. */
pid_t live_governor(uint64_t id);

#endif

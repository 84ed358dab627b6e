// SPDX-License-Identifier: BSD-2-Clause
/* Owns the view of a running controller from outside. It opens maps to read and never writes. */
#include "user/live.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/ledger.h"
#include "user/protect.h"

/* Three heartbeats missed. */
#define BLIND_AFTER_NS (15 * 1000000000ULL)

/* Pins outlive a controller that was killed. */
static int find_controller(void)
{
	int is = protect_is_locked();

	return is < 0 ? is : is ? 0 : -ENOENT;
}

int live__refresh(struct live *live)
{
	struct timespec now;
	uint32_t first = 0;
	int err = find_controller();

	if (err)
		return err;
	err = bpf_map_lookup_elem(live->stats_fd, &first, &live->stats);
	if (err || live->stats.abi_version != CGBPF_ABI_VERSION)
		return err ? err : -EINVAL;
	clock_gettime(CLOCK_MONOTONIC, &now);
	live->is_blind =
		(uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec - live->stats.heartbeat_ns >
		BLIND_AFTER_NS;
	return 0;
}

int live__open(struct live *ret_live)
{
	struct live live = {-1, -1, -1, -1, {}, false};
	int err = find_controller();

	if (!err)
		err = cgfs_open_root(&live.root_fd);
	if (!err) {
		live.rules_fd = bpf_obj_get(CGBPF_PIN_RULES);
		live.cgroups_fd = bpf_obj_get(CGBPF_PIN_CGROUPS);
		live.stats_fd = bpf_obj_get(CGBPF_PIN_STATS);
		err = live.stats_fd < 0	    ? live.stats_fd
		      : live.rules_fd < 0   ? live.rules_fd
		      : live.cgroups_fd < 0 ? live.cgroups_fd
					    : live__refresh(&live);
	}
	if (err) {
		live__close(&live);
		return err;
	}
	*ret_live = live;
	return 0;
}

void live__close(struct live *live)
{
	int fds[] = {live->root_fd, live->rules_fd, live->cgroups_fd, live->stats_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void show_one(const struct live *live, uint64_t id, const struct cgbpf_rule *rule,
		     const struct cgbpf_cgroup *seen, live_show show, void *context)
{
	char *path = NULL;
	int fd;

	if (cgfs_open_id(live->root_fd, id, &fd))
		return;
	if (!cgfs_path(live->root_fd, fd, &path))
		show(context, id, fd, path, rule, seen);
	free(path);
	close(fd);
}

void live__each(const struct live *live, live_show show, void *context)
{
	uint64_t id, *last = NULL, next;

	for (; !bpf_map_get_next_key(live->rules_fd, last, &next); last = &id) {
		struct cgbpf_cgroup seen = {};
		struct cgbpf_rule rule;

		id = next;
		if (bpf_map_lookup_elem(live->rules_fd, &id, &rule))
			continue;
		rule.target[sizeof(rule.target) - 1] = '\0';
		bpf_map_lookup_elem(live->cgroups_fd, &id, &seen);
		show_one(live, id, &rule, &seen, show, context);
	}
}

/* Whoever changes a limit keeps its original first. -ENOENT: nobody does. */
static int find_original(uint64_t id)
{
	const struct cgbpf_ledger_key memory = {.cgroup_id = id, .knob = CGBPF_KNOB_MEMORY_MAX};
	const struct cgbpf_ledger_key cpu = {.cgroup_id = id, .knob = CGBPF_KNOB_CPU_MAX};
	struct cgbpf_ledger_entry entry;
	int fd, err;

	if (ledger__open_pinned(&fd))
		return -EAGAIN;
	err = ledger__get(fd, &memory, &entry);
	if (err)
		err = ledger__get(fd, &cpu, &entry);
	close(fd);
	return err;
}

pid_t live_governor(uint64_t id)
{
	pid_t holder = protect_lock_holder();

	if (holder && find_original(id) == -ENOENT)
		holder = 0;
	return holder;
}

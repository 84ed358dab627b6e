// SPDX-License-Identifier: BSD-2-Clause
/* Owns the cgroup that a process is in: put elsewhere, ledger first, and back. It never decides. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/ledger.h"
#include "user/task.h"

static int cgroup_of(int root_fd, uint32_t pid, uint64_t *ret_id)
{
	char *path;
	int fd, err = cgfs_path_of_pid(pid, &path);

	if (err)
		return err;
	err = cgfs_open_path(root_fd, path, &fd);
	free(path);
	if (err)
		return err;
	err = cgfs_id(fd, ret_id);
	close(fd);
	return err;
}

static int move(int dir_fd, uint32_t pid)
{
	int err = 0, fd = openat(dir_fd, "cgroup.procs", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%u", pid) < 0)
		err = -errno;
	close(fd);
	return err;
}

int task__move(const struct apply *apply, int root_fd, uint32_t pid, int dir_fd, const char *target)
{
	struct cgbpf_ledger_key key = {.knob = CGBPF_KNOB_TASK_CGROUP, .device = pid};
	char from[TASK_VALUE_LEN], to[TASK_VALUE_LEN];
	uint64_t was = 0, next = 0, ticks;
	bool is_first;
	int err = cgroup_of(root_fd, pid, &was);

	if (!err)
		err = cgfs_id(dir_fd, &next);
	if (!err)
		err = task_start(pid, &ticks);
	if (err || was == next || apply->is_dry_run)
		return err;
	key.cgroup_id = ticks;
	snprintf(from, sizeof(from), "%" PRIu64, was);
	snprintf(to, sizeof(to), "%" PRIu64, next);
	err = ledger__remember(apply->ledger_fd, &key, from, target);
	/* One from an earlier move is where it came from at first, which outlives this move. */
	is_first = !err;
	if (err == -EEXIST)
		err = 0;
	if (!err)
		err = ledger__intend(apply->ledger_fd, &key, to);
	if (!err) {
		err = move(dir_fd, pid);
		if (err)
			ledger__retract(apply->ledger_fd, &key);
	}
	if (err && is_first)
		ledger__forget(apply->ledger_fd, &key);
	return err;
}

int task__undo_move(int root_fd, const struct cgbpf_ledger_key *key,
		    const struct cgbpf_ledger_entry *entry)
{
	uint64_t now;
	int fd, err = cgroup_of(root_fd, key->device, &now);

	if (err)
		return err;
	if (now != strtoull(entry->current, NULL, 10))
		return -ESTALE;
	err = cgfs_open_id(root_fd, strtoull(entry->original, NULL, 10), &fd);
	if (err)
		return err;
	err = move(fd, key->device);
	close(fd);
	return err;
}

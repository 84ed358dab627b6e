// SPDX-License-Identifier: BSD-2-Clause
/* Owns the ways through threads: of a cgroup, of those below it, and of the ledger. It never
 * changes one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/ledger.h"
#include "user/task.h"

/* The threads in a cgroup now; the caller frees. */
static uint32_t *threads_of(int dir_fd, size_t *ret_cnt)
{
	int fd = openat(dir_fd, "cgroup.threads", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	uint32_t *tids = NULL, tid;
	size_t cnt = 0, room = 0;

	while (file && fscanf(file, "%" SCNu32, &tid) == 1) {
		if (cnt == room) {
			uint32_t *more =
				realloc(tids, (room = room ? 2 * room : 64) * sizeof(*tids));

			if (!more)
				break;
			tids = more;
		}
		tids[cnt++] = tid;
	}
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	*ret_cnt = cnt;
	return tids;
}

int task__each(int dir_fd, task_visit visit, void *context)
{
	size_t cnt;
	uint32_t *tids = threads_of(dir_fd, &cnt);
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		err = visit(context, tids[i]);
	free(tids);
	return err;
}

int task__each_of(uint32_t pid, uint32_t most_cnt, task_visit visit, void *context)
{
	const struct dirent *entry;
	char path[32];
	uint32_t cnt = 0;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!err && cnt < most_cnt && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		cnt++;
		err = visit(context, (uint32_t)strtoul(entry->d_name, NULL, 10));
	}
	closedir(dir);
	return err;
}

struct below {
	const struct apply *apply;
	uint32_t knob;
	task_visit visit;
	void *context;
};

static int visit_below(void *context, int dir_fd, const char *path)
{
	struct below *below = context;
	struct cgbpf_ledger_key key = {.knob = below->knob};
	struct cgbpf_ledger_entry entry;
	uint64_t id;
	int err = cgfs_id(dir_fd, &id);

	(void)path;
	if (err)
		return err;
	key.cgroup_id = id;
	/* Its tasks go back to what its own record says. */
	if (!ledger__get(below->apply->ledger_fd, &key, &entry))
		return 1;
	return task__each(dir_fd, below->visit, below->context);
}

int task__each_below(const struct apply *apply, int dir_fd, uint32_t knob, task_visit visit,
		     void *context)
{
	struct below below = {apply, knob, visit, context};
	int err = task__each(dir_fd, visit, context);

	return err ?: cgfs_walk(dir_fd, visit_below, &below);
}

static bool is_of_task(const struct cgbpf_ledger_key *key)
{
	return key->device && (key->knob == CGBPF_KNOB_NICE || key->knob == CGBPF_KNOB_POLICY ||
			       key->knob == CGBPF_KNOB_TASK_CGROUP);
}

struct prune {
	const struct apply *apply;
	uint32_t left_cnt;
};

static int forget_gone(void *context, const struct cgbpf_ledger_key *key,
		       const struct cgbpf_ledger_entry *entry)
{
	struct prune *prune = context;
	uint64_t ticks;
	int err;

	(void)entry;
	if (!is_of_task(key))
		return 0;
	err = task_start(key->device, &ticks);
	if (err == -ESRCH || (!err && ticks != key->cgroup_id))
		apply__forget_knob(prune->apply, key);
	else
		prune->left_cnt++;
	return 0;
}

uint32_t task__prune(const struct apply *apply)
{
	struct prune prune = {.apply = apply};

	ledger__each(apply->ledger_fd, forget_gone, &prune);
	return prune.left_cnt;
}

static int count_one(void *context, uint32_t tid)
{
	struct below *count = context;
	struct cgbpf_ledger_key key = {.knob = count->knob, .device = tid};
	struct cgbpf_ledger_entry entry;
	uint64_t ticks;

	if (task_start(tid, &ticks))
		return 0;
	key.cgroup_id = ticks;
	*(uint32_t *)count->context += !ledger__get(count->apply->ledger_fd, &key, &entry);
	return 0;
}

uint32_t task__count(const struct apply *apply, int dir_fd, uint32_t knob)
{
	uint32_t cnt = 0;
	struct below count = {.apply = apply, .knob = knob, .context = &cnt};

	task__each_below(apply, dir_fd, knob, count_one, &count);
	return cnt;
}

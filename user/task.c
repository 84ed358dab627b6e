// SPDX-License-Identifier: BSD-2-Clause
/* Owns what is changed of threads and processes, ledger first, and how it is put back. It never
 * decides. */
#include "user/task.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/knob.h"
#include "user/ledger.h"

/* Fields of /proc/PID/stat behind the name, which may hold anything (man 5 proc). */
#define FIELD_FLAGS 9
#define FIELD_START 22
#define KERNEL_THREAD 0x00200000UL /* PF_KTHREAD in include/linux/sched.h */
/* A thread that is forked while its cgroup is gone through has its parent's values; one that came
 * from elsewhere is an event. Twice is enough for what was neither. */
#define ROUNDS 2

static int stat_field(uint32_t tid, int field, uint64_t *ret)
{
	char path[32], text[1024], *at;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -ESRCH;
	text[len] = '\0';
	at = strrchr(text, ')');
	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EINVAL;
	*ret = strtoull(at + 1, NULL, 10);
	return 0;
}

int task_start(uint32_t tid, uint64_t *ret_ticks)
{
	return stat_field(tid, FIELD_START, ret_ticks);
}

bool task_is_kernel(uint32_t pid)
{
	uint64_t flags;

	return !stat_field(pid, FIELD_FLAGS, &flags) && flags & KERNEL_THREAD;
}

int task_read(uint32_t tid, uint32_t knob, char value[TASK_VALUE_LEN])
{
	struct sched_param param;
	int result;

	errno = 0;
	if (knob == CGBPF_KNOB_NICE) {
		result = getpriority(PRIO_PROCESS, tid);
		if (result == -1 && errno)
			return -errno;
		snprintf(value, TASK_VALUE_LEN, "%d", result);
		return 0;
	}
	result = sched_getscheduler((pid_t)tid);
	if (result < 0 || sched_getparam((pid_t)tid, &param))
		return -errno;
	snprintf(value, TASK_VALUE_LEN, "%d %d", result & ~SCHED_RESET_ON_FORK,
		 param.sched_priority);
	return 0;
}

static int write_value(uint32_t tid, uint32_t knob, const char *value)
{
	struct sched_param param = {};
	int policy;

	if (knob == CGBPF_KNOB_NICE)
		return setpriority(PRIO_PROCESS, tid, atoi(value)) ? -errno : 0;
	if (sscanf(value, "%d %d", &policy, &param.sched_priority) != 2)
		return -EINVAL;
	return sched_setscheduler((pid_t)tid, policy, &param) ? -errno : 0;
}

int task__set(const struct apply *apply, uint32_t tid, uint32_t knob, const char *value,
	      const char *common, const char *target)
{
	struct cgbpf_ledger_key key = {.knob = knob, .device = tid};
	char now[TASK_VALUE_LEN];
	__u64 start;
	uint64_t ticks;
	int err = task_read(tid, knob, now);

	if (err || strcmp(now, value) == 0 || apply->is_dry_run)
		return err;
	err = task_start(tid, &ticks);
	start = ticks;
	key.cgroup_id = start;
	if (!err && strcmp(now, common) != 0) {
		err = apply__remember_knob(apply, &key, now, target);
		if (!err)
			err = ledger__intend(apply->ledger_fd, &key, value);
	}
	return err ?: write_value(tid, knob, value);
}

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

int task__set_all(const struct apply *apply, int dir_fd, uint32_t knob, const char *value,
		  const char *common, const char *target)
{
	int err = 0;

	for (int round = 0; round < ROUNDS && !err; round++) {
		size_t cnt;
		uint32_t *tids = threads_of(dir_fd, &cnt);

		for (size_t i = 0; i < cnt && !err; i++) {
			err = task__set(apply, tids[i], knob, value, common, target);
			err = err == -ESRCH ? 0 : err;
		}
		free(tids);
	}
	return err;
}

/* Every thread without a record of its own has what the cgroup's record says. */
static void undo_all(const struct apply *apply, int dir_fd, const struct cgbpf_ledger_key *key,
		     const struct cgbpf_ledger_entry *entry)
{
	size_t cnt;
	uint32_t *tids = threads_of(dir_fd, &cnt);

	for (size_t i = 0; i < cnt; i++) {
		struct cgbpf_ledger_key own = {.knob = key->knob, .device = tids[i]};
		struct cgbpf_ledger_entry mine;
		char now[TASK_VALUE_LEN];
		uint64_t ticks;

		if (task_start(tids[i], &ticks) || task_read(tids[i], key->knob, now) ||
		    strcmp(now, entry->current) != 0)
			continue;
		own.cgroup_id = ticks;
		if (ledger__get(apply->ledger_fd, &own, &mine))
			write_value(tids[i], key->knob, entry->original);
	}
	free(tids);
}

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
	err = apply__remember_knob(apply, &key, from, target);
	if (!err)
		err = ledger__intend(apply->ledger_fd, &key, to);
	if (!err)
		err = move(dir_fd, pid);
	if (err)
		apply__forget_knob(apply, &key);
	return err;
}

static int undo_move(int root_fd, const struct cgbpf_ledger_key *key,
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

int task__undo(const struct apply *apply, int root_fd, const struct cgbpf_ledger_key *key,
	       const struct cgbpf_ledger_entry *entry)
{
	char now[TASK_VALUE_LEN];
	uint64_t ticks;
	int fd, err;

	if (!key->device) {
		err = cgfs_open_id(root_fd, key->cgroup_id, &fd);
		if (err)
			return err;
		undo_all(apply, fd, key, entry);
		close(fd);
		return 0;
	}
	if (task_start(key->device, &ticks) || ticks != key->cgroup_id)
		return -ESRCH;
	if (key->knob == CGBPF_KNOB_TASK_CGROUP)
		return undo_move(root_fd, key, entry);
	err = task_read(key->device, key->knob, now);
	if (!err && strcmp(now, entry->current) != 0)
		err = strcmp(now, entry->original) == 0 ? 0 : -ESTALE;
	else if (!err)
		err = write_value(key->device, key->knob, entry->original);
	return err;
}

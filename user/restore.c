// SPDX-License-Identifier: BSD-2-Clause
/* Puts originals back and forgets them. It never governs and never reads a configuration. */
#include "user/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/folder.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/quota.h"
#include "user/task.h"
#include "user/units.h"

/* Folders in folders, and what is handed out from one to the next: the inner go first, one depth a
 * stage, as far as this. */
#define FOLDERS_LAST 12
#define CONTROLLERS_FIRST (FOLDERS_LAST + 1)
#define CONTROLLERS_LAST (CONTROLLERS_FIRST + 8)
#define STAGES (CONTROLLERS_LAST + 1)

/* What stands on another's shoulders goes back before it. */
static const int stages[CGBPF_KNOB_MAX] = {
	[CGBPF_KNOB_CPU_MAX_BURST] = 1, /* within the quota that it had */
	/* Of cgroups, then of single tasks, which the former leave alone; see stage_of. */
	[CGBPF_KNOB_NICE] = 1,
	[CGBPF_KNOB_POLICY] = 1,
	[CGBPF_KNOB_TASK_CGROUP] = 3,
	[CGBPF_KNOB_FOLDER] = 4,
	[CGBPF_KNOB_SUBTREE_CONTROL] = CONTROLLERS_FIRST,
};

static int stage_of(const struct cgbpf_ledger_key *key)
{
	if (key->knob >= CGBPF_KNOB_MAX)
		return 0;
	return stages[key->knob] +
	       (key->device && (key->knob == CGBPF_KNOB_NICE || key->knob == CGBPF_KNOB_POLICY));
}

/* What is in others of its kind is tried until here. */
static int last_stage_of(const struct cgbpf_ledger_key *key)
{
	return key->knob == CGBPF_KNOB_FOLDER		 ? FOLDERS_LAST
	       : key->knob == CGBPF_KNOB_SUBTREE_CONTROL ? CONTROLLERS_LAST
							 : stage_of(key);
}

/* Without a record of its own it is lowered under one that ends with it. */
static int set_burst(const struct apply *apply, int dir_fd, uint64_t id, const char *standing,
		     uint64_t most_us)
{
	struct cgbpf_ledger_key key = {.cgroup_id = id, .knob = CGBPF_KNOB_CPU_MAX_BURST};
	struct cgbpf_ledger_entry entry;
	bool is_recorded = !ledger__get(apply->ledger_fd, &key, &entry);
	uint64_t burst_us;
	char value[24];
	int fd, err = knob__open(dir_fd, key.knob, &fd);

	if (err)
		return err;
	if (is_recorded && !units_parse_limit(entry.original, &burst_us) && burst_us < most_us)
		most_us = burst_us;
	snprintf(value, sizeof(value), "%" PRIu64, most_us);
	err = apply__remember_knob(apply, &key, standing, "");
	if (!err)
		err = apply__set(apply, &key, fd, value, NULL);
	if (!is_recorded)
		apply__forget_knob(apply, &key);
	close(fd);
	return err;
}

static int put_back_text(const struct apply *apply, int dir_fd, const struct cgbpf_ledger_key *key,
			 const struct cgbpf_ledger_entry *entry, const char *text)
{
	struct cgbpf_ledger_key burst_key = {key->cgroup_id, CGBPF_KNOB_CPU_MAX_BURST, 0};
	char burst[CGBPF_VALUE_LEN];
	struct quota quota;
	uint64_t burst_us;
	int fd, err;

	/* A quota under the burst is refused (tg_set_cfs_bandwidth() in kernel/sched/core.c). */
	if (key->knob == CGBPF_KNOB_CPU_MAX && !quota_parse(entry->original, &quota) &&
	    !knob__read(dir_fd, &burst_key, burst, sizeof(burst)) &&
	    !units_parse_limit(burst, &burst_us) && burst_us > quota.quota_us) {
		err = set_burst(apply, dir_fd, key->cgroup_id, burst, quota.quota_us);
		if (err)
			return err;
	}
	err = knob__open(dir_fd, key->knob, &fd);
	if (err)
		return err;
	err = apply__set(apply, key, fd, text, NULL);
	close(fd);
	return err;
}

static int put_back_memory(const struct apply *apply, int dir_fd,
			   const struct cgbpf_ledger_key *key,
			   const struct cgbpf_ledger_entry *entry, bool is_forced)
{
	uint64_t original;
	int err = units_parse_limit(entry->original, &original);

	if (!err && !is_forced)
		err = apply__make_room(apply, dir_fd, original);
	if (err || key->knob == CGBPF_KNOB_MEMORY_MAX)
		return err ? err : apply__write(apply, key->cgroup_id, dir_fd, entry->original);
	return put_back_text(apply, dir_fd, key, entry, entry->original);
}

/*
 * What is to stand again. A burst above the quota that somebody else has set is refused: as much of
 * it as the quota holds. Where our own quota still stands the original waits for it.
 */
static void text_for(const struct apply *apply, int dir_fd, const struct cgbpf_ledger_key *key,
		     const struct cgbpf_ledger_entry *entry, char ret_text[CGBPF_VALUE_LEN])
{
	struct cgbpf_ledger_key quota_key = {key->cgroup_id, CGBPF_KNOB_CPU_MAX, 0};
	struct cgbpf_ledger_entry quota_entry;
	char standing[CGBPF_VALUE_LEN];
	struct quota quota;
	uint64_t burst_us;

	strcpy(ret_text, entry->original);
	if (key->knob != CGBPF_KNOB_CPU_MAX_BURST ||
	    !ledger__get(apply->ledger_fd, &quota_key, &quota_entry) ||
	    knob__read(dir_fd, &quota_key, standing, sizeof(standing)) ||
	    quota_parse(standing, &quota) || units_parse_limit(entry->original, &burst_us) ||
	    burst_us <= quota.quota_us)
		return;
	snprintf(ret_text, CGBPF_VALUE_LEN, "%" PRIu64, quota.quota_us);
}

static enum restored put_back(const struct apply *apply, int dir_fd,
			      const struct cgbpf_ledger_key *key,
			      const struct cgbpf_ledger_entry *entry, bool is_forced,
			      struct restored_limit *limit)
{
	uint64_t began_ns = apply_now_ns();
	int err = knob__read(dir_fd, key, limit->before, sizeof(limit->before));
	char text[CGBPF_VALUE_LEN];

	if (cgfs_is_gone(err))
		return RESTORED_GONE;
	if (err)
		return RESTORED_FAILED;
	strcpy(limit->after, limit->before);
	text_for(apply, dir_fd, key, entry, text);
	if (strcmp(limit->before, text) == 0)
		return RESTORED_UNCHANGED;
	/* Its line goes with the device: nobody has written anything, and a write would load the
	 * device's module again (blkdev_get_no_open() in block/bdev.c). */
	if (key->knob == CGBPF_KNOB_IO_MAX && !knob__has_device(key->device))
		return RESTORED_DEVICE_GONE;
	if (!ledger_is_ours(entry, limit->before) && !is_forced)
		return RESTORED_NOT_OURS;
	limit->decided_ns = apply_now_ns() - began_ns;
	err = key->knob == CGBPF_KNOB_MEMORY_MAX || key->knob == CGBPF_KNOB_MEMORY_HIGH
		      ? put_back_memory(apply, dir_fd, key, entry, is_forced)
		      : put_back_text(apply, dir_fd, key, entry, text);
	if (err)
		return cgfs_is_gone(err) ? RESTORED_GONE
		       : err == -ENXIO	 ? RESTORED_DEVICE_GONE
		       : err == -EBUSY	 ? RESTORED_IN_USE
					 : RESTORED_FAILED;
	limit->written_ns = apply_now_ns() - began_ns;
	if (knob__read(dir_fd, key, limit->after, sizeof(limit->after)) ||
	    strcmp(limit->after, text) != 0)
		return RESTORED_FAILED;
	limit->effective_ns = apply_now_ns() - began_ns;
	return RESTORED_BACK;
}

static bool is_of_task(uint32_t knob)
{
	return knob == CGBPF_KNOB_NICE || knob == CGBPF_KNOB_POLICY ||
	       knob == CGBPF_KNOB_TASK_CGROUP;
}

/* Of tasks and folders. */
static enum restored undo(const struct apply *apply, int root_fd,
			  const struct cgbpf_ledger_key *key,
			  const struct cgbpf_ledger_entry *entry, struct restored_limit *limit)
{
	bool is_task = is_of_task(key->knob);
	int err = is_task ? task__undo(apply, root_fd, key, entry)
			  : folder__undo(apply, root_fd, key, entry);

	/* Of a folder `current` is its id. */
	strcpy(limit->before, key->knob == CGBPF_KNOB_FOLDER ? entry->original : entry->current);
	strcpy(limit->after, err ? limit->before : entry->original);
	if (err == -ESRCH || cgfs_is_gone(err))
		return err == -ESTALE && is_task ? RESTORED_NOT_OURS : RESTORED_GONE;
	if (err == -EBUSY || err == -ENOTEMPTY)
		return RESTORED_IN_USE;
	if (!err && is_task && strcmp(entry->current, entry->original) == 0)
		return RESTORED_UNCHANGED;
	return err ? RESTORED_FAILED : RESTORED_BACK;
}

static bool is_file(uint32_t knob)
{
	return knob == CGBPF_KNOB_MEMORY_MAX || knob == CGBPF_KNOB_MEMORY_HIGH ||
	       knob == CGBPF_KNOB_CPU_MAX || knob == CGBPF_KNOB_CPU_MAX_BURST ||
	       knob == CGBPF_KNOB_CPU_WEIGHT || knob == CGBPF_KNOB_IO_MAX;
}

enum restored restore__one(const struct apply *apply, int root_fd,
			   const struct cgbpf_ledger_key *key,
			   const struct cgbpf_ledger_entry *entry, bool is_forced,
			   struct restored_limit *ret_limit)
{
	struct restored_limit limit = {};
	enum restored outcome;
	int fd, err;

	*ret_limit = limit;
	if (entry->version != CGBPF_ABI_VERSION || key->knob >= CGBPF_KNOB_MAX)
		return RESTORED_FAILED;
	if (!is_file(key->knob)) {
		outcome = undo(apply, root_fd, key, entry, &limit);
		if (outcome != RESTORED_IN_USE && outcome != RESTORED_FAILED)
			ledger__forget(apply->ledger_fd, key);
		*ret_limit = limit;
		return outcome;
	}
	err = cgfs_open_id(root_fd, key->cgroup_id, &fd);
	if (err) {
		outcome = cgfs_is_gone(err) ? RESTORED_GONE : RESTORED_FAILED;
	} else {
		outcome = put_back(apply, fd, key, entry, is_forced, &limit);
		close(fd);
	}
	if (outcome != RESTORED_IN_USE && outcome != RESTORED_FAILED)
		ledger__forget(apply->ledger_fd, key);
	*ret_limit = limit;
	return outcome;
}

enum restored restore__key(const struct apply *apply, int root_fd,
			   const struct cgbpf_ledger_key *key, struct restored_limit *ret_limit)
{
	struct cgbpf_ledger_entry entry;

	*ret_limit = (struct restored_limit){};
	if (apply->is_dry_run || ledger__get(apply->ledger_fd, key, &entry))
		return RESTORED_UNCHANGED;
	return restore__one(apply, root_fd, key, &entry, false, ret_limit);
}

struct all {
	const struct apply *apply;
	int root_fd;
	bool is_forced;
	restore_report tell;
	void *context;
	int stage;
	int left_cnt;
};

static int restore_entry(void *context, const struct cgbpf_ledger_key *key,
			 const struct cgbpf_ledger_entry *entry)
{
	struct all *all = context;
	enum restored outcome;
	struct restored_limit limit = {};
	char *path = NULL;
	int last = last_stage_of(key), fd;

	if (all->stage < stage_of(key) || all->stage > last)
		return 0;
	/* What belongs to a task has no cgroup of its own. */
	if (!(key->device && is_of_task(key->knob)) &&
	    !cgfs_open_id(all->root_fd, key->cgroup_id, &fd)) {
		cgfs_path(all->root_fd, fd, &path);
		close(fd);
	}
	outcome = restore__one(all->apply, all->root_fd, key, entry, all->is_forced, &limit);
	/* Another of ours may be in it: its turn comes at the last. */
	if (outcome == RESTORED_IN_USE && all->stage < last) {
		free(path);
		return 0;
	}
	all->left_cnt += outcome == RESTORED_IN_USE || outcome == RESTORED_FAILED;
	all->tell(all->context, path ? path : "?", key, entry, outcome, &limit);
	free(path);
	return 0;
}

int restore__all(const struct apply *apply, int root_fd, bool is_forced, restore_report tell,
		 void *context)
{
	struct all all = {apply, root_fd, is_forced, tell, context, 0, 0};
	int err = 0;

	for (; all.stage < STAGES && !err; all.stage++)
		err = ledger__each(apply->ledger_fd, restore_entry, &all);

	return err ? err : all.left_cnt;
}

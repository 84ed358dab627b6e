// SPDX-License-Identifier: BSD-2-Clause
/* Puts originals back and forgets them. It never governs and never reads a configuration. */
#include "user/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/ledger.h"
#include "user/units.h"

static enum restored put_back(const struct apply *apply, int dir_fd,
			      const struct cgbpf_ledger_key *key,
			      const struct cgbpf_ledger_entry *entry, bool is_forced,
			      struct restored_limit *limit)
{
	char now[CGBPF_VALUE_LEN];
	uint64_t original;
	int err = cgfs_read(dir_fd, "memory.max", now, sizeof(now));

	if (cgfs_is_gone(err))
		return RESTORED_GONE;
	if (err || units_parse_limit(now, &limit->before_bytes))
		return RESTORED_FAILED;
	limit->after_bytes = limit->before_bytes;
	if (strcmp(now, entry->original) == 0)
		return RESTORED_UNCHANGED;
	if (!ledger_is_ours(entry, now) && !is_forced)
		return RESTORED_NOT_OURS;
	err = units_parse_limit(entry->original, &original);
	if (!err && !is_forced)
		err = apply__make_room(apply, dir_fd, original);
	if (!err)
		err = apply__write(apply, key->cgroup_id, dir_fd, entry->original);
	if (err)
		return cgfs_is_gone(err) ? RESTORED_GONE
		       : err == -EBUSY	 ? RESTORED_IN_USE
					 : RESTORED_FAILED;
	units_parse_limit(entry->original, &limit->after_bytes);
	return RESTORED_BACK;
}

enum restored restore__one(const struct apply *apply, int root_fd,
			   const struct cgbpf_ledger_key *key,
			   const struct cgbpf_ledger_entry *entry, bool is_forced,
			   struct restored_limit *ret_limit)
{
	struct restored_limit limit = {};
	enum restored outcome;
	int fd, err;

	if (entry->version != CGBPF_ABI_VERSION || key->knob != CGBPF_KNOB_MEMORY_MAX)
		return RESTORED_FAILED;
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

enum restored restore__id(const struct apply *apply, int root_fd, uint64_t id,
			  struct restored_limit *ret_limit)
{
	struct cgbpf_ledger_key key = {.cgroup_id = id, .knob = CGBPF_KNOB_MEMORY_MAX};
	struct cgbpf_ledger_entry entry;

	if (apply->is_dry_run || ledger__get(apply->ledger_fd, &key, &entry)) {
		*ret_limit = (struct restored_limit){};
		return RESTORED_UNCHANGED;
	}
	return restore__one(apply, root_fd, &key, &entry, false, ret_limit);
}

struct all {
	const struct apply *apply;
	int root_fd;
	bool is_forced;
	restore_report tell;
	void *context;
	int left_cnt;
};

static int restore_entry(void *context, const struct cgbpf_ledger_key *key,
			 const struct cgbpf_ledger_entry *entry)
{
	struct all *all = context;
	enum restored outcome;
	struct restored_limit limit;
	char *path = NULL;
	int fd;

	if (!cgfs_open_id(all->root_fd, key->cgroup_id, &fd)) {
		cgfs_path(all->root_fd, fd, &path);
		close(fd);
	}
	outcome = restore__one(all->apply, all->root_fd, key, entry, all->is_forced, &limit);
	all->left_cnt += outcome == RESTORED_IN_USE || outcome == RESTORED_FAILED;
	all->tell(all->context, path ? path : "?", key, entry, outcome, &limit);
	free(path);
	return 0;
}

int restore__all(const struct apply *apply, int root_fd, bool is_forced, restore_report tell,
		 void *context)
{
	struct all all = {apply, root_fd, is_forced, tell, context, 0};
	int err = ledger__each(apply->ledger_fd, restore_entry, &all);

	return err ? err : all.left_cnt;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the cgroups that we make and the controllers that we hand out, and how both are undone. It
 * never governs. */
#include "user/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/ledger.h"
#include "user/words.h"

#define LIST_LEN 256

/* FNV-1a: tells the folders that we make in one parent apart in the ledger. */
static uint32_t hash(const char *name)
{
	uint32_t value = 2166136261U;

	for (; *name; name++)
		value = (value ^ (unsigned char)*name) * 16777619U;
	return value ?: 1;
}

static int write_words(int dir_fd, const char *words)
{
	int err = 0, fd = openat(dir_fd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, words, strlen(words)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* What is not handed out to the folders below DIR_FD, and could be. */
static int hand_out(const struct apply *apply, int dir_fd, const char *const *controllers,
		    const char *target)
{
	struct cgbpf_ledger_key key = {.knob = CGBPF_KNOB_SUBTREE_CONTROL};
	char has[LIST_LEN], out[LIST_LEN], words[CGBPF_VALUE_LEN] = "";
	uint64_t id;
	int err = cgfs_read(dir_fd, "cgroup.controllers", has, sizeof(has));

	if (!err)
		err = cgfs_read(dir_fd, "cgroup.subtree_control", out, sizeof(out));
	if (!err)
		err = cgfs_id(dir_fd, &id);
	if (err)
		return err;
	for (; *controllers; controllers++) {
		if (!words_have(has, *controllers) || words_have(out, *controllers))
			continue;
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s+%s",
			 *words ? " " : "", *controllers);
	}
	if (!*words)
		return 0;
	key.cgroup_id = id;
	err = apply__remember_knob(apply, &key, "", target);
	if (!err)
		err = ledger__intend(apply->ledger_fd, &key, words);
	return err ?: write_words(dir_fd, words);
}

static int make_one(const struct apply *apply, int parent_fd, const char *name, const char *target)
{
	struct cgbpf_ledger_key key = {.knob = CGBPF_KNOB_FOLDER, .device = hash(name)};
	struct stat st;
	uint64_t id;
	int err;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (strlen(name) >= CGBPF_VALUE_LEN)
		return -ENAMETOOLONG;
	err = cgfs_id(parent_fd, &id);
	if (err)
		return err;
	/* Before it is made: a crash in between leaves a record of what is not there. */
	key.cgroup_id = id;
	err = apply__remember_knob(apply, &key, name, target);
	if (!err && mkdirat(parent_fd, name, 0755) < 0) {
		err = -errno;
		apply__forget_knob(apply, &key);
	}
	return err == -EEXIST ? 0 : err;
}

int folder__make(const struct apply *apply, int root_fd, const char *path,
		 const char *const *controllers, const char *target, int *ret_dir_fd)
{
	int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next, err = 0;
	char name[256];

	if (fd < 0)
		return -errno;
	while (!err && *(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");

		if (len >= sizeof(name)) {
			err = -ENAMETOOLONG;
			break;
		}
		memcpy(name, path, len);
		name[len] = '\0';
		path += len;
		err = hand_out(apply, fd, controllers, target);
		if (!err)
			err = make_one(apply, fd, name, target);
		if (!err)
			err = cgfs_open_path(fd, name, &next);
		if (err)
			break;
		close(fd);
		fd = next;
	}
	if (err)
		close(fd);
	else
		*ret_dir_fd = fd;
	return err;
}

int folder__undo(const struct apply *apply, int root_fd, const struct cgbpf_ledger_key *key,
		 const struct cgbpf_ledger_entry *entry)
{
	char words[CGBPF_VALUE_LEN];
	int fd, err = cgfs_open_id(root_fd, key->cgroup_id, &fd);

	(void)apply;
	if (err)
		return err;
	if (key->knob == CGBPF_KNOB_FOLDER) {
		err = unlinkat(fd, entry->original, AT_REMOVEDIR) < 0 ? -errno : 0;
	} else {
		snprintf(words, sizeof(words), "%s", entry->current);
		for (char *at = words; (at = strchr(at, '+'));)
			*at = '-';
		err = *words ? write_words(fd, words) : 0;
	}
	close(fd);
	return err;
}

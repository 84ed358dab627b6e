// SPDX-License-Identifier: BSD-2-Clause
/* Owns the cgroups that we make and the controllers that we hand out, and how both are undone. It
 * never governs. */
#include "user/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

/* What we handed out, now with WORDS; another target may have wanted something else. */
static int intend_words(const struct apply *apply, const struct cgbpf_ledger_key *key,
			const char *words, const char *target)
{
	char all[CGBPF_VALUE_LEN];
	struct cgbpf_ledger_entry entry;
	int err = apply__remember_knob(apply, key, "", target);

	if (!err)
		err = ledger__get(apply->ledger_fd, key, &entry);
	if (err)
		return err;
	if ((size_t)snprintf(all, sizeof(all), "%s%s%s", entry.current, *entry.current ? " " : "",
			     words) >= sizeof(all))
		return -ENAMETOOLONG;
	return ledger__intend(apply->ledger_fd, key, all);
}

static void retract_words(const struct apply *apply, const struct cgbpf_ledger_key *key)
{
	struct cgbpf_ledger_entry entry;

	ledger__retract(apply->ledger_fd, key);
	if (!ledger__get(apply->ledger_fd, key, &entry) && !*entry.current)
		apply__forget_knob(apply, key);
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
	err = intend_words(apply, &key, words, target);
	if (err)
		return err;
	err = write_words(dir_fd, words);
	if (err)
		retract_words(apply, &key);
	return err;
}

static int id_of(int parent_fd, const char *name, uint64_t *ret_id)
{
	int fd, err = cgfs_open_path(parent_fd, name, &fd);

	if (err)
		return err;
	err = cgfs_id(fd, ret_id);
	close(fd);
	return err;
}

/* Its id, by which it is known when it is to go. */
static int sign(const struct apply *apply, const struct cgbpf_ledger_key *key, int parent_fd,
		const char *name)
{
	char text[24];
	uint64_t id;
	int err = id_of(parent_fd, name, &id);

	if (err)
		return err;
	snprintf(text, sizeof(text), "%" PRIu64, id);
	return ledger__intend(apply->ledger_fd, key, text);
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
	if (err)
		return err == -EEXIST ? 0 : err;
	return sign(apply, &key, parent_fd, name);
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

/* What a cgroup has of a controller that nobody set; files that it does not have are passed over.
 */
static const struct {
	const char *controller, *file, *unset;
} unset[] = {
	{"cpu", "cpu.max", "max 100000"},   {"cpu", "cpu.weight", "100"},
	{"cpu", "cpu.idle", "0"},	    {"memory", "memory.max", "max"},
	{"memory", "memory.high", "max"},   {"memory", "memory.low", "0"},
	{"memory", "memory.min", "0"},	    {"memory", "memory.swap.max", "max"},
	{"io", "io.weight", "default 100"}, {"io", "io.max", ""},
};

/* -EBUSY: somebody has set something in DIR_FD by a controller among WORDS. */
static int look_for_use(void *words, int dir_fd, const char *path)
{
	char value[LIST_LEN];

	(void)path;
	for (size_t i = 0; i < sizeof(unset) / sizeof(*unset); i++)
		if (words_have(words, unset[i].controller) &&
		    !cgfs_read(dir_fd, unset[i].file, value, sizeof(value)) &&
		    strcmp(value, unset[i].unset) != 0)
			return -EBUSY;
	return 1; /* only what is directly below has it from us */
}

static int take_back(int dir_fd, const char *handed_out)
{
	char words[CGBPF_VALUE_LEN];
	int err;

	snprintf(words, sizeof(words), "%s", handed_out);
	for (char *at = words; (at = strchr(at, '+'));)
		memmove(at, at + 1, strlen(at));
	if (!*words)
		return 0;
	err = cgfs_walk(dir_fd, look_for_use, words);
	if (err)
		return err;
	snprintf(words, sizeof(words), "%s", handed_out);
	for (char *at = words; (at = strchr(at, '+'));)
		*at = '-';
	return write_words(dir_fd, words);
}

static int remove_folder(int parent_fd, const struct cgbpf_ledger_entry *entry)
{
	char id_text[24];
	uint64_t id;
	int err = id_of(parent_fd, entry->original, &id);

	if (err)
		return err;
	snprintf(id_text, sizeof(id_text), "%" PRIu64, id);
	/* Where we ended before it was signed, only an empty one of this name goes. */
	if (strcmp(entry->current, id_text) != 0 && strcmp(entry->current, entry->original) != 0)
		return -ESTALE;
	return unlinkat(parent_fd, entry->original, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int folder__undo(const struct apply *apply, int root_fd, const struct cgbpf_ledger_key *key,
		 const struct cgbpf_ledger_entry *entry)
{
	int fd, err = cgfs_open_id(root_fd, key->cgroup_id, &fd);

	(void)apply;
	if (err)
		return err;
	err = key->knob == CGBPF_KNOB_FOLDER ? remove_folder(fd, entry)
					     : take_back(fd, entry->current);
	close(fd);
	return err;
}

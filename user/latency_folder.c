// SPDX-License-Identifier: BSD-2-Clause
/* Owns a cgroup of bench-latency's own, and the controllers it needs of the root. It never takes
 * what was handed down before, or what another bench uses. */
#include "user/latency_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/cgfs.h"
#include "user/words.h"

#define SUBTREE_CONTROL "cgroup.subtree_control"
#define NAME_START "cgbpf-bench-"

static const char *const controllers[] = {"memory", "cpu"};

#define CONTROLLERS_CNT (sizeof(controllers) / sizeof(*controllers))

static int change_controller(int root_fd, char sign, const char *name)
{
	char text[16];
	int fd = openat(root_fd, SUBTREE_CONTROL, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%c%s", sign, name);
	err = apply_write_whole(fd, text);
	close(fd);
	return err;
}

int latency_folder__make(struct latency_folder *folder, int root_fd)
{
	char given[512];
	int err = cgfs_read(root_fd, SUBTREE_CONTROL, given, sizeof(given));

	if (err)
		return err;
	for (size_t i = 0; i < CONTROLLERS_CNT; i++)
		if (!words_have(given, controllers[i]) &&
		    !change_controller(root_fd, '+', controllers[i]))
			folder->given |= 1U << i;
	snprintf(folder->name, sizeof(folder->name), NAME_START "%d", getpid());
	if (mkdirat(root_fd, folder->name, 0755) < 0)
		return -errno;
	folder->is_made = true;
	return 0;
}

/* It would lose its limits: controllers can be taken from a cgroup that has no children. */
static bool has_another_bench(int root_fd)
{
	int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool is_there = !dir;

	while (dir && !is_there && (entry = readdir(dir)))
		is_there = strncmp(entry->d_name, NAME_START, strlen(NAME_START)) == 0;
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return is_there;
}

int latency_folder__remove(struct latency_folder *folder, int root_fd)
{
	int err = 0;

	if (folder->is_made && unlinkat(root_fd, folder->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		err = -errno;
	if (folder->given && !has_another_bench(root_fd))
		for (size_t i = 0; i < CONTROLLERS_CNT; i++)
			/* Refused where somebody hands them on by now. */
			if (folder->given & 1U << i)
				change_controller(root_fd, '-', controllers[i]);
	if (!err)
		*folder = (struct latency_folder){};
	return err;
}

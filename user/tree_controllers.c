/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives cpuset and memory to the children of a cgroup. It never touches another controller. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/tree.h"
#include "user/words.h"

static const char *const names[TREE_CONTROLLERS_CNT] = {"cpuset", "memory"};

static int read_bits(int dir_fd, const char *file)
{
	char text[512];
	int bits = 0, err = cgfs_read(dir_fd, file, text, sizeof(text));

	if (err)
		return err;
	for (int i = 0; i < TREE_CONTROLLERS_CNT; i++)
		if (words_have(text, names[i]))
			bits |= 1 << i;
	return bits;
}

int tree_controllers_given(int dir_fd)
{
	return read_bits(dir_fd, "cgroup.subtree_control");
}

int tree_controllers_had(int dir_fd)
{
	return read_bits(dir_fd, "cgroup.controllers");
}

int tree_controllers_write(int dir_fd, int bits, bool is_given)
{
	int fd = openat(dir_fd, "cgroup.subtree_control", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[64] = "";
	size_t len = 0;
	int err = 0;

	if (fd < 0)
		return -errno;
	for (int i = 0; i < TREE_CONTROLLERS_CNT; i++)
		if (bits & 1 << i)
			len += snprintf(text + len, sizeof(text) - len, "%s%c%s", len ? " " : "",
					is_given ? '+' : '-', names[i]);
	if (write(fd, text, len) < 0)
		err = -errno;
	close(fd);
	return err;
}

const char *tree_controllers_text(int bits)
{
	static const char *const texts[] = {"nothing", "cpuset", "memory", "cpuset and memory"};

	return texts[bits & 3];
}

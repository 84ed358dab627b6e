/* SPDX-License-Identifier: BSD-2-Clause */
/* Hands cpuset and memory down to a place, and takes back what it gave. It never takes what was
 * there. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/text.h"
#include "user/tree.h"

static int fail(struct tree_giving *giving, const char *shown, int err)
{
	if (err == -EACCES || err == -EPERM)
		return tree_place_refuse(giving->place, "cgroup.subtree_control", giving->error);
	if (err == -EBUSY || err == -EOPNOTSUPP)
		return tree_fail(giving->error, EXIT_FAILED,
				 "%s: it has processes of its own, or is a thread group: its "
				 "children get no controllers",
				 shown);
	return tree_fail(giving->error, EXIT_FAILED,
			 "%s: cgroup.subtree_control: %s; nothing was left", shown,
			 cgfs_is_gone(err) ? "the folder was removed meanwhile" : strerror(-err));
}

static int try_to_give(struct tree_giving *giving, int dir_fd, const char *path)
{
	int given = tree_controllers_given(dir_fd), had = tree_controllers_had(dir_fd), err;
	int missing = given < 0 ? 0 : TREE_CONTROLLERS_ALL & ~given;
	char shown[512];

	text_escape(path, strlen(path), shown, sizeof(shown));
	if (given < 0 || had < 0)
		return fail(giving, shown, given < 0 ? given : had);
	if (!missing)
		return 0;
	if (missing & ~had)
		return tree_fail(giving->error, EXIT_CANNOT,
				 "%s has no %s to give: see cgroup.controllers there", shown,
				 tree_controllers_text(missing & ~had));
	err = tree_controllers_write(dir_fd, missing, true);
	if (err)
		return fail(giving, shown, err);
	giving->given[giving->cnt].dir_fd = dir_fd;
	giving->given[giving->cnt++].bits = missing;
	return 0;
}

int tree_giving__give(struct tree_giving *giving, int dir_fd, const char *path)
{
	size_t before = giving->cnt;
	int err = try_to_give(giving, dir_fd, path);

	if (giving->cnt == before)
		close(dir_fd);
	return err;
}

int tree_giving__give_on_the_way(struct tree_giving *giving)
{
	char *path = giving->place->parent, *end = path;
	int err = 0, fd;

	/* What is delegated is complete above, and not ours to write. */
	if (giving->place->is_delegated)
		end = path + strlen(path);
	while (!err && giving->cnt < TREE_LEVELS_MAX - 2) {
		char rest = *end;

		*end = '\0';
		err = cgfs_open_path(giving->place->root_fd, *path ? path : "/", &fd);
		err = err ? fail(giving, path, err)
			  : tree_giving__give(giving, fd, *path ? path : "/");
		*end = rest;
		if (!rest || !end[1])
			break;
		end += 1 + strcspn(end + 1, "/");
	}
	return err;
}

void tree_giving__take_back(struct tree_giving *giving)
{
	while (giving->cnt) {
		int dir_fd = giving->given[--giving->cnt].dir_fd;

		/* Refused while a child still uses them. */
		tree_controllers_write(dir_fd, giving->given[giving->cnt].bits, false);
		close(dir_fd);
	}
}

void tree_giving__close(struct tree_giving *giving)
{
	while (giving->cnt)
		close(giving->given[--giving->cnt].dir_fd);
}

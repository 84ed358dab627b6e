/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells by a worker's mark whether a cgroup below it is a service's. It changes nothing. */
#include "user/tree_target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/tree.h"

static bool is_marked(const char *parent, struct tree_mark *ret_mark)
{
	int root_fd, fd;
	bool is = false;

	if (cgfs_open_root(&root_fd))
		return false;
	if (!cgfs_open_path(root_fd, parent, &fd)) {
		is = !tree_mark__read(fd, ret_mark);
		close(fd);
	}
	close(root_fd);
	return is;
}

bool tree_target_is(const char *path, const char *file, const char *service)
{
	const char *name = strrchr(path, '/');
	size_t len = name ? strlen(name) : 0, suffix_len = strlen(".slice");
	struct tree_worker worker = {};
	char *wanted = NULL;
	bool is = false;

	/* Most are nothing like it: no file is opened for them. */
	if (!name || name == path ||
	    (strcmp(name + 1, service) != 0 &&
	     (len <= suffix_len || strcmp(name + len - suffix_len, ".slice") != 0)))
		return false;
	worker.path = strndup(path, name - path);
	if (worker.path && is_marked(worker.path, &worker.mark) &&
	    worker.mark.kind == TREE_WORKER && strcmp(worker.mark.file, file) == 0) {
		wanted = tree_worker__service_path(&worker, service);
		is = wanted && strcmp(wanted, path) == 0;
	}
	free(wanted);
	tree_worker__free(&worker);
	return is;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Finds the cgroup or container that a drill was asked for by name, and refuses what must not be
 * drilled. It never changes anything. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/log.h"
#include "user/proc_stat.h"
#include "user/squeeze.h"
#include "user/text.h"

#define PROCS_BYTES 65536

bool squeeze_is_above(const char *above, const char *below)
{
	size_t len = strlen(above);

	while (len && above[len - 1] == '/')
		len--;
	return strncmp(above, below, len) == 0 && (below[len] == '/' || below[len] == '\0');
}

/* When PID began, and its name; 0: it is gone. */
static uint64_t start_of(pid_t pid, char *ret_comm)
{
	char text[PROC_STAT_LEN];
	const char *start = proc_stat_read(pid, PROC_STAT_START, text);

	if (!start)
		return 0;
	proc_stat_comm(text, ret_comm);
	return strtoull(start, NULL, 10);
}

struct oldest {
	pid_t pid;
	uint64_t start;
	char comm[CGBPF_COMM_LEN];
};

static int look_for_oldest(void *context, int dir_fd, const char *path)
{
	char *text = malloc(PROCS_BYTES), comm[CGBPF_COMM_LEN];
	struct oldest *oldest = context;
	int err = text ? cgfs_read(dir_fd, "cgroup.procs", text, PROCS_BYTES) : -ENOMEM;

	(void)path;
	for (char *at = text; !err && at && *at; at = strchr(at, '\n')) {
		pid_t pid = (pid_t)strtol(at + (*at == '\n'), NULL, 10);
		uint64_t start = start_of(pid, comm);

		if (start && (!oldest->pid || start < oldest->start ||
			      (start == oldest->start && pid < oldest->pid))) {
			oldest->pid = pid;
			oldest->start = start;
			memcpy(oldest->comm, comm, sizeof(oldest->comm));
		}
		at += *at == '\n';
	}
	free(text);
	return 0;
}

static void find_first(struct squeeze_target *target)
{
	struct oldest oldest = {};

	if (target->first_pid) {
		start_of(target->first_pid, target->first_comm);
		return;
	}
	look_for_oldest(&oldest, target->dir_fd, "");
	cgfs_walk(target->dir_fd, look_for_oldest, &oldest);
	target->first_pid = oldest.pid;
	memcpy(target->first_comm, oldest.comm, sizeof(target->first_comm));
}

static int refuse(const struct squeeze_target *target)
{
	char shown[256], *own = NULL;
	int err = cgfs_path_of_pid(0, &own);

	if (err)
		return err;
	text_escape(target->path, strlen(target->path), shown, sizeof(shown));
	if (squeeze_is_above(target->path, own)) {
		log_error("squeeze: %s: refused: this cgbpf runs in it", shown);
		err = -EPERM;
	} else if (faccessat(target->dir_fd, "memory.max", F_OK, 0) < 0) {
		log_error("squeeze: %s: it has no memory.max: the memory controller is not "
			  "handed out to it",
			  shown);
		err = -EINVAL;
	}
	free(own);
	return err;
}

static int open_target(int root_fd, struct squeeze_target *target)
{
	char shown[256], *path;
	int err = cgfs_open_path(root_fd, target->path, &target->dir_fd);

	if (!err)
		err = cgfs_id(target->dir_fd, &target->id);
	/* What is compared is the kernel's own spelling: no "//", no "/./". */
	if (!err)
		err = cgfs_path(root_fd, target->dir_fd, &path);
	if (err) {
		log_error("squeeze: %s: %s",
			  text_escape(target->path, strlen(target->path), shown, sizeof(shown)),
			  cgfs_is_gone(err) ? "there is no such cgroup" : strerror(-err));
		return err;
	}
	free(target->path);
	target->path = path;
	find_first(target);
	return refuse(target);
}

int squeeze_target__find(int root_fd, const char *cgroup, const char *container,
			 struct squeeze_target *ret_target)
{
	struct squeeze_target target = {.dir_fd = -1};
	int err = 0;

	if (container) {
		err = squeeze_container__find(container, &target);
	} else if (cgroup[0] != '/') {
		log_error("squeeze: a cgroup is named by its path below " CGFS_ROOT
			  ", such as /lab/job");
		err = -EINVAL;
	} else {
		target.path = strdup(cgroup);
	}
	if (!err)
		err = target.path ? open_target(root_fd, &target) : -ENOMEM;
	if (err) {
		squeeze_target__free(&target);
		return err;
	}
	*ret_target = target;
	return 0;
}

void squeeze_target__free(struct squeeze_target *target)
{
	free(target->path);
	free(target->container);
	if (target->dir_fd >= 0)
		close(target->dir_fd);
	*target = (struct squeeze_target){.dir_fd = -1};
}

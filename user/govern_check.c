// SPDX-License-Identifier: BSD-2-Clause
/* Checks targets against the cgroups there are, before anything is governed. It never changes
 * anything. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/container_path.h"
#include "user/controller.h"
#include "user/task.h"
#include "user/text.h"

struct check {
	struct controller *controller;
	char *error;
	size_t error_len;
};

static int check_one(void *context, int dir_fd, const char *path)
{
	const struct target_config *first, *other;
	struct check *check = context;
	const char *file = check->controller->config.file;
	char shown[256];

	(void)dir_fd;
	first = targets__match(&check->controller->targets, path, &other);
	if (!first || !other)
		return 0;
	snprintf(check->error, check->error_len,
		 "%s:%u:%u: two targets claim the cgroup %s (the other at line %u)", file,
		 other->line, other->column, text_escape(path, strlen(path), shown, sizeof(shown)),
		 first->line);
	return -EINVAL;
}

/* A kernel thread stays where it is, and what a container runs is not taken out of it. */
static int check_pids(const struct controller *controller, char *error, size_t error_len)
{
	for (size_t i = 0; i < controller->config.targets_cnt; i++) {
		const struct target_config *target = &controller->config.targets[i];

		for (size_t j = 0; j < target->pids_cnt; j++) {
			const struct pid_config *pid = &target->pids[j];
			struct container_path in, to;
			char *path = NULL;
			const char *why = NULL;

			if (task_is_kernel(pid->pid))
				why = "is a kernel thread";
			else if (!cgfs_path_of_pid(pid->pid, &path) &&
				 container_path_parse(path, &in) &&
				 (!container_path_parse(target->match, &to) ||
				  in.id_len != to.id_len || memcmp(in.id, to.id, in.id_len) != 0))
				why = "is in a container, and is not taken out of it";
			free(path);
			if (!why)
				continue;
			snprintf(error, error_len, "%s:%u:%u: process %u %s",
				 controller->config.file, pid->line, pid->column, pid->pid, why);
			return -EINVAL;
		}
	}
	return 0;
}

int govern__check(struct controller *controller, char *error, size_t error_len)
{
	struct check check = {controller, error, error_len};

	for (size_t i = 0; i < controller->config.targets_cnt; i++) {
		const struct target_config *target = &controller->config.targets[i];
		char shown[256];
		int fd, err;

		if (target->kind != TARGET_CGROUP)
			continue;
		err = cgfs_open_path(controller->root_fd, target->match, &fd);
		if (!err)
			close(fd);
		if (err != -ELOOP && err != -EXDEV && err != -ENAMETOOLONG)
			continue;
		snprintf(error, error_len,
			 "%s:%u:%u: the cgroup %s leads outside the cgroup root: %s",
			 controller->config.file, target->line, target->column,
			 text_escape(target->match, strlen(target->match), shown, sizeof(shown)),
			 strerror(-err));
		return -EINVAL;
	}
	if (check_pids(controller, error, error_len))
		return -EINVAL;
	return cgfs_walk(controller->root_fd, check_one, &check);
}

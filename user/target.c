// SPDX-License-Identifier: BSD-2-Clause
/* Tells which target a cgroup belongs to. It never changes anything. */
#include "user/target.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/container_path.h"
#include "user/docker.h"
#include "user/log.h"
#include "user/text.h"
#include "user/tree_target.h"

static bool matches_docker(const struct target_config *target, const char *path)
{
	static int last_err;
	char id[CONTAINER_ID_LEN + 1], shown[128];
	struct container_path container;
	int is;

	/* Its own cgroup, where its limits are; not one that it made below. */
	if (!container_path_parse(path, &container) || !container.is_hex || !container.is_own)
		return false;
	memcpy(id, container.id, CONTAINER_ID_LEN);
	id[CONTAINER_ID_LEN] = '\0';
	is = docker_is(id, target->match);
	if (is < 0 && is != -EAGAIN && is != last_err)
		log_warning("target %s: the Docker Engine cannot be asked: %s, ignoring",
			    text_escape(target->name, strlen(target->name), shown, sizeof(shown)),
			    strerror(-is));
	if (is != -EAGAIN)
		last_err = is < 0 ? is : 0;
	return is > 0;
}

static bool matches(const struct targets *targets, size_t i, const char *path)
{
	const struct target_config *target = &targets->config->targets[i];
	const char *name = strrchr(path, '/');

	switch (target->kind) {
	case TARGET_CGROUP:
		return fnmatch(target->match, path, FNM_PATHNAME) == 0 ||
		       strcmp(target->match, path) == 0;
	case TARGET_UNIT:
		return name && strcmp(name + 1, target->match) == 0;
	case TARGET_PID:
		return targets->pid_paths[i] && strcmp(targets->pid_paths[i], path) == 0;
	case TARGET_DOCKER:
		return matches_docker(target, path);
	case TARGET_TREE:
		return tree_target_is(path, target->match, target->service);
	case TARGET_ALL_FINITE:
		return true;
	case TARGET_NONE:
		break;
	}
	return false;
}

const struct target_config *targets__match(const struct targets *targets, const char *path,
					   const struct target_config **ret_other)
{
	const struct target_config *first = NULL;

	if (ret_other)
		*ret_other = NULL;
	/* The root has no limits; our own cgroup and init's are left alone. */
	if (strcmp(path, "/") == 0 || strcmp(path, "/init.scope") == 0 ||
	    (targets->own_path && strcmp(path, targets->own_path) == 0))
		return NULL;
	for (size_t i = 0; i < targets->config->targets_cnt; i++) {
		if (!matches(targets, i, path))
			continue;
		if (first) {
			if (ret_other)
				*ret_other = &targets->config->targets[i];
			break;
		}
		first = &targets->config->targets[i];
		if (!ret_other)
			break;
	}
	return first;
}

static int refuse(const struct config *config, const struct target_config *target, const char *what,
		  char *error, size_t error_len)
{
	snprintf(error, error_len, "%s:%u:%u: %s", config->file, target->line, target->column,
		 what);
	return -EINVAL;
}

static int resolve_pid(const struct targets *targets, size_t i, char *error, size_t error_len)
{
	const struct target_config *target = &targets->config->targets[i];
	int err = cgfs_path_of_pid(strtoul(target->match, NULL, 10), &targets->pid_paths[i]);

	if (err) {
		log_warning("%s:%u:%u: process %s: %s, ignoring", targets->config->file,
			    target->line, target->column, target->match, strerror(-err));
		return 0;
	}
	if (strcmp(targets->pid_paths[i], "/") == 0)
		return refuse(targets->config, target,
			      "the process is in the root cgroup, which has no limits", error,
			      error_len);
	if (targets->own_path && strcmp(targets->pid_paths[i], targets->own_path) == 0)
		return refuse(targets->config, target, "the process is in cgbpf's own cgroup",
			      error, error_len);
	return 0;
}

int targets__resolve(const struct config *config, struct targets *ret_targets, char *error,
		     size_t error_len)
{
	struct targets targets = {.config = config};
	int err = 0;

	targets.pid_paths = calloc(config->targets_cnt + 1, sizeof(*targets.pid_paths));
	if (!targets.pid_paths || cgfs_path_of_pid(0, &targets.own_path) == -ENOMEM)
		err = -ENOMEM;
	for (size_t i = 0; i < config->targets_cnt && !err; i++) {
		const struct target_config *target = &config->targets[i];

		if (target->kind == TARGET_PID)
			err = resolve_pid(&targets, i, error, error_len);
		else if (target->kind == TARGET_CGROUP && targets.own_path &&
			 strcmp(targets.own_path, "/") != 0 &&
			 strcmp(target->match, targets.own_path) == 0)
			err = refuse(config, target, "this is cgbpf's own cgroup", error,
				     error_len);
	}
	if (err) {
		targets__free(&targets);
		return err;
	}
	*ret_targets = targets;
	return 0;
}

void targets__free(struct targets *targets)
{
	if (targets->pid_paths)
		for (size_t i = 0; i < targets->config->targets_cnt; i++)
			free(targets->pid_paths[i]);
	free(targets->pid_paths);
	free(targets->own_path);
	*targets = (struct targets){};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks what the Docker Engine says of a hierarchy against what the kernel says. It changes no
 * container. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/cmd_tree.h"
#include "user/engine.h"
#include "user/text.h"
#include "user/tree_verify.h"

void tree_verify_driver(struct tree_report *report, const struct tree_list *list)
{
	enum tree_driver driver = TREE_CGROUPFS;
	int err = tree_docker_driver(&driver);

	if (err) {
		tree_found(report, "driver", TREE_UNKNOWN,
			   "start Docker, set DOCKER_HOST, or join the group docker",
			   "the Docker Engine cannot be asked: %s", engine_error(err));
		return;
	}
	for (size_t i = 0; i < list->cnt; i++) {
		const struct tree_worker *worker = &list->workers[i];
		char shown[512];

		text_escape(worker->path, strlen(worker->path), shown, sizeof(shown));
		if (worker->mark.driver == driver)
			tree_found(report, "driver", TREE_GOOD, NULL,
				   "%s: made for Docker's cgroup driver, which is %s", shown,
				   tree_driver_name(driver));
		else
			tree_found(
				report, "driver", TREE_BAD,
				driver == TREE_SYSTEMD ? tree_docker_cure
						       : "make it again without '--driver systemd'",
				"%s: Docker's cgroup driver is %s, and this was made for %s", shown,
				tree_driver_name(driver), tree_driver_name(worker->mark.driver));
	}
}

/* A container of which Docker says that its parent is PARENT. */
struct container {
	const char *name, *id, *parent;
	unsigned int pid;
};

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static void check_kernel(struct tree_report *report, const struct container *container,
			 const char *service_path)
{
	char name[256], where[1024], wanted[1024];
	char *path = NULL;
	int err = cgfs_path_of_pid(container->pid, &path);

	text_escape(container->name, strlen(container->name), name, sizeof(name));
	text_escape(service_path, strlen(service_path), wanted, sizeof(wanted));
	if (err)
		tree_found(report, "containers", TREE_UNKNOWN, NULL, "container %s: %s", name,
			   strerror(-err));
	else if (is_below(path, service_path))
		tree_found(report, "containers", TREE_GOOD, NULL, "container %s is in %s", name,
			   wanted);
	else
		tree_found(report, "containers", TREE_BAD, "start the container again",
			   "container %s was to be in %s, and the kernel has it in %s", name,
			   wanted, text_escape(path, strlen(path), where, sizeof(where)));
	free(path);
}

/* Is PARENT, by its name, in the project that WORKER is in? */
static bool is_in_project(const struct tree_worker *worker, const char *parent)
{
	const char *name = strrchr(worker->path, '/') + 1;
	size_t len = name - 1 - worker->path;

	if (worker->mark.driver == TREE_CGROUPFS)
		return strncmp(parent, worker->path, len) == 0 && parent[len] == '/';
	/* Others may have slices below PROJECT.slice as well. */
	len = strcspn(name, "-") + 1;
	return strncmp(parent, name, len) == 0 && tree_slice_time_in(parent);
}

/* Whose parent CONTAINER names; a parent among ours that is no service's is wrong. */
static void check_container(struct tree_report *report, const struct tree_list *list,
			    const struct tree_config *config, const struct container *container)
{
	char name[256], parent[1024];

	for (size_t i = 0; i < list->cnt; i++) {
		for (size_t j = 0; j < config->services_cnt; j++) {
			const char *service = config->services[j].name;
			char *wanted = tree_worker__docker_parent(&list->workers[i], service);
			char *path = tree_worker__service_path(&list->workers[i], service);
			bool is = wanted && path && strcmp(container->parent, wanted) == 0;

			if (is)
				check_kernel(report, container, path);
			free(wanted);
			free(path);
			if (is)
				return;
		}
	}
	/* Of an earlier run: Docker, or systemd, makes the folder anew, without limits. */
	for (size_t i = 0; i < list->cnt; i++) {
		if (!is_in_project(&list->workers[i], container->parent))
			continue;
		tree_found(
			report, "containers", TREE_BAD,
			"start it with a parent of the present hierarchy ('cgbpf tree show')",
			"container %s: its parent %s is no service of this file",
			text_escape(container->name, strlen(container->name), name, sizeof(name)),
			text_escape(container->parent, strlen(container->parent), parent,
				    sizeof(parent)));
		return;
	}
}

static void check_id(struct tree_report *report, const struct tree_list *list,
		     const struct tree_config *config, const char *id)
{
	struct container container = {.id = id};
	json_t *json = NULL;
	char url[256];

	snprintf(url, sizeof(url), "/containers/%.64s/json", id);
	if (engine_get(url, &json))
		return; /* gone meanwhile */
	container.name = json_string_value(json_object_get(json, "Name"));
	container.parent = json_string_value(
		json_object_get(json_object_get(json, "HostConfig"), "CgroupParent"));
	container.pid = json_integer_value(json_object_get(json_object_get(json, "State"), "Pid"));
	if (container.name && container.parent && container.pid) {
		container.name += *container.name == '/';
		check_container(report, list, config, &container);
	}
	json_decref(json);
}

void tree_verify_containers(struct tree_report *report, const struct tree_list *list,
			    const struct tree_config *config)
{
	enum tree_driver driver = TREE_CGROUPFS;
	json_t *containers = NULL, *container;
	size_t i;

	/* Said already where it cannot be asked. */
	if (tree_docker_driver(&driver) || engine_get("/containers/json", &containers))
		return;
	json_array_foreach(containers, i, container)
	{
		const char *id = json_string_value(json_object_get(container, "Id"));

		if (id && strspn(id, "0123456789abcdef") == strlen(id))
			check_id(report, list, config, id);
	}
	json_decref(containers);
}

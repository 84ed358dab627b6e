// SPDX-License-Identifier: BSD-2-Clause
/* Brings cgroups under their rules and lets them go. It never raises for need (see rescue) and
 * never restores. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/observe.h"

/* Descriptors that no group takes: the loop, a walk and the restore need theirs. */
#define SPARE_DESCRIPTORS 24

/* Descriptors are given from the lowest number up. */
bool govern__is_spared(int fd)
{
	return fd < sysconf(_SC_OPEN_MAX) - SPARE_DESCRIPTORS;
}

int govern__set_rule(struct controller *controller, const struct group *group)
{
	const struct group_cpu *cpu = group->cpu;
	const struct group_io *io = group->io;
	uint32_t wanted = 0;
	struct cgbpf_rule rule = {
		.soft_bytes = group->rule.soft_bytes,
		.hard_bytes = group->rule.hard_bytes,
		.step_bytes = group->rule.step_bytes,
		/* Nobody is held for an answer that will not come. */
		.hold_ns = controller->apply.is_dry_run ? 0 : group->hold_ns,
		.watermark_ppm = group->rule.watermark_ppm,
	};

	if (group->has_memory && !group->is_stopped)
		rule.knobs |= 1 << CGBPF_KNOB_MEMORY_MAX |
			      (group->has_high ? 1 << CGBPF_KNOB_MEMORY_HIGH : 0);
	if (cpu && !cpu->is_stopped) {
		rule.knobs |= cpu->mode == CPU_MODE_WEIGHT ? 1 << CGBPF_KNOB_CPU_WEIGHT
							   : 1 << CGBPF_KNOB_CPU_MAX;
	}
	/* In mode weight they are no parts of a CPU. */
	if (cpu && !cpu->is_stopped && cpu->mode == CPU_MODE_QUOTA) {
		if (cpu->has_burst)
			rule.knobs |= 1 << CGBPF_KNOB_CPU_MAX_BURST;
		rule.cpu_soft_ppm = cpu->rule.soft;
		rule.cpu_hard_ppm = cpu->rule.hard;
	}
	if (io && !io->is_stopped) {
		rule.knobs |= 1 << CGBPF_KNOB_IO_MAX;
		rule.io_device = io->device;
		for (int kind = 0; kind < IO_KINDS; kind++)
			if (io->rates[kind].is_governed && !io->rates[kind].is_hard_said)
				wanted |= 1U << (kind & 1); /* rbps, wbps, riops, wiops */
		rule.io_quiet = ~wanted & 3;
	}
	if (group->has_priority && group->priority.has_nice) {
		rule.knobs |= 1 << CGBPF_KNOB_NICE;
		rule.nice = group->priority.nice;
	}
	if (group->has_priority && group->priority.sched) {
		rule.knobs |= 1 << CGBPF_KNOB_POLICY;
		rule.policy = priority_policy(group->priority.sched);
	}
	if (group->has_priority && group->priority.weight)
		rule.knobs |= 1 << CGBPF_KNOB_CPU_WEIGHT;
	memcpy(rule.target, group->target, sizeof(rule.target));
	if (rule.knobs)
		return loader__set_rule(controller->loader, group->id, &rule);
	loader__drop_rule(controller->loader, group->id);
	return 0;
}

void govern__refresh(struct controller *controller, uint64_t id)
{
	struct group *group = groups__find(&controller->groups, id);

	/* What is only observed has a rule of its own (see observe). */
	if (group && !controller->is_observing)
		govern__set_rule(controller, group);
}

int govern__enter(struct controller *controller, struct group *group)
{
	int err;

	if (groups__find(&controller->groups, group->id))
		return 0;
	pthread_mutex_lock(&controller->groups.lock);
	err = groups__add(&controller->groups, group);
	pthread_mutex_unlock(&controller->groups.lock);
	return err;
}

void govern__open_usage(struct group *group)
{
	int fd;

	if (group->usage_fd >= 0)
		return;
	fd = openat(group->dir_fd, "memory.current", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && !govern__is_spared(fd)) {
		close(fd);
		fd = -1;
	}
	group->usage_fd = fd;
}

bool govern__is_any(const struct group *group)
{
	return group->has_memory || group->cpu || group->io || group->has_priority;
}

void govern__drop(struct controller *controller, uint64_t id)
{
	struct group *group;

	pthread_mutex_lock(&controller->groups.lock);
	group = groups__take(&controller->groups, id);
	if (group)
		controller->pool.promised_bytes -= group->unused_bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	loader__drop_rule(controller->loader, id);
	learn__forget(controller->learn, id);
	donors__forget(controller, id);
	group__free(group);
}

/* None of its resources is governed yet. */
static struct group *group_of(const struct target_config *target, uint64_t id, const char *path,
			      int dir_fd, uint64_t made_ns)
{
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	group->max_fd = group->usage_fd = -1;
	group->id = id;
	group->path = strdup(path);
	memcpy(group->target, target->name, sizeof(group->target));
	group->on_foreign_write = target->on_foreign_write;
	group->made_ns = made_ns;
	group->limit_bytes = UINT64_MAX;
	group->is_stopped = true;
	if (!group->path || group->dir_fd < 0 || !govern__is_spared(group->dir_fd)) {
		if (group->dir_fd >= 0)
			errno = EMFILE;
		group__free(group);
		return NULL;
	}
	return group;
}

void govern__look_after(struct controller *controller, struct group *group)
{
	memory__look_after(controller, group);
	cpu__look_after(controller, group);
	io__look_after(controller, group);
	priority__look_after(controller, group);
}

int govern__consider(struct controller *controller, int dir_fd, const char *path, uint64_t made_ns)
{
	const struct target_config *target;
	struct group *group;
	uint64_t id;
	bool is_new;

	if (cgfs_id(dir_fd, &id))
		return 1;
	group = groups__find(&controller->groups, id);
	target = targets__match(&controller->targets, path, NULL);
	if (!target)
		return group != NULL;
	is_new = !group;
	if (is_new)
		group = group_of(target, id, path, dir_fd, made_ns);
	if (!group) {
		govern__fail(controller, target, path, -errno);
		return 0;
	}
	if (controller->is_observing)
		return observe__watch(controller, group, target->kind != TARGET_ALL_FINITE);
	if (!is_new)
		govern__look_after(controller, group);
	/* Each adds what is wanted and not there yet. */
	memory__govern(controller, group, target);
	cpu__govern(controller, group, target);
	io__govern(controller, group, target);
	priority__govern(controller, group, target);
	if (govern__is_any(group))
		return 1;
	if (groups__find(&controller->groups, id))
		govern__drop(controller, id);
	else
		group__free(group);
	return 0;
}

static int consider_each(void *context, int dir_fd, const char *path)
{
	govern__consider(context, dir_fd, path, 0);
	return 0;
}

int govern__all(struct controller *controller)
{
	return cgfs_walk(controller->root_fd, consider_each, controller);
}

void govern__consider_id(struct controller *controller, uint64_t id, uint64_t made_ns)
{
	char *path = NULL;
	int fd;

	if (cgfs_open_id(controller->root_fd, id, &fd))
		return;
	if (!cgfs_path(controller->root_fd, fd, &path))
		govern__consider(controller, fd, path, made_ns);
	free(path);
	close(fd);
}

struct children {
	struct controller *controller;
	char *parent;
};

static int consider_child(void *context, int dir_fd, const char *name)
{
	struct children *children = context;
	char *path;

	if (asprintf(&path, "%s%s", strcmp(children->parent, "/") ? children->parent : "", name) <
	    0)
		return -ENOMEM;
	govern__consider(children->controller, dir_fd, path, 0);
	free(path);
	return 1; /* not what is below it */
}

void govern__consider_children(struct controller *controller, uint64_t id)
{
	struct children children = {.controller = controller};
	int fd;

	if (cgfs_open_id(controller->root_fd, id, &fd))
		return;
	if (!cgfs_path(controller->root_fd, fd, &children.parent))
		cgfs_walk(fd, consider_child, &children);
	free(children.parent);
	close(fd);
}

void govern__forget(struct controller *controller, uint64_t id)
{
	struct group *group = groups__find(&controller->groups, id);

	if (group)
		io__forget(controller, group);
	cpu__forget(controller, id);
	priority__forget(controller, id);
	apply__forget(&controller->apply, id);
	high__forget(controller, id);
	govern__drop(controller, id);
}

void govern__release_all(struct controller *controller)
{
	struct group *group = NULL;

	while ((group = groups__next(&controller->groups, group)))
		loader__drop_rule(controller->loader, group->id);
}

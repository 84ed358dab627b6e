// SPDX-License-Identifier: BSD-2-Clause
/* Brings cgroups under their rules and lets them go. It never raises for need (see rescue) and
 * never restores. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/ledger.h"
#include "user/log.h"
#include "user/restore.h"
#include "user/text.h"
#include "user/units.h"

#define PAGE_BYTES 4096ULL
/* A folder is announced just before it can be opened (cgroup_mkdir() in kernel/cgroup/cgroup.c). */
#define OPEN_TRIES 6
#define OPEN_PAUSE_NS (200 * 1000L)
/* Descriptors that no group takes: the loop, a walk and the restore need theirs. */
#define SPARE_DESCRIPTORS 24

/* Descriptors are given from the lowest number up. */
static bool is_spared(int fd)
{
	if (fd < sysconf(_SC_OPEN_MAX) - SPARE_DESCRIPTORS)
		return true;
	errno = EMFILE;
	return false;
}

struct memory_rule govern__rule(const struct memory_config *memory, uint64_t found_bytes)
{
	uint64_t soft = memory->soft_bytes ? memory->soft_bytes : found_bytes;
	uint64_t hard = memory->hard_bytes;

	if (!hard)
		hard = soft > UINT64_MAX / 2 ? soft : 2 * soft;
	if (hard < soft)
		hard = soft;
	return (struct memory_rule){
		.soft_bytes = soft == UINT64_MAX ? soft : soft & ~(PAGE_BYTES - 1),
		.hard_bytes = hard & ~(PAGE_BYTES - 1),
		.step_bytes = memory->step_bytes,
		.watermark_ppm = memory->watermark_ppm,
	};
}

/* The limit from before us: an earlier run may have left its own, with the original in the ledger.
 */
static uint64_t limit_before(const struct controller *controller, uint64_t id, uint64_t found_bytes)
{
	struct cgbpf_ledger_key key = {.cgroup_id = id, .knob = CGBPF_KNOB_MEMORY_MAX};
	struct cgbpf_ledger_entry entry;
	uint64_t original;

	if (ledger__get(controller->apply.ledger_fd, &key, &entry) ||
	    units_parse_limit(entry.original, &original) || original == UINT64_MAX)
		return found_bytes;
	return original;
}

static struct group *group_of(const struct controller *controller,
			      const struct target_config *target, uint64_t id, const char *path,
			      int dir_fd, uint64_t found_bytes, uint64_t made_ns)
{
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	group->max_fd = -1;
	group->id = id;
	group->path = strdup(path);
	memcpy(group->target, target->name, sizeof(group->target));
	group->on_foreign_write = target->on_foreign_write;
	group->return_after_ns = target->memory.return_after_ns;
	group->hold_ns = target->memory.hold_ns;
	group->is_soft_given = target->memory.soft_bytes != 0;
	group->rule = govern__rule(&target->memory, limit_before(controller, id, found_bytes));
	group->limit_bytes = found_bytes;
	group->made_ns = made_ns;
	if (!group->path || group->dir_fd < 0 ||
	    apply__open_limit(group->dir_fd, &group->max_fd) < 0 || !is_spared(group->max_fd)) {
		group__free(group);
		return NULL;
	}
	return group;
}

int govern__set_rule(struct controller *controller, const struct group *group)
{
	struct cgbpf_rule rule = {
		.soft_bytes = group->rule.soft_bytes,
		.hard_bytes = group->rule.hard_bytes,
		.step_bytes = group->rule.step_bytes,
		/* Nobody is held for an answer that will not come. */
		.hold_ns = controller->apply.is_dry_run ? 0 : group->hold_ns,
		.watermark_ppm = group->rule.watermark_ppm,
		.knobs = 1 << CGBPF_KNOB_MEMORY_MAX,
	};

	memcpy(rule.target, group->target, sizeof(rule.target));
	return loader__set_rule(controller->loader, group->id, &rule);
}

/* Writes the limit with which governing begins: soft, or above it where more is in use. The rule is
 * in force already. */
static int begin(struct controller *controller, struct group *group)
{
	struct journal_record record = report_about(group, JOURNAL_GOVERNED);
	/* Since the kernel made it, or since we looked at it. */
	uint64_t origin_ns = group->made_ns ? group->made_ns : apply_now_ns();
	uint64_t start, margin, written_ns;
	struct memory_look look;
	enum reason reason;
	int err = cgfs_look(group->dir_fd, &look);

	if (err)
		return err;
	record.times.received_ns = group->made_ns ? apply_now_ns() - origin_ns : 0;
	margin = decide_memory_margin(look.fixed_bytes, controller->apply.cpus);
	start = decide_memory_start(&group->rule, record.old_bytes, look.fixed_bytes, margin,
				    &reason);
	record.times.decided_ns = apply_now_ns() - origin_ns;
	if (start > record.old_bytes) {
		pthread_mutex_lock(&controller->groups.lock);
		err = apply__raise(&controller->apply, group, start, &written_ns);
		pthread_mutex_unlock(&controller->groups.lock);
	} else if (start < record.old_bytes) {
		err = calm__lower(controller, group, start);
	}
	if (err == -EBUSY || err == -EAGAIN) { /* it grew meanwhile: it returns like any other */
		start = group->limit_bytes;
		reason = REASON_ABOVE_SOFT;
		err = 0;
	}
	if (err)
		return err;
	record.new_bytes = start;
	record.has_times = true;
	record.times.effective_ns = apply_now_ns() - origin_ns;
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
	return 0;
}

/* Ledger, table, rule, limit, in this order: no moment is without a rule, and no change without its
 * original. */
static int install(struct controller *controller, struct group *group, const char *original)
{
	int err = apply__remember(&controller->apply, group, original);

	if (err)
		return err;
	pthread_mutex_lock(&controller->groups.lock);
	err = groups__add(&controller->groups, group);
	pthread_mutex_unlock(&controller->groups.lock);
	if (err)
		return err;
	err = govern__set_rule(controller, group);
	return err ? err : begin(controller, group);
}

/* Takes a group out of the table and its rule out of the kernel; limit and ledger stay. */
static void drop(struct controller *controller, uint64_t id)
{
	struct group *group;

	pthread_mutex_lock(&controller->groups.lock);
	group = groups__take(&controller->groups, id);
	if (group)
		controller->pool.promised_bytes -= group->unused_bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	loader__drop_rule(controller->loader, id);
	group__free(group);
}

/* What an explicit target cannot be governed for is worth a line; what a glob meets on its way is
 * not. */
static int pass_over(const struct target_config *target, const char *path, const char *why)
{
	char shown[256];

	if (target->kind != TARGET_ALL_FINITE)
		log_warning("%s: not governed: %s",
			    text_escape(path, strlen(path), shown, sizeof(shown)), why);
	return 0;
}

/* Below memory.high the kernel slows tasks down before they come near memory.max; that is not ours
 * to lift. */
static void warn_of_high(const struct group *group)
{
	char shown[256], high[32];
	uint64_t bytes;

	if (!cgfs_read_bytes(group->dir_fd, "memory.high", &bytes) &&
	    bytes < group->rule.hard_bytes)
		log_warning("%s: memory.high is %s: the kernel slows it down there, whatever "
			    "memory.max is",
			    text_escape(group->path, strlen(group->path), shown, sizeof(shown)),
			    units_format_bytes(bytes, high, sizeof(high)));
}

int govern__consider(struct controller *controller, int dir_fd, const char *path, uint64_t made_ns)
{
	const struct target_config *target;
	struct cgbpf_ledger_key key = {.knob = CGBPF_KNOB_MEMORY_MAX};
	char original[CGBPF_VALUE_LEN];
	struct restored_limit limit;
	struct group *group;
	uint64_t id, found;
	int err;

	if (cgfs_id(dir_fd, &id) || groups__find(&controller->groups, id))
		return 1;
	target = targets__match(&controller->targets, path, NULL);
	if (!target)
		return 0;
	err = cgfs_read(dir_fd, "memory.max", original, sizeof(original));
	if (cgfs_is_gone(err))
		return target->kind == TARGET_ALL_FINITE ||
				       faccessat(dir_fd, "cgroup.procs", F_OK, 0)
			       ? 0
			       : pass_over(
					 target, path,
					 "it has no memory controller yet (+memory in its parent's "
					 "cgroup.subtree_control)");
	if (err || units_parse_limit(original, &found))
		return pass_over(target, path, "memory.max cannot be read");
	if (found == UINT64_MAX && !target->memory.soft_bytes)
		return 0; /* no limit to begin with; its first is an event */
	group = group_of(controller, target, id, path, dir_fd, found, made_ns);
	if (!group)
		return pass_over(target, path, strerror(errno));
	warn_of_high(group);
	err = install(controller, group, original);
	if (!err)
		return 1;
	if (!cgfs_is_gone(err))
		pass_over(target, path, strerror(-err));
	if (groups__find(&controller->groups, id))
		drop(controller, id);
	else
		group__free(group);
	/* An entry may be there from an earlier run: it is forgotten only where the original
	 * stands. */
	key.cgroup_id = id;
	restore__key(&controller->apply, controller->root_fd, &key, &limit);
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

static int open_when_ready(const struct controller *controller, uint64_t id, int *ret_fd)
{
	struct timespec pause = {.tv_nsec = OPEN_PAUSE_NS};
	int err = 0;

	for (int i = 0; i < OPEN_TRIES; i++) {
		err = cgfs_open_id(controller->root_fd, id, ret_fd);
		if (!cgfs_is_gone(err))
			break;
		nanosleep(&pause, NULL);
	}
	return err;
}

void govern__consider_id(struct controller *controller, uint64_t id, uint64_t made_ns)
{
	char *path = NULL;
	int fd;

	if (groups__find(&controller->groups, id) ||
	    (made_ns ? open_when_ready(controller, id, &fd)
		     : cgfs_open_id(controller->root_fd, id, &fd)))
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
	drop(controller, id);
	apply__forget(&controller->apply, id);
}

void govern__release_all(struct controller *controller)
{
	struct group *group = NULL;

	while ((group = groups__next(&controller->groups, group)))
		loader__drop_rule(controller->loader, group->id);
}

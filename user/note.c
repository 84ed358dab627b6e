// SPDX-License-Identifier: BSD-2-Clause
/* What the main thread does about each note of the kernel side: cgroups that come and go, kills,
 * other writers. It never answers an emergency (see rescue). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/audit.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/observe.h"

/* The path of a cgroup that may be gone; the caller frees. What was governed is known by its table.
 */
static char *path_of(struct controller *controller, uint64_t id)
{
	struct group *group = groups__find(&controller->groups, id);
	char *path = NULL;
	int fd;

	if (group)
		return strdup(group->path);
	if (!cgfs_open_id(controller->root_fd, id, &fd)) {
		cgfs_path(controller->root_fd, fd, &path);
		close(fd);
	}
	return path ? path : strdup("?");
}

/* A kill, or the end of one that was killed. */
static void on_kill(struct controller *controller, const struct cgbpf_event *event)
{
	bool is_exit = event->kind == CGBPF_EVENT_VICTIM_EXIT;
	int code = (int)event->kill.exit_code;
	struct journal_record record = {
		.event = is_exit ? JOURNAL_OOM_EXIT : JOURNAL_OOM_KILL,
		.cgroup_id = event->kill.victim_cgroup_id,
		.trigger_pid = is_exit ? 0 : event->pid,
		.victim_pid = event->kill.victim_pid,
	};
	struct group *group = groups__find(&controller->groups, record.cgroup_id);
	char *path = path_of(controller, record.cgroup_id);
	char *owner = event->cgroup_id ? path_of(controller, event->cgroup_id) : strdup("/");
	char comm[CGBPF_COMM_LEN + 1] = {}, saved[AUDIT_DETAIL_LEN];

	memcpy(comm, event->kill.victim_comm, CGBPF_COMM_LEN);
	record.victim_comm = comm;
	record.cgroup = path;
	record.limit_cgroup = owner ? owner : "?";
	if (is_exit) {
		record.has_exit = true;
		record.exit_status = code & 0x7f ? 128 + (code & 0x7f) : code >> 8 & 0xff;
	} else {
		audit__kill(controller, event->cgroup_id, record.limit_cgroup, saved);
		record.would_have_saved = saved;
	}
	record.target = group ? group->target : NULL;
	controller->summary.kill_cnt += !is_exit;
	report(controller, &record);
	free(path);
	free(owner);
}

void note__gone(struct controller *controller, uint64_t id)
{
	struct group *group = groups__find(&controller->groups, id);
	struct journal_record record;

	if (!group)
		return;
	record = report_about(group, JOURNAL_CGROUP_GONE);
	record.knob = NULL;
	report(controller, &record);
	govern__forget(controller, id);
}

/* Also where only its controller was switched off, and perhaps on again. */
void note__lost(struct controller *controller, uint64_t id)
{
	struct group *group = groups__find(&controller->groups, id);

	if (group && faccessat(group->dir_fd, "cgroup.procs", F_OK, 0))
		note__gone(controller, id);
	else
		govern__consider_id(controller, id, 0);
}

void note__handle(struct controller *controller, const struct cgbpf_event *event)
{
	if (observe__note(controller, event))
		return;
	switch (event->kind) {
	case CGBPF_EVENT_CGROUP_NEW:
		govern__consider_id(controller, event->cgroup_id, event->kernel_ns);
		break;
	case CGBPF_EVENT_CGROUP_GONE:
		note__gone(controller, event->cgroup_id);
		break;
	case CGBPF_EVENT_KILL:
	case CGBPF_EVENT_VICTIM_EXIT:
		on_kill(controller, event);
		break;
	case CGBPF_EVENT_WRITE:
		foreign__handle(controller, event);
		break;
	case CGBPF_EVENT_CPU_RELEASED:
		cpu__note(controller, event);
		break;
	case CGBPF_EVENT_TASK:
		priority__note(controller, event);
		break;
	case CGBPF_EVENT_IO_THROTTLED:
		io__note(controller, event);
		break;
	}
}

void note__catch_up(struct controller *controller)
{
	struct group *group, *next;

	for (group = groups__next(&controller->groups, NULL); group; group = next) {
		next = groups__next(&controller->groups, group);
		if (faccessat(group->dir_fd, "cgroup.procs", F_OK, 0)) {
			note__gone(controller, group->id);
			continue;
		}
		group->lost.has_more = true; /* the note that said so may be among them */
		if (!controller->is_observing) {
			govern__look_after(controller, group);
			foreign__find(controller, group);
			priority__catch_up(controller, group);
		}
	}
	govern__all(controller);
}

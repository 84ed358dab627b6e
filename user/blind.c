// SPDX-License-Identifier: BSD-2-Clause
/* Watches memory.events while no BPF program runs. It never writes; the rescuing room answers. */
#include "user/blind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "user/cgfs.h"

struct watch {
	int wd;
	uint64_t id;
};

struct blind {
	int fd;
	struct watch *watches;
	size_t cnt;
};

int blind__open(struct blind **ret_blind)
{
	struct blind *blind = calloc(1, sizeof(*blind));

	if (!blind)
		return -ENOMEM;
	blind->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (blind->fd < 0) {
		free(blind);
		return -errno;
	}
	*ret_blind = blind;
	return 0;
}

int blind__fd(const struct blind *blind)
{
	return blind->fd;
}

static void forget_all(struct blind *blind)
{
	for (size_t i = 0; i < blind->cnt; i++)
		inotify_rm_watch(blind->fd, blind->watches[i].wd);
	free(blind->watches);
	blind->watches = NULL;
	blind->cnt = 0;
}

static void look_and_answer(struct controller *controller, struct group *group)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_WATERMARK, .cgroup_id = group->id};
	struct memory_look look;
	uint64_t limit_bytes;

	if (cgfs_look(group->dir_fd, &look) ||
	    cgfs_read_bytes(group->dir_fd, "memory.max", &limit_bytes))
		return;
	event.memory.limit_bytes = limit_bytes;
	event.kernel_ns = apply_now_ns();
	event.memory.usage_bytes = look.current_bytes;
	event.memory.file_bytes = look.file_bytes;
	event.memory.room_bytes = UINT64_MAX;
	answer(&controller->answerer, &event);
}

void blind__follow(struct blind *blind, struct controller *controller)
{
	struct group *group = NULL;

	if (!controller->is_blind) {
		forget_all(blind);
		return;
	}
	if (blind->cnt == controller->groups.cnt)
		return;
	forget_all(blind);
	blind->watches = calloc(controller->groups.cnt + 1, sizeof(*blind->watches));
	if (!blind->watches)
		return;
	while ((group = groups__next(&controller->groups, group))) {
		char file[64];

		snprintf(file, sizeof(file), "/proc/self/fd/%d/memory.events", group->dir_fd);
		blind->watches[blind->cnt].id = group->id;
		blind->watches[blind->cnt].wd = inotify_add_watch(blind->fd, file, IN_MODIFY);
		blind->cnt += blind->watches[blind->cnt].wd >= 0;
		/* It may have got there while nobody looked. */
		look_and_answer(controller, group);
	}
}

void blind__handle(struct blind *blind, struct controller *controller)
{
	char records[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t len;

	while ((len = read(blind->fd, records, sizeof(records))) > 0) {
		for (char *at = records; at < records + len;) {
			const struct inotify_event *record = (const void *)at;

			at += sizeof(*record) + record->len;
			for (size_t i = 0; i < blind->cnt; i++) {
				struct group *group;

				if (blind->watches[i].wd != record->wd)
					continue;
				group = groups__find(&controller->groups, blind->watches[i].id);
				if (group)
					look_and_answer(controller, group);
			}
		}
	}
}

void blind__close(struct blind *blind)
{
	if (!blind)
		return;
	forget_all(blind);
	close(blind->fd);
	free(blind);
}

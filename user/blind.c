// SPDX-License-Identifier: BSD-2-Clause
/* Watches memory.events, and looks every now and then, while no BPF program runs. It never writes;
 * the rescuing room answers. */
#include "user/blind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/cgfs.h"

/* memory.events speaks when the limit is reached, and where nothing can be reclaimed the kill comes
 * with it: what grows slowly is caught by looking. */
#define LOOK_EVERY_NS (200 * 1000000L)

struct watch {
	int wd;
	uint64_t id;
};

struct blind {
	int fd; /* ready when one of the two is */
	int events_fd, timer_fd;
	bool is_looking;
	struct watch *watches;
	size_t cnt;
};

int blind__open(struct blind **ret_blind)
{
	struct epoll_event wanted = {.events = EPOLLIN};
	struct blind *blind = calloc(1, sizeof(*blind));
	int err = 0;

	if (!blind)
		return -ENOMEM;
	blind->fd = epoll_create1(EPOLL_CLOEXEC);
	blind->events_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	blind->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (epoll_ctl(blind->fd, EPOLL_CTL_ADD, blind->events_fd, &wanted) < 0 ||
	    epoll_ctl(blind->fd, EPOLL_CTL_ADD, blind->timer_fd, &wanted) < 0)
		err = -errno;
	if (err) {
		blind__close(blind);
		return err;
	}
	*ret_blind = blind;
	return 0;
}

/* Begins or ends the looking. */
static void look(struct blind *blind, bool is_looking)
{
	struct itimerspec when = {.it_value.tv_nsec = is_looking ? LOOK_EVERY_NS : 0,
				  .it_interval.tv_nsec = is_looking ? LOOK_EVERY_NS : 0};

	if (is_looking != blind->is_looking)
		timerfd_settime(blind->timer_fd, 0, &when, NULL);
	blind->is_looking = is_looking;
}

int blind__fd(const struct blind *blind)
{
	return blind->fd;
}

static void forget_all(struct blind *blind)
{
	for (size_t i = 0; i < blind->cnt; i++)
		inotify_rm_watch(blind->events_fd, blind->watches[i].wd);
	free(blind->watches);
	blind->watches = NULL;
	blind->cnt = 0;
}

static void look_and_answer(struct controller *controller, struct group *group)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_WATERMARK, .cgroup_id = group->id};
	struct memory_look look;
	uint64_t limit_bytes;

	if (controller->is_observing)
		return;
	if (cgfs_look(group->dir_fd, &look) ||
	    cgfs_read_bytes(group->dir_fd, "memory.max", &limit_bytes))
		return;
	if (look.fixed_bytes <
	    group__reach_at(group, limit_bytes) / PPM * group->rule.watermark_ppm)
		return; /* no need yet */
	event.memory.limit_bytes = limit_bytes;
	event.kernel_ns = apply_now_ns();
	event.memory.usage_bytes = look.current_bytes;
	event.memory.file_bytes = look.file_bytes;
	event.memory.reach_bytes = UINT64_MAX;
	answer(&controller->answerer, &event);
}

void blind__follow(struct blind *blind, struct controller *controller)
{
	struct group *group = NULL;

	look(blind, controller->is_blind);
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
		blind->watches[blind->cnt].wd =
			inotify_add_watch(blind->events_fd, file, IN_MODIFY);
		blind->cnt += blind->watches[blind->cnt].wd >= 0;
		/* It may have got there while nobody looked. */
		look_and_answer(controller, group);
	}
}

void blind__handle(struct blind *blind, struct controller *controller)
{
	char records[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct group *each = NULL;
	uint64_t ticks;
	ssize_t len;

	if (read(blind->timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks))
		while ((each = groups__next(&controller->groups, each)))
			look_and_answer(controller, each);
	while ((len = read(blind->events_fd, records, sizeof(records))) > 0) {
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
	close(blind->events_fd);
	close(blind->timer_fd);
	free(blind);
}

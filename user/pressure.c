// SPDX-License-Identifier: BSD-2-Clause
/* Owns the pressure triggers, and what is measured once one has spoken. It never polls: between
 * spikes nothing of it runs. */
#include "user/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/io.h"
#include "user/knob.h"
#include "user/log.h"
#include "user/measure.h"

/* The kernel takes 500 ms to 10 s (WINDOW_MIN_US in kernel/sched/psi.c). A threshold in parts per
 * million of it is a number of microseconds. */
#define WINDOW_US 1000000ULL
#define WINDOW_NS (WINDOW_US * 1000)
/* A spike that goes on is told again after this long. */
#define REST_NS (10 * 1000000000ULL)
#define OF_MACHINE 0

enum watch_state {
	IDLE = 0,
	MEASURING = 1, /* the trigger spoke; told when a window has passed */
	RESTING = 2, /* told; not again for a while */
};

struct watch {
	uint64_t id; /* of the cgroup; OF_MACHINE */
	enum psi_resource resource;
	uint32_t threshold_ppm;
	int fd;
	enum watch_state state;
	bool is_ongoing; /* the trigger spoke while it rested */
	uint64_t due_ns;
	struct measure base;
};

struct pressure {
	struct controller *controller;
	int epoll_fd, timer_fd;
	struct watch **watches; /* by cgroup and resource, in this order */
	size_t cnt;
	bool is_failure_said;
};

bool pressure_is_wanted(const struct config *config)
{
	for (int i = 0; i < PSI_RESOURCES; i++) {
		if (config->psi.some_ppm[i])
			return true;
		for (size_t t = 0; t < config->targets_cnt; t++)
			if (config->targets[t].psi.some_ppm[i])
				return true;
	}
	return false;
}

void pressure_want_all(struct config *config)
{
	static const struct psi_config tenth = {{PPM / 10, PPM / 10, PPM / 10}};

	if (pressure_is_wanted(config))
		return;
	config->psi = tenth;
	for (size_t t = 0; t < config->targets_cnt; t++)
		config->targets[t].psi = tenth;
}

static int open_trigger(int dir_fd, const struct watch *watch)
{
	char file[48], line[64];
	int fd, len;

	snprintf(file, sizeof(file), "%s%s", psi_name(watch->resource),
		 watch->id == OF_MACHINE ? "" : ".pressure");
	fd = openat(dir_fd, file, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(line, sizeof(line), "some %u %llu", watch->threshold_ppm, WINDOW_US);
	/* With its NUL: psi_write() in kernel/sched/psi.c puts one in the place of the last byte.
	 */
	if (write(fd, line, len + 1) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static void free_watch(struct watch *watch)
{
	close(watch->fd); /* the trigger, and its place in epoll, end with it */
	free(watch);
}

static void add(struct pressure *pressure, int dir_fd, uint64_t id, enum psi_resource resource,
		uint32_t threshold_ppm)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct epoll_event wanted = {.events = EPOLLPRI, .data.ptr = watch};

	if (!watch)
		return;
	*watch = (struct watch){
		.id = id, .resource = resource, .threshold_ppm = threshold_ppm, .fd = -1};
	watch->fd = open_trigger(dir_fd, watch);
	if (watch->fd < 0) {
		if (!pressure->is_failure_said && watch->fd != -ENODEV)
			log_warning("pressure is not watched everywhere: %s, ignoring",
				    strerror(-watch->fd));
		pressure->is_failure_said |= watch->fd != -ENODEV;
		free(watch);
		return;
	}
	if (epoll_ctl(pressure->epoll_fd, EPOLL_CTL_ADD, watch->fd, &wanted) < 0) {
		free_watch(watch);
		return;
	}
	pressure->watches[pressure->cnt++] = watch;
}

static int compare(const void *a, const void *b)
{
	const struct watch *first = *(struct watch *const *)a, *second = *(struct watch *const *)b;

	if (first->id != second->id)
		return first->id < second->id ? -1 : 1;
	return (int)first->resource - (int)second->resource;
}

static const struct psi_config *wanted_of(const struct config *config, const struct group *group)
{
	for (size_t i = 0; i < config->targets_cnt; i++)
		if (strcmp(config->targets[i].name, group->target) == 0)
			return &config->targets[i].psi;
	return NULL;
}

/* Takes over from OLD what is still wanted as it is; opens what is new. */
static void watch_one(struct pressure *pressure, struct watch **old, size_t old_cnt, int dir_fd,
		      uint64_t id, const struct psi_config *wanted)
{
	for (int i = 0; wanted && i < PSI_RESOURCES; i++) {
		struct watch key = {.id = id, .resource = i}, *at = &key, **found;

		if (!wanted->some_ppm[i])
			continue;
		found = old_cnt ? bsearch(&at, old, old_cnt, sizeof(*old), compare) : NULL;
		if (found && (*found)->threshold_ppm == wanted->some_ppm[i]) {
			pressure->watches[pressure->cnt++] = *found;
			continue;
		}
		add(pressure, dir_fd, id, i, wanted->some_ppm[i]);
	}
}

static void watch_machine(struct pressure *pressure, struct watch **old, size_t old_cnt)
{
	int fd = open("/proc/pressure", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	watch_one(pressure, old, old_cnt, fd, OF_MACHINE, &pressure->controller->config.psi);
	close(fd);
}

void pressure__follow(struct pressure *pressure)
{
	struct controller *controller = pressure->controller;
	struct watch **old = pressure->watches;
	size_t old_cnt = pressure->cnt;
	struct group *group = NULL;

	if (!controller->features.has[FEATURE_PSI] ||
	    (!old_cnt && !pressure_is_wanted(&controller->config)))
		return;
	pressure->watches = calloc(PSI_RESOURCES * (controller->groups.cnt + 1), sizeof(*old));
	if (!pressure->watches) {
		pressure->watches = old;
		return;
	}
	pressure->cnt = 0;
	watch_machine(pressure, old, old_cnt);
	while ((group = groups__next(&controller->groups, group)))
		watch_one(pressure, old, old_cnt, group->dir_fd, group->id,
			  wanted_of(&controller->config, group));
	qsort(pressure->watches, pressure->cnt, sizeof(*old), compare);
	for (size_t i = 0; i < old_cnt; i++) {
		struct watch **kept =
			bsearch(&old[i], pressure->watches, pressure->cnt, sizeof(*old), compare);

		if (!kept || *kept != old[i])
			free_watch(old[i]);
	}
	free(old);
}

/* false: the cgroup is gone, or memory is short. */
static bool look(struct pressure *pressure, const struct watch *watch, struct measure *ret_measure)
{
	struct cgbpf_cgroup seen;
	struct group *group;

	if (watch->id == OF_MACHINE) {
		*ret_measure = (struct measure){.at_ns = apply_now_ns()};
		psi_read_machine(&ret_measure->psi);
		return true;
	}
	group = groups__find(&pressure->controller->groups, watch->id);
	if (!group || measure_cgroup(group->dir_fd, ret_measure))
		return false;
	if (!loader__seen(pressure->controller->loader, group->id, &seen))
		ret_measure->io_throttled = seen.io_throttled_cnt;
	return true;
}

static uint32_t share_of(uint64_t us, uint64_t ns)
{
	uint64_t ppm = ns ? us * 1000 * PPM / ns : 0;

	return ppm < PPM ? ppm : PPM;
}

/* What an ancestor's io.max keeps waiting is not held by its own limit. */
static void leave_out_ancestors(const struct group *group, struct measure *since)
{
	struct io_levels levels = {.cnt = 1};

	_Static_assert(sizeof(levels.limits[0]) == sizeof(since->limits), "kinds");
	if (!since->has_io || !since->io_throttled)
		return;
	memcpy(levels.limits[0], since->limits, sizeof(since->limits));
	io_levels__read_above(group->dir_fd, knob_device_of(since->major, since->minor), &levels);
	if (!decide_io_is_own(levels.limits, levels.cnt, since->moved))
		since->io_throttled = 0;
}

static void tell(struct pressure *pressure, const struct watch *watch, struct measure *since)
{
	const struct psi_totals *totals = &since->psi.of[watch->resource];
	struct group *group = groups__find(&pressure->controller->groups, watch->id);
	struct journal_pressure told = {
		.resource = psi_name(watch->resource),
		.threshold_ppm = watch->threshold_ppm,
		.some_ppm = share_of(totals->some_us, since->at_ns),
		.full_ppm = share_of(totals->full_us, since->at_ns),
		.interval_ns = since->at_ns,
	};
	struct journal_record record = {
		.event = JOURNAL_PSI_SPIKE, .pressure = &told, .cgroup = "/"};
	char detail[256];
	int len;

	if (group)
		record = report_about(group, JOURNAL_PSI_SPIKE);
	record.knob = NULL;
	record.pressure = &told;
	if (told.some_ppm < told.threshold_ppm) {
		/* Over before it could be measured: the kernel's word is that it was so much. */
		told.some_ppm = told.threshold_ppm;
		told.is_brief = true;
	}
	told.has_split = group && !told.is_brief;
	if (told.has_split && watch->resource == PSI_IO)
		leave_out_ancestors(group, since);
	len = snprintf(detail, sizeof(detail), "some task waited for %s in %s%u %% of %u ms",
		       told.resource, told.is_brief ? "at least " : "", told.some_ppm / 10000,
		       (unsigned int)((told.is_brief ? WINDOW_NS : told.interval_ns) / 1000000));
	if (told.has_split) {
		told.own_ppm = share_of(measure_own_us(since, watch->resource, totals->some_us),
					since->at_ns);
		told.own_ppm = told.own_ppm < told.some_ppm ? told.own_ppm : told.some_ppm;
		record.reason = reason_name(2 * told.own_ppm >= told.some_ppm ? REASON_OWN_LIMIT
									      : REASON_CONTENTION);
		snprintf(detail + len, sizeof(detail) - len,
			 ": %u %% held by its own limit, %u %% contention", told.own_ppm / 10000,
			 (told.some_ppm - told.own_ppm) / 10000);
	}
	record.detail = detail;
	report(pressure->controller, &record);
}

static void set_timer(struct pressure *pressure)
{
	struct itimerspec when = {};
	uint64_t due_ns = UINT64_MAX;

	for (size_t i = 0; i < pressure->cnt; i++)
		if (pressure->watches[i]->state != IDLE && pressure->watches[i]->due_ns < due_ns)
			due_ns = pressure->watches[i]->due_ns;
	if (due_ns != UINT64_MAX)
		when.it_value =
			(struct timespec){due_ns / 1000000000ULL, (long)(due_ns % 1000000000ULL)};
	timerfd_settime(pressure->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void pressure__on_trigger(struct pressure *pressure, void *data, uint32_t events)
{
	struct watch *watch = data;

	if (events & EPOLLERR) { /* the cgroup is gone; its note is on the way */
		epoll_ctl(pressure->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
		return;
	}
	if (watch->state != IDLE) {
		watch->is_ongoing = true;
		return;
	}
	if (!look(pressure, watch, &watch->base))
		return;
	watch->state = MEASURING;
	watch->due_ns = watch->base.at_ns + WINDOW_NS;
	set_timer(pressure);
}

static void on_due(struct pressure *pressure, struct watch *watch)
{
	struct measure now, since;

	if ((watch->state == RESTING && !watch->is_ongoing) || !look(pressure, watch, &now)) {
		watch->state = IDLE;
		return;
	}
	since = measure_since(&now, &watch->base);
	/* A spike that goes on is one whose average is still past the threshold. */
	if (watch->state == MEASURING ||
	    share_of(since.psi.of[watch->resource].some_us, since.at_ns) >= watch->threshold_ppm)
		tell(pressure, watch, &since);
	watch->state = RESTING;
	watch->is_ongoing = false;
	watch->base = now;
	watch->due_ns = now.at_ns + REST_NS;
}

void pressure__on_timer(struct pressure *pressure)
{
	uint64_t ticks, now_ns = apply_now_ns();

	if (read(pressure->timer_fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	for (size_t i = 0; i < pressure->cnt; i++)
		if (pressure->watches[i]->state != IDLE && pressure->watches[i]->due_ns <= now_ns)
			on_due(pressure, pressure->watches[i]);
	set_timer(pressure);
}

int pressure__open(struct controller *controller, int epoll_fd, struct pressure **ret_pressure)
{
	struct pressure *pressure = calloc(1, sizeof(*pressure));

	if (!pressure)
		return -ENOMEM;
	pressure->controller = controller;
	pressure->epoll_fd = epoll_fd;
	pressure->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (pressure->timer_fd < 0) {
		free(pressure);
		return -errno;
	}
	pressure__follow(pressure);
	*ret_pressure = pressure;
	return 0;
}

int pressure__timer_fd(const struct pressure *pressure)
{
	return pressure->timer_fd;
}

void pressure__close(struct pressure *pressure)
{
	if (!pressure)
		return;
	for (size_t i = 0; i < pressure->cnt; i++)
		free_watch(pressure->watches[i]);
	free(pressure->watches);
	close(pressure->timer_fd);
	free(pressure);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Tells what happens to the cgroups that are observed: limits met, throttling, kills, writes by
 * others. It never answers anything. */
#include "user/observe.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/knob.h"
#include "user/measure.h"
#include "user/quota.h"
#include "user/throttled.h"

/* That the same cgroup's memory.max was met is told once in this time. */
#define AGAIN_NS 1000000000ULL
#define NSEC_PER_USEC 1000ULL
#define WATERMARK_PPM 1000000 /* all of the limit */

/* Is there a limit to be met? */
static bool has_limit(int dir_fd)
{
	struct quota quota;
	uint64_t bytes;
	char text[64];

	if (!cgfs_read_bytes(dir_fd, "memory.max", &bytes) && bytes != UINT64_MAX)
		return true;
	if (!cgfs_read(dir_fd, "cpu.max", text, sizeof(text)) && !quota_parse(text, &quota) &&
	    quota.quota_us != UINT64_MAX)
		return true;
	return !cgfs_read(dir_fd, "io.max", text, sizeof(text)) && *text;
}

/* Those whose file it has: where a controller is mounted as v1 the kernel's events of it name the
 * cgroups of another hierarchy, whose ids may be the same. */
static uint32_t knobs_of(const struct group *group)
{
	static const uint32_t knobs[] = {CGBPF_KNOB_MEMORY_MAX, CGBPF_KNOB_CPU_MAX,
					 CGBPF_KNOB_IO_MAX};
	uint32_t has = 0;

	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++)
		if (!faccessat(group->dir_fd, knob_name(knobs[i]), F_OK, 0))
			has |= 1U << knobs[i];
	return has;
}

static void set_rule(struct controller *controller, struct group *group)
{
	struct cgbpf_rule rule = {
		.soft_bytes = group->limit_bytes,
		.hard_bytes = group->limit_bytes,
		.watermark_ppm = WATERMARK_PPM,
		.knobs = knobs_of(group),
		.io_quiet = 3, /* nobody answers */
	};
	struct measure measure;

	if (!measure_cgroup(group->dir_fd, &measure) && measure.has_io)
		rule.io_device = knob_device_of(measure.major, measure.minor);
	memcpy(rule.target, group->target, sizeof(rule.target));
	if (loader__set_rule(controller->loader, group->id, &rule) == -EIO) {
		rule.io_device = 0; /* all but that */
		loader__set_rule(controller->loader, group->id, &rule);
	}
	group->watched_knobs = rule.knobs;
	group->watched_device = rule.io_device;
}

int observe__watch(struct controller *controller, struct group *group, bool is_explicit)
{
	struct journal_record record;
	struct cpu_look look;
	int err;

	if (groups__find(&controller->groups, group->id)) {
		/* Its parent may have given it a controller, or taken one. */
		if (knobs_of(group) != group->watched_knobs)
			set_rule(controller, group);
		return 1;
	}
	if (!is_explicit && !has_limit(group->dir_fd)) {
		group__free(group);
		return 0;
	}
	cgfs_read_bytes(group->dir_fd, "memory.max", &group->limit_bytes);
	if (!cgfs_look_cpu(group->dir_fd, &look)) {
		group->lost.throttled_ns = look.throttled_us * NSEC_PER_USEC;
		group->lost.periods_cnt = look.periods_cnt;
		group->lost.throttled_cnt = look.throttled_cnt;
	}
	pthread_mutex_lock(&controller->groups.lock);
	err = groups__add(&controller->groups, group);
	pthread_mutex_unlock(&controller->groups.lock);
	if (err) {
		group__free(group);
		return 0;
	}
	set_rule(controller, group);
	record = report_about(group, JOURNAL_OBSERVED);
	record.knob = NULL;
	report(controller, &record);
	return 1;
}

void observe__event(struct answerer *answerer, const struct cgbpf_event *event)
{
	struct action action = {
		.kind = ACTION_SEEN, .cgroup_id = event->cgroup_id, .knob = CGBPF_KNOB_MEMORY_MAX};
	uint64_t now_ns = apply_now_ns();
	struct group *group;
	bool is_news = false;

	/* Throttling is told with what it cost: see observe__note. */
	if (event->kind != CGBPF_EVENT_OOM)
		return;
	action.times.received_ns = answer_since(event, now_ns);
	action.new_bytes = event->memory.limit_bytes;
	pthread_mutex_lock(&answerer->groups->lock);
	group = groups__find(answerer->groups, event->cgroup_id);
	if (group && (!group->told_ns || now_ns - group->told_ns >= AGAIN_NS)) {
		group->told_ns = now_ns;
		is_news = true;
	}
	pthread_mutex_unlock(&answerer->groups->lock);
	if (is_news)
		actions__add(answerer->actions, &action);
}

void observe__tell(struct controller *controller, const struct action *action)
{
	struct group *group = groups__find(&controller->groups, action->cgroup_id);
	struct journal_record record;

	if (!group)
		return;
	record = report_about(group, JOURNAL_HARD_LIMIT_REACHED);
	record.has_times = true;
	record.times = action->times;
	record.old_bytes = record.new_bytes = action->new_bytes;
	record.reason = reason_name(REASON_OOM);
	record.detail = reason_sentence(REASON_OOM);
	report(controller, &record);
}

static void tell_bios(struct controller *controller, const struct cgbpf_event *event)
{
	struct group *group = groups__find(&controller->groups, event->cgroup_id);
	struct journal_record record;
	char device[KNOB_DEVICE_LEN];

	if (!group)
		return;
	record = report_about(group, JOURNAL_IO_THROTTLED);
	record.knob = NULL;
	record.limit = event->io.is_write ? "write" : "read";
	record.device = knob_device(event->io.device, device);
	record.detail = event->io.is_write ? "writes wait for io.max" : "reads wait for io.max";
	if (throttled__take_io(group, event, &record))
		report(controller, &record);
}

static void tell_throttled(struct controller *controller, const struct cgbpf_event *event)
{
	struct group *group = groups__find(&controller->groups, event->cgroup_id);
	const struct cgbpf_cpu_event *cpu = &event->cpu;
	struct quota quota = {cpu->quota_ns == UINT64_MAX ? UINT64_MAX : cpu->quota_ns / 1000,
			      cpu->period_ns / 1000};
	struct journal_record record;
	char text[48];

	if (!group)
		return;
	record = report_about(group, JOURNAL_CPU_THROTTLED);
	record.knob = knob_name(CGBPF_KNOB_CPU_MAX);
	record.old_text = record.new_text = quota_format(&quota, text, sizeof(text));
	record.detail = "held by its own quota";
	if (throttled__take_cpu(group, event, &record))
		report(controller, &record);
}

static void tell_write(struct controller *controller, const struct cgbpf_event *event)
{
	struct group *group = groups__find(&controller->groups, event->cgroup_id);
	char comm[CGBPF_COMM_LEN + 1] = {}, value[sizeof(event->write.value) + 1] = {};
	struct journal_record record;

	if (!group || event->write.result < 0)
		return;
	memcpy(comm, event->comm, CGBPF_COMM_LEN);
	memcpy(value, event->write.value, sizeof(event->write.value));
	value[strcspn(value, "\n")] = '\0';
	record = report_about(group, JOURNAL_FOREIGN_WRITE);
	record.knob = knob_name(event->write.knob);
	record.old_text = "unknown";
	record.new_text = value;
	record.pid = event->pid;
	record.comm = comm;
	record.value = value;
	record.answer = "none";
	record.detail = "observed only";
	report(controller, &record);
	if (event->write.knob == CGBPF_KNOB_MEMORY_MAX)
		cgfs_read_bytes(group->dir_fd, "memory.max", &group->limit_bytes);
	set_rule(controller, group);
}

bool observe__note(struct controller *controller, const struct cgbpf_event *event)
{
	if (!controller->is_observing)
		return false;
	switch (event->kind) {
	case CGBPF_EVENT_CPU_RELEASED:
		tell_throttled(controller, event);
		return true;
	case CGBPF_EVENT_IO_THROTTLED:
		tell_bios(controller, event);
		return true;
	case CGBPF_EVENT_WRITE:
		if (event->write.knob == CGBPF_KNOB_SUBTREE_CONTROL ||
		    !groups__find(&controller->groups, event->cgroup_id))
			return false; /* there may be more to observe now */
		tell_write(controller, event);
		return true;
	case CGBPF_EVENT_TASK:
		return true;
	}
	return false;
}

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

/* The same of the same cgroup is told once in this time. */
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

static void set_rule(struct controller *controller, struct group *group)
{
	struct cgbpf_rule rule = {
		.soft_bytes = group->limit_bytes,
		.hard_bytes = group->limit_bytes,
		.watermark_ppm = WATERMARK_PPM,
		.knobs = 1 << CGBPF_KNOB_MEMORY_MAX | 1 << CGBPF_KNOB_CPU_MAX |
			 1 << CGBPF_KNOB_IO_MAX,
	};
	struct measure measure;

	if (!measure_cgroup(group->dir_fd, &measure) && measure.has_io)
		rule.io_device = knob_device_of(measure.major, measure.minor);
	memcpy(rule.target, group->target, sizeof(rule.target));
	if (loader__set_rule(controller->loader, group->id, &rule) == -EIO) {
		rule.io_device = 0; /* all but that */
		loader__set_rule(controller->loader, group->id, &rule);
	}
}

int observe__watch(struct controller *controller, struct group *group, bool is_explicit)
{
	struct journal_record record;
	struct cpu_look look;
	int err;

	if (groups__find(&controller->groups, group->id))
		return 1;
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

static uint32_t knob_of(uint32_t kind)
{
	return kind == CGBPF_EVENT_OOM		  ? CGBPF_KNOB_MEMORY_MAX
	       : kind == CGBPF_EVENT_IO_THROTTLED ? CGBPF_KNOB_IO_MAX
						  : CGBPF_KNOB_NONE;
}

void observe__event(struct answerer *answerer, const struct cgbpf_event *event)
{
	struct action action = {
		.kind = ACTION_SEEN, .cgroup_id = event->cgroup_id, .knob = knob_of(event->kind)};
	uint64_t now_ns = apply_now_ns(), *said_ns = NULL;
	struct group *group;
	bool is_news = false;

	/* CPU throttling is told with what it cost, once it ends: see observe__note. */
	if (action.knob == CGBPF_KNOB_NONE)
		return;
	action.times.received_ns = now_ns > event->kernel_ns ? now_ns - event->kernel_ns : 1;
	if (action.knob == CGBPF_KNOB_MEMORY_MAX) {
		action.old_bytes = action.new_bytes = event->memory.limit_bytes;
	} else {
		action.io_kind = event->io.is_write;
		action.new_amount = event->io.device;
		action.old_amount = event->io.throttled_cnt;
	}
	pthread_mutex_lock(&answerer->groups->lock);
	group = groups__find(answerer->groups, event->cgroup_id);
	if (group) {
		said_ns =
			&group->told_ns[action.knob == CGBPF_KNOB_IO_MAX ? 1 + action.io_kind : 0];
		is_news = !*said_ns || now_ns - *said_ns >= AGAIN_NS;
		*said_ns = is_news ? now_ns : *said_ns;
	}
	pthread_mutex_unlock(&answerer->groups->lock);
	if (is_news)
		actions__add(answerer->actions, &action);
}

void observe__tell(struct controller *controller, const struct action *action)
{
	struct group *group = groups__find(&controller->groups, action->cgroup_id);
	struct journal_record record;
	char device[KNOB_DEVICE_LEN];

	if (!group)
		return;
	record =
		report_about(group, action->knob == CGBPF_KNOB_IO_MAX ? JOURNAL_IO_THROTTLED
								      : JOURNAL_HARD_LIMIT_REACHED);
	record.has_times = true;
	record.times = action->times;
	if (action->knob == CGBPF_KNOB_IO_MAX) {
		record.knob = NULL;
		record.limit = action->io_kind ? "write" : "read";
		record.device = knob_device((uint32_t)action->new_amount, device);
		record.throttled_cnt = action->old_amount - group->lost.io_throttled_cnt;
		group->lost.io_throttled_cnt = action->old_amount;
		record.detail =
			action->io_kind ? "writes wait for io.max" : "reads wait for io.max";
	} else {
		record.old_bytes = record.new_bytes = action->new_bytes;
		record.reason = reason_name(REASON_OOM);
		record.detail = reason_sentence(REASON_OOM);
	}
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
	/* What stood before us was read in whole microseconds. */
	if (cpu->throttled_ns > group->lost.throttled_ns)
		record.lost_ns = cpu->throttled_ns - group->lost.throttled_ns;
	record.periods_cnt = cpu->periods_cnt - group->lost.periods_cnt;
	record.throttled_cnt = cpu->throttled_cnt - group->lost.throttled_cnt;
	record.detail = "held by its own quota";
	group->lost.throttled_ns = cpu->throttled_ns;
	group->lost.periods_cnt = cpu->periods_cnt;
	group->lost.throttled_cnt = cpu->throttled_cnt;
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

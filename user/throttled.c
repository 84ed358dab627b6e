// SPDX-License-Identifier: BSD-2-Clause
/* Owns how much of what throttling cost was told, and tells the rest once a burst is over. It never
 * answers anything. */
#include "user/throttled.h"

#include "user/cgfs.h"
#include "user/quota.h"

/* The same of the same cgroup is told once in this time, as by NOTE_EVERY_NS in bpf/. */
#define AGAIN_NS 1000000000ULL
#define NSEC_PER_USEC 1000ULL

static bool is_due(uint64_t told_ns, uint64_t now_ns)
{
	return !told_ns || now_ns >= told_ns + AGAIN_NS;
}

bool throttled__take_cpu(struct group *group, const struct cgbpf_event *event,
			 struct journal_record *record)
{
	const struct cgbpf_cpu_event *cpu = &event->cpu;

	group->lost.has_more = true;
	/* A note that waited while the rest was told is older than that. */
	if (!is_due(group->lost.cpu_told_ns, event->kernel_ns))
		return false;
	/* Its controller was switched off and on again: the kernel counts anew. */
	if (cpu->throttled_ns < group->lost.throttled_ns)
		group->lost.throttled_ns = group->lost.periods_cnt = group->lost.throttled_cnt = 0;
	if (cpu->throttled_ns == group->lost.throttled_ns)
		return false;
	record->lost_ns = cpu->throttled_ns - group->lost.throttled_ns;
	record->periods_cnt = cpu->periods_cnt - group->lost.periods_cnt;
	record->throttled_cnt = cpu->throttled_cnt - group->lost.throttled_cnt;
	group->lost.throttled_ns = cpu->throttled_ns;
	group->lost.periods_cnt = cpu->periods_cnt;
	group->lost.throttled_cnt = cpu->throttled_cnt;
	group->lost.cpu_told_ns = event->kernel_ns;
	return true;
}

bool throttled__take_io(struct group *group, const struct cgbpf_event *event,
			struct journal_record *record)
{
	uint64_t *told_ns = &group->lost.io_told_ns[event->io.is_write & 1];

	group->lost.has_more = true;
	/* Notes of two CPUs may come in another order than they were counted. */
	if (event->io.throttled_cnt <= group->lost.io_throttled_cnt ||
	    !is_due(*told_ns, event->kernel_ns))
		return false;
	record->throttled_cnt = event->io.throttled_cnt - group->lost.io_throttled_cnt;
	group->lost.io_throttled_cnt = event->io.throttled_cnt;
	*told_ns = event->kernel_ns;
	return true;
}

static bool has_quota(const struct controller *controller, const struct group *group)
{
	if (controller->is_observing)
		return group->watched_knobs & 1U << CGBPF_KNOB_CPU_MAX;
	return group->cpu && !group->cpu->is_stopped && group->cpu->mode == CPU_MODE_QUOTA;
}

/* In the words of the kernel side. */
static void tell_cpu(struct controller *controller, const struct group *group)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_CPU_RELEASED, .cgroup_id = group->id};
	struct cpu_look look;
	struct quota quota;
	char text[64];

	/* The kernel side counts nanoseconds, the file whole microseconds of the same. */
	if (!has_quota(controller, group) || cgfs_look_cpu(group->dir_fd, &look) ||
	    look.throttled_us == group->lost.throttled_ns / NSEC_PER_USEC ||
	    cgfs_read(group->dir_fd, "cpu.max", text, sizeof(text)) || quota_parse(text, &quota))
		return;
	event.kernel_ns = apply_now_ns(); /* what is noted later counts more */
	event.cpu.quota_ns =
		quota.quota_us == UINT64_MAX ? UINT64_MAX : quota.quota_us * NSEC_PER_USEC;
	event.cpu.period_ns = quota.period_us * NSEC_PER_USEC;
	event.cpu.throttled_ns = look.throttled_us * NSEC_PER_USEC;
	event.cpu.periods_cnt = (uint32_t)look.periods_cnt;
	event.cpu.throttled_cnt = (uint32_t)look.throttled_cnt;
	note__handle(controller, &event);
}

static uint32_t device_of(const struct controller *controller, const struct group *group)
{
	if (controller->is_observing)
		return group->watched_device;
	return group->io && !group->io->is_stopped ? group->io->device : 0;
}

/* Which way the last bios went is all that is known of the rest. */
static void tell_io(struct controller *controller, const struct group *group, uint64_t now_ns)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_IO_THROTTLED,
				    .kernel_ns = now_ns,
				    .cgroup_id = group->id,
				    .io.device = device_of(controller, group)};
	struct cgbpf_cgroup seen;
	uint32_t way;

	if (!event.io.device || loader__seen(controller->loader, group->id, &seen))
		return;
	way = seen.io_noted_ns[1] > seen.io_noted_ns[0];
	event.io.is_write = way;
	event.io.bytes = seen.io_bytes[way];
	event.io.ops = seen.io_ops[way];
	event.io.throttled_cnt = seen.io_throttled_cnt;
	note__handle(controller, &event);
}

/* What goes on is told by the kernel side. */
void throttled__tend(struct controller *controller)
{
	uint64_t now_ns = apply_now_ns();
	struct group *group = NULL;

	while ((group = groups__next(&controller->groups, group))) {
		bool is_cpu_due, is_io_due;

		if (!group->lost.has_more)
			continue;
		is_cpu_due = is_due(group->lost.cpu_told_ns, now_ns);
		is_io_due = is_due(group->lost.io_told_ns[0], now_ns) &&
			    is_due(group->lost.io_told_ns[1], now_ns);
		if (is_cpu_due)
			tell_cpu(controller, group);
		if (is_io_due)
			tell_io(controller, group, now_ns);
		group->lost.has_more = !is_cpu_due || !is_io_due;
	}
}

void throttled__end(struct controller *controller)
{
	const struct cgbpf_stats *stats = loader__stats(controller->loader);
	struct group *group = NULL;

	/* The note that would say so may still be in its ring. */
	if (!stats->cpu_throttled_cnt && !stats->io_throttled_cnt)
		return;
	while ((group = groups__next(&controller->groups, group))) {
		group->lost.has_more = true;
		group->lost.cpu_told_ns = 0;
		group->lost.io_told_ns[0] = group->lost.io_told_ns[1] = 0;
	}
	throttled__tend(controller);
}

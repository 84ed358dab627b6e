// SPDX-License-Identifier: BSD-2-Clause
/* Tells what a group lost to its quota, and gives back what it does not use, step by step. It never
 * raises. */
#include <string.h>

#include "user/amount.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/cpu.h"
#include "user/throttled.h"

#define NSEC_PER_USEC 1000ULL

void cpu__note(struct controller *controller, const struct cgbpf_event *event)
{
	struct group *group = groups__find(&controller->groups, event->cgroup_id);
	struct journal_record record;

	if (!group || !group->cpu)
		return;
	record = report_about(group, JOURNAL_CPU_THROTTLED);
	record.knob = NULL;
	if (!throttled__take_cpu(group, event, &record))
		return;
	record.reason = reason_name(REASON_THROTTLED);
	record.detail = reason_sentence(REASON_THROTTLED);
	report(controller, &record);
}

static void give_back(struct controller *controller, struct group *group, uint64_t from,
		      uint64_t to)
{
	struct journal_record record = cpu_about(group, JOURNAL_LIMIT_RETURNED);
	char old[48], new[48];

	record.old_text = cpu_format(group->cpu, from, old, sizeof(old));
	if (cpu__move(controller, group, from, to))
		return; /* gone, or another time */
	record.new_text = cpu_format(group->cpu, to, new, sizeof(new));
	controller->summary.returned_cnt++;
	record.reason = reason_name(REASON_CALM);
	record.detail = reason_sentence(REASON_CALM);
	report(controller, &record);
}

static void consider(struct controller *controller, struct group *group)
{
	uint64_t now_ns = apply_now_ns(), passed_ns, used, amount, to;
	struct group_cpu *cpu = group->cpu;
	struct cpu_look look;
	bool is_due;

	if (cgfs_look_cpu(group->dir_fd, &look))
		return;
	passed_ns = now_ns - cpu->looked_ns;
	used = (look.usage_us - cpu->usage_us) * NSEC_PER_USEC * PPM / (passed_ns ?: 1);
	pthread_mutex_lock(&controller->groups.lock);
	amount = group_cpu__amount(cpu);
	to = decide_cpu_return(&cpu->rule, amount, used);
	/* Without an earlier look there is no use to speak of. */
	if (to >= amount || !cpu->looked_ns)
		cpu->calm_since_ns = 0;
	else if (!cpu->calm_since_ns)
		cpu->calm_since_ns = now_ns;
	is_due = cpu->calm_since_ns && now_ns - cpu->calm_since_ns >= cpu->return_after_ns;
	cpu->usage_us = look.usage_us;
	cpu->looked_ns = now_ns;
	pthread_mutex_unlock(&controller->groups.lock);
	if (is_due)
		give_back(controller, group, amount, to);
}

/* Whether enough time has passed to speak of use; a policy ticks more often. */
static bool is_look_due(const struct group_cpu *cpu)
{
	uint64_t passed_ns = apply_now_ns() - cpu->looked_ns;

	return !cpu->looked_ns || passed_ns >= calm_look_ns(cpu->return_after_ns) / 8 * 7;
}

size_t cpu__tick(struct controller *controller)
{
	struct group *group = NULL;
	bool is_moved, is_waiting;
	size_t above_cnt = 0;

	if (controller->apply.is_dry_run)
		return 0; /* nothing was given */
	while ((group = groups__next(&controller->groups, group))) {
		struct group_cpu *cpu = group->cpu;

		if (!cpu || cpu->is_stopped || cpu->mode != CPU_MODE_QUOTA)
			continue;
		is_moved = cpu_advise__tick(controller, group, &is_waiting);
		above_cnt += is_waiting && group_cpu__amount(cpu) <= cpu->rule.soft;
		if (group_cpu__amount(cpu) <= cpu->rule.soft) {
			cpu->looked_ns = 0;
			continue;
		}
		above_cnt++;
		if (!is_moved && is_look_due(cpu))
			consider(controller, group);
	}
	return above_cnt;
}

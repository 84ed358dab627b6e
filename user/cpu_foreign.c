// SPDX-License-Identifier: BSD-2-Clause
/* Answers somebody else's write of cpu.max or cpu.weight as its target says (of cpu.max.burst: see
 * cpu_burst). It never fights. */
#include <string.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/cpu.h"
#include "user/knob.h"
#include "user/restore.h"

bool group_cpu__is_knob(const struct group_cpu *cpu, uint32_t knob)
{
	return knob == cpu_knob(cpu) ||
	       (knob == CGBPF_KNOB_CPU_MAX_BURST && cpu->mode == CPU_MODE_QUOTA);
}

/* Theirs stands and stays; nothing of ours goes back over it. The burst that was lowered for ours
 * comes back as far as theirs has room for it. */
static void obey(struct controller *controller, struct group *group,
		 const struct cgbpf_ledger_key *key, const char *value)
{
	struct cgbpf_ledger_key burst = group__key(group, CGBPF_KNOB_CPU_MAX_BURST, 0);
	struct restored_limit limit;

	pthread_mutex_lock(&controller->groups.lock);
	group->cpu->is_stopped = true;
	cpu_parse(group->cpu, value);
	pthread_mutex_unlock(&controller->groups.lock);
	govern__set_rule(controller, group);
	apply__forget_knob(&controller->apply, key);
	if (group->cpu->mode == CPU_MODE_QUOTA)
		restore__key(&controller->apply, controller->root_fd, &burst, &limit);
}

static void adopt(struct controller *controller, struct group *group,
		  const struct cgbpf_ledger_key *key, const char *value)
{
	struct group_cpu *cpu = group->cpu;

	pthread_mutex_lock(&controller->groups.lock);
	apply__amend_knob(&controller->apply, key, value);
	cpu_parse(cpu, value);
	cpu->rule.soft = group_cpu__amount(cpu);
	if (cpu->rule.hard < cpu->rule.soft)
		cpu->rule.hard = cpu->rule.soft;
	cpu_fit_rule(cpu);
	cpu->calm_since_ns = 0;
	pthread_mutex_unlock(&controller->groups.lock);
	govern__set_rule(controller, group);
}

/* Ours again, in the period that stands now; theirs is what goes back in the end. */
static void reassert(struct controller *controller, struct group *group,
		     const struct cgbpf_ledger_key *key, const char *value)
{
	uint64_t ours = group_cpu__amount(group->cpu);

	apply__amend_knob(&controller->apply, key, value);
	pthread_mutex_lock(&controller->groups.lock);
	cpu_parse(group->cpu, value);
	cpu_fit_rule(group->cpu);
	pthread_mutex_unlock(&controller->groups.lock);
	cpu__set(controller, group, ours);
}

static void answer_limit(struct controller *controller, struct group *group,
			 const struct cgbpf_event *event)
{
	struct cgbpf_ledger_key key = group__key(group, cpu_knob(group->cpu), 0);
	struct journal_record record = cpu_about(group, JOURNAL_FOREIGN_WRITE);
	char ours[CGBPF_VALUE_LEN], value[CGBPF_VALUE_LEN];
	struct group_cpu *cpu = group->cpu, theirs = {.mode = cpu->mode};
	struct foreign_answer answer;
	int err;

	pthread_mutex_lock(&controller->groups.lock);
	cpu_format(cpu, group_cpu__amount(cpu), ours, sizeof(ours));
	err = knob__read_fd(cpu->fd, &key, value, sizeof(value));
	pthread_mutex_unlock(&controller->groups.lock);
	if (err || cpu_parse(&theirs, value))
		return;
	if (strcmp(value, ours) == 0) { /* theirs too, or a raise of ours came after it */
		if (foreign__agrees(event, ours))
			apply__amend_knob(&controller->apply, &key, ours);
		return;
	}
	answer = foreign__choose(controller, group, event, &key, value, cpu->is_soft_given,
				 group_cpu__amount(&theirs) == UINT64_MAX, &cpu->reasserts);
	record.old_text = ours;
	record.new_text = value;
	if (answer.policy == FOREIGN_OBEY)
		obey(controller, group, &key, value);
	else if (answer.policy == FOREIGN_ADOPT)
		adopt(controller, group, &key, value);
	else
		reassert(controller, group, &key, value);
	foreign__tell(controller, event, &record, answer);
}

void cpu__foreign(struct controller *controller, struct group *group,
		  const struct cgbpf_event *event)
{
	bool is_burst = event && event->write.knob == CGBPF_KNOB_CPU_MAX_BURST;

	if (group->cpu->is_stopped || controller->apply.is_dry_run)
		return;
	if (is_burst || !event)
		cpu_burst__foreign(controller, group, event);
	if (!is_burst)
		answer_limit(controller, group, event);
}

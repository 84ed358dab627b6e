// SPDX-License-Identifier: BSD-2-Clause
/* What the CPU policy does on the main thread: taken from the configuration, judged, and the target
 * controller's steps. It never asks a model. */
#include <stdlib.h>
#include <string.h>

#include "user/controller.h"
#include "user/cpu.h"

#define PPM 1000000.0

void cpu_advise__fit(struct controller *controller, struct group *group)
{
	bool is_wanted = controller->advisor.kind != POLICY_HEURISTIC && group->cpu &&
			 group->cpu->mode == CPU_MODE_QUOTA;
	struct advise_track *track = NULL, *old;

	if (!group->cpu || is_wanted == (group->cpu->advise != NULL))
		return;
	if (is_wanted) {
		track = calloc(1, sizeof(*track));
		if (!track)
			return;
		advise__open(track, group->dir_fd);
	}
	pthread_mutex_lock(&controller->groups.lock);
	old = group->cpu->advise;
	group->cpu->advise = track;
	pthread_mutex_unlock(&controller->groups.lock);
	if (old)
		advise__close(old);
	free(old);
}

void cpu_advise__load(struct controller *controller)
{
	const struct ml_config *ml = &controller->config.ml;
	struct group *group = NULL;
	struct advisor advisor;

	advisor__load(&advisor, ml->policy, ml->model_path);
	pthread_mutex_lock(&controller->groups.lock);
	controller->advisor = advisor;
	pthread_mutex_unlock(&controller->groups.lock);
	while ((group = groups__next(&controller->groups, group)))
		cpu_advise__fit(controller, group);
}

static void judge(struct controller *controller, struct group *group)
{
	struct journal_record record;
	struct advice advice;
	enum reason reason;
	bool is_due;

	pthread_mutex_lock(&controller->groups.lock);
	advise__mark(group->cpu->advise);
	is_due = advise__judge(group->cpu->advise, &advice);
	pthread_mutex_unlock(&controller->groups.lock);
	if (!is_due)
		return;
	record = report_about(group, advice_is_effective(&advice) ? JOURNAL_ML_EFFECTIVE
								  : JOURNAL_ML_NO_IMPROVEMENT);
	reason = record.event == JOURNAL_ML_EFFECTIVE ? REASON_LESS_THROTTLED
						      : REASON_NOT_LESS_THROTTLED;
	record.knob = NULL;
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	record.advice = &advice;
	report(controller, &record);
}

static void step(struct controller *controller, struct group *group)
{
	struct group_cpu *cpu = group->cpu;
	struct target_rule rule = {(double)cpu->rule.soft / PPM, (double)cpu->rule.hard / PPM};
	struct journal_record record;
	char old[48], new[48];
	enum target_move move;
	uint64_t amount, to;
	double cores = 0;
	bool is_move;

	pthread_mutex_lock(&controller->groups.lock);
	amount = group_cpu__amount(cpu);
	is_move = advise__step(cpu->advise, &rule, (double)amount / PPM, &move, &cores);
	pthread_mutex_unlock(&controller->groups.lock);
	to = (uint64_t)(cores * PPM);
	if (!is_move || to == amount)
		return;
	record = cpu_about(group, to > amount ? JOURNAL_SOFT_LIMIT_RAISED : JOURNAL_LIMIT_RETURNED);
	record.old_text = cpu_format(cpu, amount, old, sizeof(old));
	if (cpu__move(controller, group, amount, to))
		return; /* gone, or another time */
	record.new_text = cpu_format(cpu, to, new, sizeof(new));
	if (to > amount)
		controller->summary.raised_cnt++;
	else
		controller->summary.returned_cnt++;
	record.reason = reason_name(REASON_TARGET);
	record.detail = reason_sentence(REASON_TARGET);
	report(controller, &record);
}

bool cpu_advise__tick(struct controller *controller, struct group *group, bool *ret_is_waiting)
{
	struct group_cpu *cpu = group->cpu;

	*ret_is_waiting = false;
	if (!cpu->advise)
		return false;
	judge(controller, group);
	*ret_is_waiting = cpu->advise->is_judging;
	if (controller->advisor.kind != POLICY_TARGET || group_cpu__amount(cpu) <= cpu->rule.soft)
		return false;
	step(controller, group);
	return true;
}

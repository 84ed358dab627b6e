// SPDX-License-Identifier: BSD-2-Clause
/* Answers somebody else's write to a governed file as its target says. It never fights: so many
 * times a minute, then it obeys. */
#include "user/amount.h"
#include "user/controller.h"
#include "user/units.h"

static void obey(struct controller *controller, struct group *group, uint64_t bytes)
{
	uint64_t ours, standing, written_ns;
	bool is_overwritten;
	int err = 0;

	pthread_mutex_lock(&controller->groups.lock);
	ours = group->limit_bytes;
	/* A raise of ours may have been under way when it was written; a value that is neither is a
	 * later word of theirs. */
	is_overwritten =
		!apply__standing(group, &standing) && standing != bytes && standing == ours;
	if (is_overwritten && ours < bytes)
		apply__raise(&controller->apply, group, bytes, &written_ns);
	group->is_stopped = !is_overwritten || ours < bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	/* While it is governed still, so that the rescuer can end it; what is in use stays. */
	if (!group->is_stopped)
		err = calm__lower(controller, group, bytes);
	pthread_mutex_lock(&controller->groups.lock);
	group->is_stopped = true;
	if (!err)
		group->limit_bytes = bytes;
	group__promise(group, group->limit_bytes, &controller->pool.promised_bytes);
	pthread_mutex_unlock(&controller->groups.lock);
	govern__set_rule(controller, group);
	/* Without a limit to follow it goes back too. */
	high__leave(controller, group);
	high__put_back(controller, group);
	/* Where ours had to stay, theirs is what goes back in the end. */
	if (err)
		apply__amend(&controller->apply, group->id, bytes);
	else
		apply__forget(&controller->apply, group->id);
	/* Nothing of ours is lowered here any more: who lent would wait for ever. */
	donors__forget(controller, group->id);
}

static void adopt(struct controller *controller, struct group *group, uint64_t bytes)
{
	uint64_t ours, standing, written_ns;
	bool is_overwritten;

	pthread_mutex_lock(&controller->groups.lock);
	ours = group->limit_bytes;
	group->rule.soft_bytes = bytes;
	if (group->rule.hard_bytes < bytes)
		group->rule.hard_bytes = bytes;
	group->limit_bytes = bytes;
	apply__amend(&controller->apply, group->id, bytes);
	apply__follow_high(&controller->apply, group, false);
	/* A raise of ours may have been written over theirs. */
	is_overwritten =
		!apply__standing(group, &standing) && standing != bytes && standing == ours;
	if (is_overwritten && ours < bytes)
		apply__raise(&controller->apply, group, bytes, &written_ns);
	else if (is_overwritten)
		group->limit_bytes = ours;
	group__promise(group, group->limit_bytes, &controller->pool.promised_bytes);
	pthread_mutex_unlock(&controller->groups.lock);
	if (is_overwritten && ours > bytes)
		calm__lower(controller, group, bytes);
	high__follow(controller, group, false);
	govern__set_rule(controller, group);
}

static void reassert(struct controller *controller, struct group *group, uint64_t bytes)
{
	uint64_t ours, standing, written_ns;
	bool is_overwritten, is_above = false;

	pthread_mutex_lock(&controller->groups.lock);
	/* Above hard it is what was found or what somebody set: left until it can be lowered, and
	 * nothing that is raised to. */
	ours = least(group->limit_bytes, group->rule.hard_bytes);
	apply__amend(&controller->apply, group->id, bytes);
	/* A raise of ours may have been written over theirs. */
	is_overwritten = !apply__standing(group, &standing) && standing != bytes &&
			 standing == group->limit_bytes;
	if (!is_overwritten && bytes < ours) {
		apply__raise(&controller->apply, group, ours, &written_ns);
	} else if (!is_overwritten) {
		group->limit_bytes = bytes;
		is_above = bytes > ours;
	}
	pthread_mutex_unlock(&controller->groups.lock);
	/* Should it be in use by now, it stays and returns like any other. */
	if (is_above)
		calm__lower(controller, group, ours);
}

static void answer_write(struct controller *controller, struct group *group,
			 const struct cgbpf_event *event)
{
	struct journal_record record = report_about(group, JOURNAL_FOREIGN_WRITE);
	uint64_t received_ns = apply_now_ns() - event->kernel_ns;
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_MAX, 0);
	struct foreign_answer answer;
	char value[24];
	uint64_t bytes;

	if (group->is_stopped || foreign__bytes(group, event, &bytes))
		return;
	if (bytes == group->limit_bytes) {
		/* It changes nothing now, and is what they expect to find in the end. */
		apply__amend(&controller->apply, group->id, bytes);
		return;
	}
	answer = foreign__choose(controller, group, event, &key,
				 units_format_limit(bytes, value, sizeof(value)),
				 group->is_soft_given, bytes == UINT64_MAX, &group->reasserts);
	record.new_bytes = bytes;
	if (!controller->apply.is_dry_run) {
		if (answer.policy == FOREIGN_OBEY)
			obey(controller, group, bytes);
		else if (answer.policy == FOREIGN_ADOPT)
			adopt(controller, group, bytes);
		else
			reassert(controller, group, bytes);
	} else {
		pthread_mutex_lock(&controller->groups.lock);
		group->limit_bytes = bytes;
		pthread_mutex_unlock(&controller->groups.lock);
	}
	record.has_times = true;
	record.times.received_ns = received_ns;
	record.times.decided_ns = apply_now_ns() - event->kernel_ns;
	foreign__tell(controller, event, &record, answer);
}

void foreign__find(struct controller *controller, struct group *group)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_WRITE, .cgroup_id = group->id};
	uint64_t standing;
	bool differs;

	pthread_mutex_lock(&controller->groups.lock);
	differs = !group->is_stopped && !apply__standing(group, &standing) &&
		  standing != group->limit_bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	high__foreign(controller, group, NULL);
	if (group->cpu)
		cpu__foreign(controller, group, NULL);
	if (group->io)
		io__foreign(controller, group, NULL);
	priority__foreign(controller, group, NULL);
	if (!differs)
		return;
	event.kernel_ns = apply_now_ns();
	event.write.knob = CGBPF_KNOB_MEMORY_MAX;
	units_format_limit(standing, event.write.value, sizeof(event.write.value));
	answer_write(controller, group, &event);
}

void foreign__handle(struct controller *controller, const struct cgbpf_event *event)
{
	struct group *group = groups__find(&controller->groups, event->cgroup_id);

	if (event->write.result < 0)
		return; /* the kernel refused it */
	if (event->write.knob == CGBPF_KNOB_SUBTREE_CONTROL)
		govern__consider_children(controller, event->cgroup_id);
	else if (group && group->has_memory && event->write.knob == CGBPF_KNOB_MEMORY_MAX)
		answer_write(controller, group, event);
	else if (group && group->has_memory && event->write.knob == CGBPF_KNOB_MEMORY_HIGH)
		high__foreign(controller, group, event);
	else if (group && group->cpu && group_cpu__is_knob(group->cpu, event->write.knob))
		cpu__foreign(controller, group, event);
	else if (group && group->io && event->write.knob == CGBPF_KNOB_IO_MAX)
		io__foreign(controller, group, event);
	else if (group && group->has_priority && event->write.knob == CGBPF_KNOB_CPU_WEIGHT)
		priority__foreign(controller, group, event);
	else
		govern__consider_id(controller, event->cgroup_id, 0);
}

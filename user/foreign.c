// SPDX-License-Identifier: BSD-2-Clause
/* Answers somebody else's write to a governed file as its target says. It never fights: so many
 * times a minute, then it obeys. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "user/amount.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/ledger.h"
#include "user/units.h"

#define MINUTE_NS (60 * 1000000000ULL)
/* A container runtime writes its limits after it has made the cgroup; until then its values are no
 * change of mind. */
#define SETTLE_NS (5 * 1000000000ULL)

static bool is_original(const struct controller *controller, const struct group *group,
			uint64_t bytes)
{
	struct cgbpf_ledger_key key = {.cgroup_id = group->id, .knob = CGBPF_KNOB_MEMORY_MAX};
	struct cgbpf_ledger_entry entry;
	uint64_t original;

	return !ledger__get(controller->apply.ledger_fd, &key, &entry) &&
	       !units_parse_limit(entry.original, &original) && original == bytes;
}

bool foreign__may_reassert(struct group_reasserts *reasserts, enum reason reason, uint64_t now_ns)
{
	if (reason == REASON_FOREIGN_RESET) {
		if (now_ns - reasserts->resets_since_ns >= MINUTE_NS) {
			reasserts->resets_since_ns = now_ns;
			reasserts->resets_cnt = 0;
		}
		return reasserts->resets_cnt++ < GROUP_RESETS_MAX;
	}
	for (int i = 0; i < GROUP_REASSERTS_MAX; i++) {
		if (reasserts->at_ns[i] && now_ns - reasserts->at_ns[i] < MINUTE_NS)
			continue;
		reasserts->at_ns[i] = now_ns;
		return true;
	}
	return false;
}

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

static struct foreign_answer choose(const struct controller *controller, struct group *group,
				    uint64_t bytes, uint64_t now_ns)
{
	struct foreign_answer answer = {group->on_foreign_write, REASON_FOREIGN_NEW};

	if (is_original(controller, group, bytes))
		answer = (struct foreign_answer){FOREIGN_REASSERT, REASON_FOREIGN_RESET};
	else if (group->made_ns && now_ns - group->made_ns < SETTLE_NS)
		answer = (struct foreign_answer){
			group->is_soft_given ? FOREIGN_REASSERT : FOREIGN_ADOPT, REASON_MAKER};
	if (answer.policy == FOREIGN_ADOPT && bytes == UINT64_MAX)
		answer.policy = FOREIGN_OBEY;
	if (answer.policy == FOREIGN_REASSERT && answer.reason != REASON_MAKER &&
	    !foreign__may_reassert(&group->reasserts, answer.reason, now_ns))
		answer = (struct foreign_answer){FOREIGN_OBEY, REASON_FOREIGN_TOO_OFTEN};
	return answer;
}

static void answer_write(struct controller *controller, struct group *group,
			 const struct cgbpf_event *event)
{
	struct journal_record record = report_about(group, JOURNAL_FOREIGN_WRITE);
	uint64_t received_ns = apply_now_ns() - event->kernel_ns;
	struct foreign_answer answer;
	uint64_t bytes;

	if (group->is_stopped || foreign__bytes(group, event, &bytes))
		return;
	if (bytes == group->limit_bytes) {
		/* It changes nothing now, and is what they expect to find in the end. */
		apply__amend(&controller->apply, group->id, bytes);
		return;
	}
	answer = choose(controller, group, bytes, event->kernel_ns);
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
	if (standing == UINT64_MAX)
		snprintf(event.write.value, sizeof(event.write.value), "max");
	else
		snprintf(event.write.value, sizeof(event.write.value), "%" PRIu64, standing);
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

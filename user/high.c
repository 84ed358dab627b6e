// SPDX-License-Identifier: BSD-2-Clause
/*
 * Lets a memory.high that a governed cgroup has follow its memory.max, as far below it as it was at
 * first. It never sets one where there was none.
 *
 * Above memory.high the kernel puts tasks to sleep (mem_cgroup_handle_over_high() in
 * mm/memcontrol.c): a limit raised over one that stays would help nobody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/log.h"
#include "user/restore.h"
#include "user/text.h"
#include "user/units.h"

/* The value from before us: an earlier run may have left its own. */
static uint64_t high_before(const struct controller *controller, const struct cgbpf_ledger_key *key,
			    uint64_t found_bytes)
{
	struct cgbpf_ledger_entry entry;
	uint64_t bytes;

	return ledger__get(controller->apply.ledger_fd, key, &entry) ||
			       units_parse_limit(entry.original, &bytes)
		       ? found_bytes
		       : bytes;
}

static void measure(struct group *group, uint64_t original_bytes, uint64_t standing_bytes,
		    uint64_t limit_bytes)
{
	group->high_bytes = standing_bytes;
	group->high_least_bytes = original_bytes;
	group->high_gap_bytes = limit_bytes > original_bytes ? limit_bytes - original_bytes : 0;
}

void high__govern(struct controller *controller, struct group *group, uint64_t found_bytes)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_HIGH, 0);
	uint64_t standing, original;
	char found[CGBPF_VALUE_LEN], shown[256];
	int fd, err;

	if (group->has_high || group->is_high_left ||
	    (controller->apply.is_dry_run && found_bytes == UINT64_MAX) ||
	    knob__read(group->dir_fd, &key, found, sizeof(found)) ||
	    units_parse_limit(found, &standing) || standing >= group->rule.hard_bytes)
		return;
	err = knob__open(group->dir_fd, key.knob, &fd);
	if (!err && !govern__is_spared(fd)) {
		close(fd);
		err = -EMFILE;
	}
	if (!err) {
		err = apply__remember_knob(&controller->apply, &key, found, group->target);
		if (err)
			close(fd);
	}
	if (err) {
		log_warning("%s: memory.high stays at %s, and tasks sleep above it: %s, ignoring",
			    text_escape(group->path, strlen(group->path), shown, sizeof(shown)),
			    found, strerror(-err));
		return;
	}
	original = high_before(controller, &key, standing);
	pthread_mutex_lock(&controller->groups.lock);
	govern__open_usage(group);
	measure(group, original, standing,
		found_bytes == UINT64_MAX ? group->rule.soft_bytes : found_bytes);
	group->high_fd = fd;
	group->has_high = true;
	pthread_mutex_unlock(&controller->groups.lock);
}

/* The limit may be raised while the kernel has the last one, and again. */
#define FOLLOW_TRIES 8

void high__follow(struct controller *controller, struct group *group, bool may_lower)
{
	uint64_t high_bytes;
	int err = 0;

	for (int i = 0; i < FOLLOW_TRIES && !err && !controller->apply.is_dry_run; i++) {
		pthread_mutex_lock(&controller->groups.lock);
		high_bytes = group__high_at(group, group->limit_bytes);
		group->is_high_moving = group__is_high_due(group, may_lower);
		pthread_mutex_unlock(&controller->groups.lock);
		if (!group->is_high_moving)
			return;
		err = apply__write_high(&controller->apply, group, high_bytes);
		pthread_mutex_lock(&controller->groups.lock);
		group->is_high_moving = false;
		if (!err)
			group->high_bytes = high_bytes;
		pthread_mutex_unlock(&controller->groups.lock);
	}
}

void high__catch_up(struct controller *controller, struct action *action)
{
	struct group *group = groups__find(&controller->groups, action->cgroup_id);
	uint64_t before;

	if (!group || !group->has_high || action->kind != ACTION_RAISED || action->knob)
		return;
	before = group->high_bytes;
	high__follow(controller, group, false);
	if (group->high_bytes != before)
		action->new_high_bytes = group->high_bytes;
}

void high__tend(struct controller *controller)
{
	struct group *group = NULL;
	uint64_t before;

	while ((group = groups__next(&controller->groups, group))) {
		struct journal_record record;

		if (!group->has_high)
			continue;
		record = report_about(group, JOURNAL_SOFT_LIMIT_RAISED);
		before = group->high_bytes;
		high__follow(controller, group, false);
		record.old_bytes = before;
		record.new_bytes = group->high_bytes;
		record.reason = reason_name(REASON_FOLLOWS);
		record.detail = reason_sentence(REASON_FOLLOWS);
		high__report(controller, &record);
	}
}

void high__leave(struct controller *controller, struct group *group)
{
	pthread_mutex_lock(&controller->groups.lock);
	if (group->has_high)
		close(group->high_fd);
	group->has_high = false;
	pthread_mutex_unlock(&controller->groups.lock);
}

void high__forget(struct controller *controller, uint64_t id)
{
	struct cgbpf_ledger_key key = {.cgroup_id = id, .knob = CGBPF_KNOB_MEMORY_HIGH};

	apply__forget_knob(&controller->apply, &key);
}

void high__put_back(struct controller *controller, const struct group *group)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_HIGH, 0);
	struct journal_record record = report_about(group, JOURNAL_RESTORED);
	struct restored_limit limit;
	enum restored outcome = restore__key(&controller->apply, controller->root_fd, &key, &limit);

	if (outcome != RESTORED_BACK && outcome != RESTORED_IN_USE)
		return;
	report_texts(&record, key.knob, limit.before, limit.after);
	record.reason = reason_name(outcome == RESTORED_BACK ? REASON_RELOAD : REASON_IN_USE);
	record.detail = reason_sentence(outcome == RESTORED_BACK ? REASON_RELOAD : REASON_IN_USE);
	report(controller, &record);
}

void high__report(struct controller *controller, const struct journal_record *record)
{
	struct journal_record copy = *record;

	copy.knob = knob_name(CGBPF_KNOB_MEMORY_HIGH);
	copy.added_bytes = 0;
	if (copy.old_bytes != copy.new_bytes)
		report(controller, &copy);
}

/* As with memory.max: a value from before ours is a reset, whatever the setting. */
static struct foreign_answer choose(struct group *group, uint64_t bytes, uint64_t now_ns)
{
	struct foreign_answer answer = {group->on_foreign_write, REASON_FOREIGN_NEW};

	if (bytes == group->high_least_bytes)
		answer = (struct foreign_answer){FOREIGN_REASSERT, REASON_FOREIGN_RESET};
	/* Without one there is nothing that could follow. */
	if (answer.policy == FOREIGN_ADOPT && bytes == UINT64_MAX)
		answer.policy = FOREIGN_OBEY;
	if (answer.policy == FOREIGN_REASSERT &&
	    !foreign__may_reassert(&group->high_reasserts, answer.reason, now_ns))
		answer = (struct foreign_answer){FOREIGN_OBEY, REASON_FOREIGN_TOO_OFTEN};
	return answer;
}

/* Theirs is what goes back in the end. */
static void amend(const struct controller *controller, const struct group *group, uint64_t bytes)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_HIGH, 0);
	char value[24];

	apply__amend_knob(&controller->apply, &key,
			  units_format_limit(bytes, value, sizeof(value)));
}

static void take(struct controller *controller, struct group *group, uint64_t bytes,
		 enum foreign_policy policy)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_HIGH, 0);

	if (policy == FOREIGN_OBEY) {
		high__leave(controller, group);
		group->is_high_left = true;
		apply__forget_knob(&controller->apply, &key);
		govern__set_rule(controller, group);
		return;
	}
	amend(controller, group, bytes);
	pthread_mutex_lock(&controller->groups.lock);
	if (policy == FOREIGN_ADOPT)
		measure(group, bytes, bytes, group->limit_bytes);
	group->high_bytes = bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	high__follow(controller, group, false);
}

void high__foreign(struct controller *controller, struct group *group,
		   const struct cgbpf_event *event)
{
	struct journal_record record = report_about(group, JOURNAL_FOREIGN_WRITE);
	struct foreign_answer answer;
	uint64_t bytes, theirs;

	if (!group->has_memory || group->is_stopped || controller->apply.is_dry_run)
		return;
	if (!group->has_high) { /* the first of its own */
		high__govern(controller, group, group->limit_bytes);
		govern__set_rule(controller, group);
		return;
	}
	if (cgfs_read_bytes(group->dir_fd, "memory.high", &bytes))
		return;
	if (bytes == group->high_bytes) {
		if (event && !foreign__bytes(group, event, &theirs) && theirs == bytes)
			amend(controller, group, bytes);
		return;
	}
	answer = choose(group, bytes, apply_now_ns());
	record.knob = knob_name(CGBPF_KNOB_MEMORY_HIGH);
	record.old_bytes = group->high_bytes;
	record.new_bytes = bytes;
	take(controller, group, bytes, answer.policy);
	foreign__tell(controller, event, &record, answer);
}

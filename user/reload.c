// SPDX-License-Identifier: BSD-2-Clause
/* Fits what is governed to a new configuration. It never reads the file; run has done so. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/ledger.h"
#include "user/restore.h"

/* Puts GROUP back to its original and lets it go. */
static void release(struct controller *controller, struct group *group)
{
	struct cgbpf_ledger_key key = {.cgroup_id = group->id, .knob = CGBPF_KNOB_MEMORY_MAX};
	struct journal_record record = report_about(group, JOURNAL_RESTORED);
	struct cgbpf_ledger_entry entry;
	struct restored_limit limit;
	uint64_t id = group->id;

	loader__drop_rule(controller->loader, id);
	if (!ledger__get(controller->apply.ledger_fd, &key, &entry)) {
		enum restored outcome = restore__one(&controller->apply, controller->root_fd, &key,
						     &entry, false, &limit);

		record.new_bytes = limit.after_bytes;
		record.reason =
			reason_name(outcome == RESTORED_IN_USE ? REASON_IN_USE : REASON_RELOAD);
		record.detail =
			reason_sentence(outcome == RESTORED_IN_USE ? REASON_IN_USE : REASON_RELOAD);
		report(controller, &record);
	}
	pthread_mutex_lock(&controller->groups.lock);
	controller->pool.promised_bytes -= group->unused_bytes;
	groups__take(&controller->groups, id);
	pthread_mutex_unlock(&controller->groups.lock);
	group__free(group);
}

/* The rule of NEW in the place of GROUP's; a limit past the new hard is left and returns. */
static void change(struct controller *controller, struct group *group,
		   const struct target_config *target)
{
	const struct memory_config *memory = &target->memory;
	struct journal_record record;
	uint64_t written_ns;

	pthread_mutex_lock(&controller->groups.lock);
	memcpy(group->target, target->name, sizeof(group->target));
	group->on_foreign_write = target->on_foreign_write;
	group->return_after_ns = memory->return_after_ns;
	group->hold_ns = memory->hold_ns;
	group->is_soft_given = memory->soft_bytes != 0;
	group->rule = govern__rule(memory, group->rule.soft_bytes);
	group->is_hard_said = false;
	record = report_about(group, JOURNAL_GOVERNED);
	if (group->limit_bytes < group->rule.soft_bytes &&
	    !apply__raise(&controller->apply, group, group->rule.soft_bytes, &written_ns))
		record.new_bytes = group->limit_bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	record.target = group->target;
	record.reason = reason_name(REASON_SOFT);
	record.detail = reason_sentence(REASON_SOFT);
	if (record.new_bytes != record.old_bytes)
		report(controller, &record);
	govern__set_rule(controller, group);
}

void govern__reload(struct controller *controller)
{
	struct group *group, *next;

	for (group = groups__next(&controller->groups, NULL); group; group = next) {
		const struct target_config *target =
			targets__match(&controller->targets, group->path, NULL);

		next = groups__next(&controller->groups, group);
		if (group->is_stopped) { /* obeyed until now; considered afresh */
			if (target)
				govern__forget(controller, group->id);
		} else if (target) {
			change(controller, group, target);
		} else {
			release(controller, group);
		}
	}
	govern__all(controller);
}

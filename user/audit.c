// SPDX-License-Identifier: BSD-2-Clause
/* Owns the words about donors and victims. It never decides and never changes a cgroup. */
#include "user/audit.h"

#include <stdio.h>
#include <string.h>

#include "user/text.h"
#include "user/units.h"

void audit__action(struct controller *controller, const struct action *action,
		   struct journal_record *record, struct audit *audit)
{
	const char *why = record->detail ? record->detail : "";
	char spare[16];

	if (action->knob) /* only memory is lent */
		return;
	for (uint32_t i = 0; i < action->donations_cnt; i++) {
		const struct group *group =
			groups__find(&controller->groups, action->donations[i].id);

		audit->parts[i].name = group ? group->path : "?";
		audit->parts[i].reduced_bytes = action->donations[i].bytes;
	}
	if (action->kind == ACTION_RAISED && action->donations_cnt) {
		record->adjusted = audit->parts;
		record->adjusted_cnt = action->donations_cnt;
		snprintf(audit->detail, sizeof(audit->detail), "%s; lent by %u others", why,
			 action->donations_cnt);
		record->detail = audit->detail;
	} else if (action->kind == ACTION_REFUSED &&
		   (action->reason == REASON_NO_HEADROOM ||
		    (action->reason == REASON_PARENT_BINDS && action->asked_cnt))) {
		snprintf(audit->detail, sizeof(audit->detail),
			 "%s; of %u possible donors %u could spare %s together; of %zu cgroups too "
			 "little is known",
			 why, action->asked_cnt, action->spares_cnt,
			 units_format_bytes(action->spare_bytes, spare, sizeof(spare)),
			 controller->donors.unknown_cnt);
		record->detail = audit->detail;
	}
}

void audit__donors(struct controller *controller, const struct action *action)
{
	const struct group *receiver = groups__find(&controller->groups, action->cgroup_id);

	for (uint32_t i = 0; action->kind == ACTION_RAISED && i < action->donations_cnt; i++) {
		const struct group *group =
			groups__find(&controller->groups, action->donations[i].id);
		struct journal_record record;
		char detail[AUDIT_DETAIL_LEN], shown[256] = "?";

		if (!group)
			continue;
		if (receiver)
			text_escape(receiver->path, strlen(receiver->path), shown, sizeof(shown));
		record = report_about(group, JOURNAL_LIMIT_LENT);
		record.new_bytes = action->donations[i].limit_bytes;
		record.old_bytes = record.new_bytes + action->donations[i].bytes;
		record.reason = reason_name(REASON_LENT);
		snprintf(detail, sizeof(detail), "%s: %s", reason_sentence(REASON_LENT), shown);
		record.detail = detail;
		report(controller, &record);
	}
}

void audit__kill(struct controller *controller, uint64_t owner_id, const char *owner,
		 char buf[AUDIT_DETAIL_LEN])
{
	const struct group *group = groups__find(&controller->groups, owner_id);
	char shown[256], bytes[16];

	text_escape(owner, strlen(owner), shown, sizeof(shown));
	if (!owner_id)
		snprintf(buf, AUDIT_DETAIL_LEN, "more memory in the machine, or less use of it");
	else if (!group)
		snprintf(buf, AUDIT_DETAIL_LEN, "a target that governs %s", shown);
	else if (group->is_stopped)
		snprintf(buf, AUDIT_DETAIL_LEN,
			 "'on_foreign_write: reassert': somebody else's limit of %s was obeyed",
			 units_format_bytes(group->limit_bytes, bytes, sizeof(bytes)));
	else if (group->limit_bytes >= group->rule.hard_bytes)
		snprintf(buf, AUDIT_DETAIL_LEN, "a hard limit of %s above %s", shown,
			 units_format_bytes(group->rule.hard_bytes, bytes, sizeof(bytes)));
	else if (group->refused == REASON_NO_HEADROOM)
		snprintf(buf, AUDIT_DETAIL_LEN,
			 "memory above the machine's reserve, or donors that use less than their "
			 "median");
	else if (group->refused == REASON_PARENT_BINDS)
		snprintf(buf, AUDIT_DETAIL_LEN, "a higher limit of an ancestor of %s", shown);
	else
		snprintf(buf, AUDIT_DETAIL_LEN,
			 "an earlier answer: a lower watermark, a larger step or a longer hold");
}

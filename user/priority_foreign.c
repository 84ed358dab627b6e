// SPDX-License-Identifier: BSD-2-Clause
/* Answers somebody else's write of the cpu.weight that a target's priority names. It never fights.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/controller.h"
#include "user/knob.h"
#include "user/units.h"

/* Theirs stays; until a reload the priority of GROUP has no weight. */
static void obey(struct controller *controller, struct group *group,
		 const struct cgbpf_ledger_key *key)
{
	group->priority.weight = 0;
	govern__set_rule(controller, group);
	apply__forget_knob(&controller->apply, key);
}

void priority__foreign(struct controller *controller, struct group *group,
		       const struct cgbpf_event *event)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_CPU_WEIGHT, 0);
	struct journal_record record = report_about(group, JOURNAL_FOREIGN_WRITE);
	char ours[24], value[CGBPF_VALUE_LEN];
	struct foreign_answer answer;
	uint64_t theirs;
	int fd;

	if (!group->has_priority || !group->priority.weight || controller->apply.is_dry_run ||
	    knob__open(group->dir_fd, key.knob, &fd))
		return;
	snprintf(ours, sizeof(ours), "%" PRIu64, group->priority.weight);
	if (knob__read_fd(fd, &key, value, sizeof(value)) || units_parse_limit(value, &theirs))
		goto out;
	if (strcmp(value, ours) == 0) {
		if (foreign__agrees(event, ours))
			apply__amend_knob(&controller->apply, &key, ours);
		goto out;
	}
	answer = foreign__choose(controller, group, event, &key, value, true, false,
				 &group->weight_reasserts);
	record.knob = knob_name(key.knob);
	record.old_text = ours;
	record.new_text = value;
	if (answer.policy == FOREIGN_OBEY) {
		obey(controller, group, &key);
	} else {
		apply__amend_knob(&controller->apply, &key, value);
		if (answer.policy == FOREIGN_ADOPT)
			group->priority.weight = theirs;
		else
			apply__set(&controller->apply, &key, fd, ours, NULL);
	}
	foreign__tell(controller, event, &record, answer);
out:
	close(fd);
}

// SPDX-License-Identifier: BSD-2-Clause
/* What to answer to somebody else's write, and how it is told. It never writes. */
#include <string.h>

#include "user/amount.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/units.h"

/* A container runtime writes its limits after it has made the cgroup; until then its values are no
 * change of mind. */
#define SETTLE_NS (5 * 1000000000ULL)
#define MINUTE_NS (60 * 1000000000ULL)

/* PAGE_COUNTER_MAX (include/linux/page_counter.h) in bytes: that many are "max", and so is more. */
#define LIMIT_MOST_BYTES page_floor(INT64_MAX)

int foreign__bytes(const struct group *group, const struct cgbpf_event *event, uint64_t *ret_bytes)
{
	char text[sizeof(event->write.value)];

	memcpy(text, event->write.value, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	text[strcspn(text, " \n\t")] = '\0';
	/* A leading 0 makes it octal or hexadecimal (memparse() in lib/cmdline.c). */
	if (text[0] != '0' &&
	    (!units_parse_limit(text, ret_bytes) || !units_parse_bytes(text, ret_bytes))) {
		/* As the kernel rounds (page_counter_memparse() in mm/page_counter.c). */
		*ret_bytes = *ret_bytes >= LIMIT_MOST_BYTES ? UINT64_MAX : page_floor(*ret_bytes);
		return 0;
	}
	return cgfs_read_bytes(group->dir_fd, knob_name(event->write.knob), ret_bytes);
}

bool foreign__agrees(const struct cgbpf_event *event, const char *standing)
{
	return event && knob_agrees(event->write.value, standing);
}

static bool is_this_minutes(uint64_t at_ns, uint64_t now_ns)
{
	return at_ns && now_ns - at_ns < MINUTE_NS;
}

/* Is one of this minute's given to what others want? */
static bool is_disputed(const struct group_reasserts *reasserts, uint64_t now_ns)
{
	for (int i = 0; i < GROUP_REASSERTS_MAX; i++)
		if (is_this_minutes(reasserts->at_ns[i], now_ns))
			return true;
	return false;
}

/* Their value is the original by then: who insists on it would seem to reset. */
bool foreign__may_reassert(struct group_reasserts *reasserts, enum reason reason, uint64_t now_ns)
{
	if (reason == REASON_FOREIGN_RESET && !is_disputed(reasserts, now_ns)) {
		if (now_ns - reasserts->resets_since_ns >= MINUTE_NS) {
			reasserts->resets_since_ns = now_ns;
			reasserts->resets_cnt = 0;
		}
		return reasserts->resets_cnt++ < GROUP_RESETS_MAX;
	}
	for (int i = 0; i < GROUP_REASSERTS_MAX; i++) {
		if (is_this_minutes(reasserts->at_ns[i], now_ns))
			continue;
		reasserts->at_ns[i] = now_ns;
		return true;
	}
	return false;
}

struct foreign_answer foreign__choose(struct controller *controller, const struct group *group,
				      const struct cgbpf_event *event,
				      const struct cgbpf_ledger_key *key, const char *value,
				      bool is_soft_given, bool is_unlimited,
				      struct group_reasserts *reasserts)
{
	struct foreign_answer answer = {group->on_foreign_write, REASON_FOREIGN_NEW};
	uint64_t now_ns = event ? event->kernel_ns : apply_now_ns();
	struct cgbpf_ledger_entry entry;

	if (!ledger__get(controller->apply.ledger_fd, key, &entry) &&
	    strcmp(entry.original, value) == 0)
		answer = (struct foreign_answer){FOREIGN_REASSERT, REASON_FOREIGN_RESET};
	else if (group->made_ns && now_ns - group->made_ns < SETTLE_NS)
		answer = (struct foreign_answer){is_soft_given ? FOREIGN_REASSERT : FOREIGN_ADOPT,
						 REASON_MAKER};
	if (answer.policy == FOREIGN_ADOPT && is_unlimited)
		answer.policy = FOREIGN_OBEY;
	if (answer.policy == FOREIGN_REASSERT && answer.reason != REASON_MAKER &&
	    !foreign__may_reassert(reasserts, answer.reason, now_ns))
		answer = (struct foreign_answer){FOREIGN_OBEY, REASON_FOREIGN_TOO_OFTEN};
	return answer;
}

void foreign__tell(struct controller *controller, const struct cgbpf_event *event,
		   struct journal_record *record, struct foreign_answer answer)
{
	static const char *const names[] = {[FOREIGN_OBEY] = "obey",
					    [FOREIGN_REASSERT] = "reassert",
					    [FOREIGN_ADOPT] = "adopt"};
	char comm[CGBPF_COMM_LEN + 1] = {}, value[CGBPF_VALUE_LEN] = {};

	record->comm = comm;
	record->value = value;
	if (event) {
		memcpy(comm, event->comm, CGBPF_COMM_LEN);
		memcpy(value, event->write.value, sizeof(event->write.value));
		value[strcspn(value, "\n")] = '\0';
		record->pid = event->pid;
	} else if (record->new_text) {
		strcpy(value, record->new_text);
	} else {
		record->value = NULL;
	}
	record->answer = names[answer.policy];
	record->reason = reason_name(answer.reason);
	record->detail = reason_sentence(answer.reason);
	controller->summary.foreign_cnt++;
	report(controller, record);
}

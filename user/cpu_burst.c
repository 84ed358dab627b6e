// SPDX-License-Identifier: BSD-2-Clause
/* Brings cpu.max.burst to what belongs beside the quota, and answers its other writers. It never
 * moves a quota. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/cpu.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/units.h"

static struct cgbpf_ledger_key key_of(const struct group *group)
{
	return group__key(group, CGBPF_KNOB_CPU_MAX_BURST, 0);
}

static int read_us(const struct group *group, char ret_text[CGBPF_VALUE_LEN], uint64_t *ret_us)
{
	struct cgbpf_ledger_key key = key_of(group);
	int err = knob__read(group->dir_fd, &key, ret_text, CGBPF_VALUE_LEN);

	return err ? err : units_parse_limit(ret_text, ret_us);
}

void cpu_burst__find(struct group *group)
{
	char found[CGBPF_VALUE_LEN];

	if (group->cpu->mode != CPU_MODE_QUOTA || read_us(group, found, &group->cpu->burst_us))
		group->cpu->burst_us = UINT64_MAX;
}

bool cpu_burst__is_theirs(const struct group *group)
{
	char found[CGBPF_VALUE_LEN];
	uint64_t found_us;

	return group->cpu->mode == CPU_MODE_QUOTA && !read_us(group, found, &found_us) &&
	       found_us != group->cpu->burst_us;
}

/* What belongs where FOUND_US stands. */
static uint64_t wanted(const struct controller *controller, const struct group *group,
		       uint64_t found_us)
{
	struct cgbpf_ledger_key key = key_of(group);
	const struct group_cpu *cpu = group->cpu;
	struct cgbpf_ledger_entry entry;
	uint64_t original_us;

	if (found_us != cpu->burst_us)
		return found_us; /* somebody else's, still to be answered */
	if (cpu->has_burst)
		return cpu->burst_ppm * cpu->standing.period_us / PPM;
	return ledger__get(controller->apply.ledger_fd, &key, &entry) ||
			       units_parse_limit(entry.original, &original_us)
		       ? found_us
		       : original_us;
}

/* Kernels before 5.14 have none. */
int cpu_burst__fit(struct controller *controller, struct group *group, uint64_t most_us)
{
	struct cgbpf_ledger_key key = key_of(group);
	struct group_cpu *cpu = group->cpu;
	char found[CGBPF_VALUE_LEN], value[24];
	uint64_t found_us, next_us;
	int fd, err = read_us(group, found, &found_us);

	if (err)
		return cgfs_is_gone(err) ? 0 : err;
	next_us = wanted(controller, group, found_us);
	next_us = next_us < most_us ? next_us : most_us;
	if (next_us == found_us)
		return 0;
	snprintf(value, sizeof(value), "%" PRIu64, next_us);
	err = knob__open(group->dir_fd, key.knob, &fd);
	if (err)
		return err;
	err = apply__remember_knob(&controller->apply, &key, found, group->target);
	if (!err)
		err = apply__set(&controller->apply, &key, fd, value, NULL);
	close(fd);
	/* A dry run has changed nothing. */
	if (!err && !controller->apply.is_dry_run)
		cpu->burst_us = next_us;
	return err;
}

static void take(struct controller *controller, struct group *group, const char *value,
		 uint64_t theirs_us, enum foreign_policy policy)
{
	struct cgbpf_ledger_key key = key_of(group);
	struct group_cpu *cpu = group->cpu;
	uint64_t period_us;

	pthread_mutex_lock(&controller->groups.lock);
	period_us = cpu->standing.period_us;
	cpu->burst_us = theirs_us;
	if (policy == FOREIGN_OBEY) {
		cpu->has_burst = false;
		apply__forget_knob(&controller->apply, &key);
	} else {
		apply__amend_knob(&controller->apply, &key, value);
	}
	if (policy == FOREIGN_ADOPT) /* rounded up, so that it becomes theirs again */
		cpu->burst_ppm = (theirs_us * PPM + period_us - 1) / period_us;
	if (policy == FOREIGN_REASSERT)
		cpu_burst__fit(controller, group, cpu->standing.quota_us);
	pthread_mutex_unlock(&controller->groups.lock);
	govern__set_rule(controller, group);
}

void cpu_burst__foreign(struct controller *controller, struct group *group,
			const struct cgbpf_event *event)
{
	struct journal_record record = report_about(group, JOURNAL_FOREIGN_WRITE);
	/* A burst that the configuration does not name is theirs. */
	struct foreign_answer answer = {FOREIGN_OBEY, REASON_FOREIGN_NEW};
	struct cgbpf_ledger_key key = key_of(group);
	struct group_cpu *cpu = group->cpu;
	char ours[24], value[CGBPF_VALUE_LEN];
	uint64_t theirs_us;

	if (cpu->mode != CPU_MODE_QUOTA || read_us(group, value, &theirs_us))
		return;
	if (theirs_us == cpu->burst_us) {
		if (foreign__agrees(event, value))
			apply__amend_knob(&controller->apply, &key, value);
		return;
	}
	if (cpu->has_burst)
		answer = foreign__choose(controller, group, event, &key, value, true, false,
					 &cpu->burst_reasserts);
	snprintf(ours, sizeof(ours), "%" PRIu64, cpu->burst_us);
	record.knob = knob_name(key.knob);
	record.old_text = ours;
	record.new_text = value;
	take(controller, group, value, theirs_us, answer.policy);
	foreign__tell(controller, event, &record, answer);
}

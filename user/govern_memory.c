// SPDX-License-Identifier: BSD-2-Clause
/* Brings the memory of a group under its rule, fits it to a new configuration and lets it go. It
 * never raises for need (see rescue). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/ledger.h"
#include "user/log.h"
#include "user/restore.h"
#include "user/text.h"
#include "user/units.h"

struct memory_rule govern__rule(const struct memory_config *memory, uint64_t found_bytes)
{
	uint64_t soft = memory->soft_bytes ? memory->soft_bytes : found_bytes;
	uint64_t hard = memory->hard_bytes;

	if (!hard)
		hard = soft > UINT64_MAX / 2 ? soft : 2 * soft;
	if (hard < soft)
		hard = soft;
	return (struct memory_rule){
		.soft_bytes = soft == UINT64_MAX ? soft : soft & ~(PAGE_BYTES - 1),
		.hard_bytes = hard & ~(PAGE_BYTES - 1),
		.step_bytes = memory->step_bytes,
		.watermark_ppm = memory->watermark_ppm,
	};
}

/* The limit from before us: an earlier run may have left its own, with the original in the ledger.
 */
static uint64_t limit_before(const struct controller *controller, uint64_t id, uint64_t found_bytes)
{
	struct cgbpf_ledger_key key = {.cgroup_id = id, .knob = CGBPF_KNOB_MEMORY_MAX};
	struct cgbpf_ledger_entry entry;
	uint64_t original;

	if (ledger__get(controller->apply.ledger_fd, &key, &entry) ||
	    units_parse_limit(entry.original, &original) || original == UINT64_MAX)
		return found_bytes;
	return original;
}

/* Writes the limit with which governing begins: soft, or above it where more is in use. The rule is
 * in force already. */
static int begin(struct controller *controller, struct group *group)
{
	struct journal_record record = report_about(group, JOURNAL_GOVERNED);
	/* Since the kernel made it, or since we looked at it. */
	uint64_t origin_ns = group->made_ns ? group->made_ns : apply_now_ns();
	uint64_t start, margin, written_ns;
	struct memory_look look;
	enum reason reason;
	int err = cgfs_look(group->dir_fd, &look);

	if (err)
		return err;
	record.times.received_ns = group->made_ns ? apply_now_ns() - origin_ns : 0;
	margin = decide_memory_margin(look.fixed_bytes, controller->apply.cpus);
	start = decide_memory_start(&group->rule, record.old_bytes, look.fixed_bytes, margin,
				    &reason);
	record.times.decided_ns = apply_now_ns() - origin_ns;
	if (start > record.old_bytes) {
		pthread_mutex_lock(&controller->groups.lock);
		err = apply__raise(&controller->apply, group, start, &written_ns);
		pthread_mutex_unlock(&controller->groups.lock);
	} else if (start < record.old_bytes) {
		err = calm__lower(controller, group, start);
	}
	if (err == -EBUSY || err == -EAGAIN) { /* it grew meanwhile: it returns like any other */
		start = group->limit_bytes;
		reason = REASON_ABOVE_SOFT;
		err = 0;
	}
	if (err)
		return err;
	record.new_bytes = start;
	record.has_times = true;
	record.times.effective_ns = apply_now_ns() - origin_ns;
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
	return 0;
}

/* Ledger, table, rule, limit, in this order: no moment is without a rule, and no change without its
 * original. */
static int install(struct controller *controller, struct group *group, const char *original)
{
	int err = apply__remember(&controller->apply, group, original);

	if (!err)
		err = govern__enter(controller, group);
	if (!err)
		err = govern__set_rule(controller, group);
	return err ? err : begin(controller, group);
}

/* The part alone; limit and ledger stay. */
static void leave(struct controller *controller, struct group *group)
{
	pthread_mutex_lock(&controller->groups.lock);
	group->is_stopped = true;
	group__promise(group, 0, &controller->pool.promised_bytes);
	group->has_memory = false;
	group->limit_bytes = UINT64_MAX;
	if (group->max_fd >= 0)
		close(group->max_fd);
	if (group->usage_fd >= 0)
		close(group->usage_fd);
	group->max_fd = group->usage_fd = -1;
	pthread_mutex_unlock(&controller->groups.lock);
	high__leave(controller, group);
	donors__forget(controller, group->id);
	govern__set_rule(controller, group);
}

static int take(struct controller *controller, struct group *group,
		const struct target_config *target, uint64_t found_bytes)
{
	int fd, err = apply__open_limit(group->dir_fd, &fd);

	if (err)
		return err;
	if (!govern__is_spared(fd)) {
		close(fd);
		return -EMFILE;
	}
	pthread_mutex_lock(&controller->groups.lock);
	group->max_fd = fd;
	group->return_after_ns = target->memory.return_after_ns;
	group->hold_ns = target->memory.hold_ns;
	group->is_soft_given = target->memory.soft_bytes != 0;
	group->is_never_donor = target->donor == DONOR_NEVER;
	group->rule =
		govern__rule(&target->memory, limit_before(controller, group->id, found_bytes));
	group->limit_bytes = found_bytes;
	group->has_memory = true;
	group->is_stopped = false;
	pthread_mutex_unlock(&controller->groups.lock);
	return 0;
}

void memory__govern(struct controller *controller, struct group *group,
		    const struct target_config *target)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_MAX, 0);
	char original[CGBPF_VALUE_LEN];
	struct restored_limit limit;
	uint64_t found;
	int err;

	if (group->has_memory || !target->memory.is_given)
		return;
	err = cgfs_read(group->dir_fd, "memory.max", original, sizeof(original));
	if (cgfs_is_gone(err)) {
		if (!faccessat(group->dir_fd, "cgroup.procs", F_OK, 0))
			govern__pass_over(
				target, group->path,
				"it has no memory controller yet (+memory in its parent's "
				"cgroup.subtree_control)");
		return;
	}
	if (err || units_parse_limit(original, &found)) {
		govern__pass_over(target, group->path, "memory.max cannot be read");
		return;
	}
	if (found == UINT64_MAX && !target->memory.soft_bytes)
		return; /* no limit to begin with; its first is an event */
	/* The one who makes a hierarchy is about to write it. */
	if (found == UINT64_MAX && target->kind == TARGET_TREE && group->made_ns)
		snprintf(original, sizeof(original), "%" PRIu64, target->memory.soft_bytes);
	err = take(controller, group, target, found);
	if (!err) {
		high__govern(controller, group, limit_before(controller, group->id, found));
		err = install(controller, group, original);
		if (!err)
			return;
		leave(controller, group);
		high__put_back(controller, group);
		/* An entry may be there from an earlier run: it is forgotten only where the
		 * original stands. */
		restore__key(&controller->apply, controller->root_fd, &key, &limit);
	}
	if (!cgfs_is_gone(err))
		govern__fail(controller, target, group->path, err);
}

/* Back to its original, and let go. */
static void release(struct controller *controller, struct group *group)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_MAX, 0);
	struct journal_record record = report_about(group, JOURNAL_RESTORED);
	struct restored_limit limit;
	enum reason reason;

	/* From here on it is not raised, so that the original is the last word. */
	leave(controller, group);
	high__put_back(controller, group);
	reason = restore__key(&controller->apply, controller->root_fd, &key, &limit) ==
				 RESTORED_IN_USE
			 ? REASON_IN_USE
			 : REASON_RELOAD;
	report_texts(&record, key.knob, limit.before, limit.after);
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
}

/* The rule of TARGET in the place of GROUP's; a limit past the new hard is left and returns. */
static void change(struct controller *controller, struct group *group,
		   const struct target_config *target)
{
	const struct memory_config *memory = &target->memory;
	/* Where soft is left out now, what was given before is no limit of the cgroup's. */
	uint64_t found = group->is_soft_given
				 ? limit_before(controller, group->id, group->rule.soft_bytes)
				 : group->rule.soft_bytes;
	struct journal_record record;
	uint64_t written_ns, lent, to;

	pthread_mutex_lock(&controller->groups.lock);
	group->return_after_ns = memory->return_after_ns;
	group->hold_ns = memory->hold_ns;
	group->is_soft_given = memory->soft_bytes != 0;
	group->is_never_donor = target->donor == DONOR_NEVER;
	group->rule = govern__rule(memory, found);
	group->is_hard_said = false;
	record = report_about(group, JOURNAL_GOVERNED);
	/* What it lent is still in use elsewhere. */
	lent = donors__lent(&controller->donors, group->id);
	to = group->rule.soft_bytes > lent ? group->rule.soft_bytes - lent : 0;
	if (group->limit_bytes < to && !apply__raise(&controller->apply, group, to, &written_ns))
		record.new_bytes = group->limit_bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	record.reason = reason_name(REASON_SOFT);
	record.detail = reason_sentence(REASON_SOFT);
	if (record.new_bytes != record.old_bytes)
		report(controller, &record);
	group->is_high_left = false;
	high__govern(controller, group, group->limit_bytes);
	govern__set_rule(controller, group);
}

/* What is recorded stays only where a limit of ours is still to go back: see obey in foreign. */
static void forget_theirs(struct controller *controller, const struct group *group)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_MAX, 0);
	struct cgbpf_ledger_entry entry;
	char standing[CGBPF_VALUE_LEN];

	if (ledger__get(controller->apply.ledger_fd, &key, &entry) ||
	    cgfs_read(group->dir_fd, "memory.max", standing, sizeof(standing)) ||
	    !ledger_is_ours(&entry, standing))
		apply__forget(&controller->apply, group->id);
}

/* Is there a soft, given or found? As when governing begins. */
static bool has_soft(const struct controller *controller, const struct group *group,
		     const struct memory_config *memory)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_MAX, 0);
	struct cgbpf_ledger_entry entry;
	uint64_t original;

	return memory->soft_bytes || !group->is_soft_given ||
	       ledger__get(controller->apply.ledger_fd, &key, &entry) ||
	       units_parse_limit(entry.original, &original) || original != UINT64_MAX;
}

void memory__fit(struct controller *controller, struct group *group,
		 const struct target_config *target)
{
	if (!group->has_memory)
		return;
	if (group->is_stopped) { /* obeyed until now; considered afresh */
		forget_theirs(controller, group);
		leave(controller, group);
	} else if (target && target->memory.is_given &&
		   has_soft(controller, group, &target->memory)) {
		change(controller, group, target);
	} else {
		release(controller, group);
	}
}

/* An administrator's word is obeyed until a reload, also where the file is another by then. */
void memory__look_after(struct controller *controller, struct group *group)
{
	uint64_t standing;

	if (!group->has_memory || group->is_stopped ||
	    !cgfs_is_gone(apply__standing(group, &standing)))
		return;
	leave(controller, group);
	apply__forget(&controller->apply, group->id);
	high__forget(controller, group->id);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Gives back what has not been needed for a while, step by step. It never lowers a limit under use
 * plus the margin. */
#include <errno.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/controller.h"

#define PERIOD_LEAST_NS (50 * 1000000ULL)
#define PERIOD_MOST_NS (5 * 1000000000ULL)
#define PERIOD_SHARE 4
/* A policy looks after what it did. */
#define PERIOD_ADVISED_NS (1000000000ULL)
#define TICK_MOST_NS (300 * 1000000ULL)

uint64_t calm_look_ns(uint64_t return_after_ns)
{
	uint64_t period = return_after_ns / PERIOD_SHARE;

	return period < PERIOD_LEAST_NS	 ? PERIOD_LEAST_NS
	       : period > PERIOD_MOST_NS ? PERIOD_MOST_NS
					 : period;
}

uint64_t calm__period_ns(const struct controller *controller)
{
	uint64_t period = PERIOD_MOST_NS;
	struct group *group = NULL;

	while ((group = groups__next(&controller->groups, group))) {
		if (group->has_memory && group->return_after_ns / PERIOD_SHARE < period)
			period = group->return_after_ns / PERIOD_SHARE;
		if (group->cpu && group->cpu->return_after_ns / PERIOD_SHARE < period)
			period = group->cpu->return_after_ns / PERIOD_SHARE;
		if (group->io && group->io->return_after_ns / PERIOD_SHARE < period)
			period = group->io->return_after_ns / PERIOD_SHARE;
	}
	if (controller->advisor.kind != POLICY_HEURISTIC && period > PERIOD_ADVISED_NS)
		period = PERIOD_ADVISED_NS;
	return period < PERIOD_LEAST_NS ? PERIOD_LEAST_NS : period;
}

void calm__look(struct controller *controller, uint64_t id)
{
	struct group *group = groups__find(&controller->groups, id);
	struct memory_look look;

	if (!group || cgfs_look(group->dir_fd, &look))
		return;
	pthread_mutex_lock(&controller->groups.lock);
	group->look_file_bytes = look.file_bytes;
	group->look_ns = apply_now_ns();
	group__promise(group, look.current_bytes, &controller->pool.promised_bytes);
	pthread_mutex_unlock(&controller->groups.lock);
}

static bool is_still(struct controller *controller, const struct group *group, uint64_t bytes)
{
	bool is;

	pthread_mutex_lock(&controller->groups.lock);
	is = group->limit_bytes == bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	return is;
}

int calm__lower(struct controller *controller, struct group *group, uint64_t to)
{
	uint64_t from, written_ns;
	int err;

	if (controller->apply.is_dry_run)
		return 0;
	pthread_mutex_lock(&controller->groups.lock);
	from = group->limit_bytes;
	if (from > to) {
		group->shrink_from_bytes = from;
		group->is_shrinking = true;
		group->limit_bytes = to;
	}
	pthread_mutex_unlock(&controller->groups.lock);
	if (from <= to)
		return -EAGAIN;

	/* Also for a memory.high that goes with it. */
	err = apply__make_room(
		&controller->apply, group->dir_fd,
		group__high_at(group, to) < group->high_bytes ? group__reach_at(group, to) : to);
	if (!err && !is_still(controller, group, to))
		err = -EAGAIN;
	if (!err)
		err = apply__lower(&controller->apply, group, to);

	pthread_mutex_lock(&controller->groups.lock);
	group->is_shrinking = false;
	if (group->limit_bytes != to) {
		if (!apply__raise(&controller->apply, group, group->limit_bytes, &written_ns))
			apply__lowered(&controller->apply, group->id, to, false);
		err = -EAGAIN;
	} else if (err) {
		group->limit_bytes = from;
		apply__lowered(&controller->apply, group->id, to, false);
	} else {
		apply__lowered(&controller->apply, group->id, to, true);
	}
	pthread_mutex_unlock(&controller->groups.lock);
	if (!err)
		high__follow(controller, group, true); /* room was made for it */
	return err;
}

static void give_back(struct controller *controller, struct group *group, uint64_t from,
		      uint64_t to, uint64_t looked_ns)
{
	struct journal_record record = report_about(group, JOURNAL_LIMIT_RETURNED);
	uint64_t high_bytes = group->high_bytes;

	record.times.decided_ns = apply_now_ns() - looked_ns;
	if (calm__lower(controller, group, to))
		return; /* in use again, or gone: another time, or never */
	record.has_times = true;
	record.times.effective_ns = apply_now_ns() - looked_ns;
	controller->summary.returned_cnt++;
	record.old_bytes = from;
	record.new_bytes = to;
	record.reason = reason_name(REASON_CALM);
	record.detail = reason_sentence(REASON_CALM);
	report(controller, &record);
	record.old_bytes = high_bytes;
	record.new_bytes = group->high_bytes;
	high__report(controller, &record);
	donors__returned(controller, group->id, from - to);
}

static void consider(struct controller *controller, struct group *group)
{
	uint64_t now_ns = apply_now_ns(), from = group->limit_bytes, margin, to;
	struct memory_look look;

	if (cgfs_look(group->dir_fd, &look))
		return;
	margin = decide_memory_margin(look.fixed_bytes, controller->apply.cpus);
	to = decide_memory_return(&group->rule, from, look.fixed_bytes, margin);
	/* What memory.high keeps from it is in use, as it were. */
	to = decide_memory_return(&group->rule, from,
				  look.fixed_bytes + to - group__reach_at(group, to), margin);
	pthread_mutex_lock(&controller->groups.lock);
	group__promise(group, look.current_bytes, &controller->pool.promised_bytes);
	if (to >= from)
		group->calm_since_ns = 0;
	else if (!group->calm_since_ns)
		group->calm_since_ns = now_ns;
	pthread_mutex_unlock(&controller->groups.lock);
	if (group->calm_since_ns && now_ns - group->calm_since_ns >= group->return_after_ns)
		give_back(controller, group, from, to, now_ns);
}

/* Nothing beyond soft is promised to it any more. */
static void keep_no_promise(struct controller *controller, struct group *group)
{
	if (!group->unused_bytes)
		return;
	pthread_mutex_lock(&controller->groups.lock);
	group__promise(group, group->limit_bytes, &controller->pool.promised_bytes);
	pthread_mutex_unlock(&controller->groups.lock);
}

size_t calm__tick(struct controller *controller)
{
	struct group *group = NULL;
	size_t above_cnt = 0;

	if (controller->apply.is_dry_run)
		return 0; /* nothing was given */
	/* Signals and notes are not kept waiting for reclaim; what is left has its turn at the next
	 * tick. */
	controller->apply.deadline_ns = apply_now_ns() + TICK_MOST_NS;
	while ((group = groups__next(&controller->groups, group))) {
		if (group->is_stopped || group->limit_bytes <= group->rule.soft_bytes) {
			keep_no_promise(controller, group);
			continue;
		}
		above_cnt++;
		consider(controller, group);
	}
	controller->apply.deadline_ns = 0;
	return above_cnt;
}

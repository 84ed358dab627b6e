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

uint64_t calm__period_ns(const struct controller *controller)
{
	uint64_t period = PERIOD_MOST_NS;
	struct group *group = NULL;

	while ((group = groups__next(&controller->groups, group)))
		if (group->return_after_ns / PERIOD_SHARE < period)
			period = group->return_after_ns / PERIOD_SHARE;
	return period < PERIOD_LEAST_NS ? PERIOD_LEAST_NS : period;
}

/* Keeps what is promised honest: what the group uses by now is no promise any more. */
static void settle_promise(struct controller *controller, struct group *group, uint64_t usage)
{
	uint64_t unused = group->limit_bytes != UINT64_MAX && group->limit_bytes > usage &&
					  group->limit_bytes > group->rule.soft_bytes
				  ? group->limit_bytes - usage
				  : 0;

	controller->pool.promised_bytes += unused - group->unused_bytes;
	group->unused_bytes = unused;
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
	settle_promise(controller, group, look.current_bytes);
	pthread_mutex_unlock(&controller->groups.lock);
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

	err = apply__lower(&controller->apply, group->id, group->dir_fd, to);

	pthread_mutex_lock(&controller->groups.lock);
	group->is_shrinking = false;
	if (group->limit_bytes != to) {
		apply__raise(&controller->apply, group, group->limit_bytes, &written_ns);
		err = -EAGAIN;
	} else if (err) {
		group->limit_bytes = from;
	}
	pthread_mutex_unlock(&controller->groups.lock);
	return err;
}

static void give_back(struct controller *controller, struct group *group, uint64_t from,
		      uint64_t to)
{
	struct journal_record record = report_about(group, JOURNAL_LIMIT_RETURNED);

	if (calm__lower(controller, group, to))
		return; /* in use again, or gone: another time, or never */
	controller->summary.returned_cnt++;
	record.old_bytes = from;
	record.new_bytes = to;
	record.reason = reason_name(REASON_CALM);
	record.detail = reason_sentence(REASON_CALM);
	report(controller, &record);
}

static void consider(struct controller *controller, struct group *group)
{
	uint64_t now_ns = apply_now_ns(), from = group->limit_bytes, to;
	struct memory_look look;

	if (cgfs_look(group->dir_fd, &look))
		return;
	to = decide_memory_return(&group->rule, from, look.fixed_bytes,
				  decide_memory_margin(look.fixed_bytes, controller->apply.cpus));
	pthread_mutex_lock(&controller->groups.lock);
	settle_promise(controller, group, look.current_bytes);
	if (to >= from)
		group->calm_since_ns = 0;
	else if (!group->calm_since_ns)
		group->calm_since_ns = now_ns;
	pthread_mutex_unlock(&controller->groups.lock);
	if (group->calm_since_ns && now_ns - group->calm_since_ns >= group->return_after_ns)
		give_back(controller, group, from, to);
}

size_t calm__tick(struct controller *controller)
{
	struct group *group = NULL;
	size_t above_cnt = 0;

	if (controller->apply.is_dry_run)
		return 0; /* nothing was given */
	while ((group = groups__next(&controller->groups, group))) {
		if (group->is_stopped || group->limit_bytes <= group->rule.soft_bytes)
			continue;
		above_cnt++;
		consider(controller, group);
	}
	return above_cnt;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Answers a bio that io.max keeps waiting with a higher limit, or with the reason why not. It never
 * lowers a limit. */
#include "user/answer_io.h"

#include <errno.h>

#include "user/io.h"

static bool is_governed(const struct group *group, uint32_t device)
{
	return group->io && !group->io->is_stopped && group->io->device == device;
}

/* What was throttled before our last raise in its direction has been answered by it. */
static bool is_answered(const struct group *group, const struct cgbpf_event *event)
{
	return event->kernel_ns < group->io->raised_ns[event->io.is_write & 1];
}

/* GROUP and those above it, by what we know of those that are governed: in a dry run that is
 * not what stands. */
static void read_levels(const struct answerer *answerer, const struct group *group,
			struct io_levels *levels)
{
	const struct group *level;
	uint32_t device = group->io->device;

	levels->ids[0] = group->id;
	io_levels__read_above(group->dir_fd, device, levels);
	for (size_t i = 0; i < levels->cnt; i++) {
		level = groups__find(answerer->groups, levels->ids[i]);
		for (int kind = 0; level && is_governed(level, device) && kind < IO_KINDS; kind++)
			levels->limits[i][kind] = level->io->rates[kind].standing;
	}
}

/* Hard is said once until the limit moves, another's limit now and then. */
static bool is_news(struct group_io *io, struct group_rate *rate, enum reason reason)
{
	uint64_t now_ns = apply_now_ns();
	bool is_known = reason == REASON_HARD_LIMIT
				? rate->is_hard_said
				: now_ns - io->bound_ns < ANSWER_REFUSED_AGAIN_NS;

	if (reason == REASON_HARD_LIMIT)
		rate->is_hard_said = true;
	else if (!is_known)
		io->bound_ns = now_ns;
	return !is_known;
}

/* GROUP's limit of that kind is not moved, because of its hard or of the level BINDER_ID. */
static void refuse(struct answerer *answerer, struct group *group, enum io_kind kind,
		   struct action *action)
{
	struct group_rate *rate = &group->io->rates[kind];

	action->kind = ACTION_REFUSED;
	action->cgroup_id = group->id;
	action->io_kind = kind;
	action->old_amount = action->new_amount = rate->standing;
	if (is_news(group->io, rate, action->reason))
		actions__add(answerer->actions, action);
}

static void raise_rate(struct answerer *answerer, struct group *group, enum io_kind kind,
		       uint64_t to, const struct cgbpf_event *event, struct action *action)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_IO_MAX, group->io->device);
	struct group_rate *rate = &group->io->rates[kind];
	char line[CGBPF_VALUE_LEN], ours[CGBPF_VALUE_LEN];
	/* Between the kernel's taking of the line and our return from the write a bio may be told
	 * that waits for the new limit, and it is told once: one step too many does less harm. */
	uint64_t rates[IO_KINDS], written_ns = 0, begun_ns = apply_now_ns();

	action->cgroup_id = group->id;
	action->io_kind = kind;
	action->old_amount = rate->standing;
	action->new_amount = to;
	for (int i = 0; i < IO_KINDS; i++)
		rates[i] = group->io->rates[i].standing;
	io_format(key.device, rates, ours, sizeof(ours));
	rates[kind] = to;
	io_format(key.device, rates, line, sizeof(line));
	action->err = apply__replace(answerer->apply, &key, group->io->fd, ours, line, &written_ns);
	if (action->err == -EAGAIN)
		return; /* somebody else's line stands, and is on its way to the main thread */
	action->kind = action->err ? ACTION_FAILED : ACTION_RAISED;
	action->times.written_ns = answer_since(event, written_ns);
	if (action->err) {
		/* Once: it does not get better by being tried at every bio. */
		group->io->is_stopped = true;
	} else {
		action->times.effective_ns = answer_since(event, apply_now_ns());
		rate->standing = to;
		rate->is_hard_said = false;
		group->io->raised_ns[kind & 1] = begun_ns; /* rbps, wbps, riops, wiops */
		rate->calm_since_ns = 0;
	}
	actions__add(answerer->actions, action);
}

/*
 * The bio may wait at GROUP or at any level above it: the kernel's word does not say which. The one
 * that lets the least through is raised where it is governed; where it is not, or may not be
 * raised, what is raised below it would help nobody.
 */
static void answer_locked(struct answerer *answerer, const struct cgbpf_event *event,
			  uint64_t received_ns)
{
	struct group *group = groups__find(answerer->groups, event->cgroup_id), *binder;
	struct action action = {.knob = CGBPF_KNOB_IO_MAX};
	struct io_demand demand = {event->io.is_write, event->io.bytes ?: 1, event->io.ops ?: 1};
	enum io_kind kind, own;
	struct io_levels levels = {.cnt = 1};
	struct io_plan plan = {};
	size_t at;

	if (!group || !is_governed(group, event->io.device) || is_answered(group, event))
		return;
	read_levels(answerer, group, &levels);
	at = decide_io_level(levels.limits, levels.cnt, &demand);
	kind = decide_io_binding(levels.limits[at], demand.is_write, demand.bytes, demand.ops);
	own = decide_io_binding(levels.limits[0], demand.is_write, demand.bytes, demand.ops);
	binder = at ? groups__find(answerer->groups, levels.ids[at]) : group;
	action.times.received_ns = answer_since(event, received_ns);
	action.times.decided_ns = answer_since(event, apply_now_ns());
	if (kind == IO_KINDS)
		return; /* somebody has lifted it */
	action.binder_id = levels.ids[at];
	if (binder && is_governed(binder, event->io.device) &&
	    binder->io->rates[kind].is_governed) {
		if (is_answered(binder, event))
			return;
		decide_io_raise(
			&binder->io->rates[kind].rule, levels.limits[at][kind],
			decide_io_most(levels.limits + at + 1, levels.cnt - at - 1, kind, &demand),
			&plan);
		action.reason = at && plan.is_raise ? REASON_CHILD_NEEDS : plan.reason;
		if (plan.is_raise)
			raise_rate(answerer, binder, kind, plan.rate, event, &action);
		else
			refuse(answerer, binder, kind, &action);
	}
	if (at && !plan.is_raise && own != IO_KINDS && group->io->rates[own].is_governed) {
		action.reason = REASON_PARENT_BINDS;
		refuse(answerer, group, own, &action);
	}
}

void answer_io(struct answerer *answerer, const struct cgbpf_event *event)
{
	uint64_t received_ns = apply_now_ns();

	pthread_mutex_lock(&answerer->groups->lock);
	answer_locked(answerer, event, received_ns);
	pthread_mutex_unlock(&answerer->groups->lock);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Answers a bio that io.max keeps waiting with a higher limit, or with the reason why not. It never
 * lowers a limit. */
#include "user/answer_io.h"

#include <errno.h>

#include "user/io.h"

static uint64_t since(const struct cgbpf_event *event, uint64_t now_ns)
{
	return now_ns > event->kernel_ns ? now_ns - event->kernel_ns : 1;
}

static void answer_locked(struct answerer *answerer, const struct cgbpf_event *event,
			  uint64_t received_ns)
{
	struct group *group = groups__find(answerer->groups, event->cgroup_id);
	struct action action = {.knob = CGBPF_KNOB_IO_MAX, .cgroup_id = event->cgroup_id};
	uint64_t rates[IO_KINDS], written_ns = 0;
	char line[CGBPF_VALUE_LEN], ours[CGBPF_VALUE_LEN];
	struct cgbpf_ledger_key key;
	struct group_rate *rate;
	struct io_plan plan;
	enum io_kind kind;

	/* What was throttled before our last raise has been answered by it. */
	if (!group || !group->io || group->io->is_stopped ||
	    group->io->device != event->io.device || event->kernel_ns < group->io->raised_ns)
		return;
	for (int i = 0; i < IO_KINDS; i++)
		rates[i] = group->io->rates[i].standing;
	kind = decide_io_binding(rates, event->io.is_write, event->io.bytes, event->io.ops);
	if (kind == IO_KINDS || !group->io->rates[kind].is_governed)
		return; /* an ancestor's limit, or one that is not ours to move */
	rate = &group->io->rates[kind];
	decide_io_raise(&rate->rule, rate->standing, &plan);
	action.times.received_ns = since(event, received_ns);
	action.times.decided_ns = since(event, apply_now_ns());
	action.reason = plan.reason;
	action.io_kind = kind;
	action.old_amount = rate->standing;
	action.new_amount = plan.rate;
	if (!plan.is_raise) {
		action.kind = ACTION_REFUSED;
		if (rate->is_hard_said)
			return;
		rate->is_hard_said = true;
		actions__add(answerer->actions, &action);
		return;
	}
	io_format(group->io->device, rates, ours, sizeof(ours));
	rates[kind] = plan.rate;
	key = group__key(group, CGBPF_KNOB_IO_MAX, group->io->device);
	io_format(group->io->device, rates, line, sizeof(line));
	action.err = apply__replace(answerer->apply, &key, group->io->fd, ours, line, &written_ns);
	if (action.err == -EAGAIN)
		return; /* somebody else's line stands, and is on its way to the main thread */
	action.kind = action.err ? ACTION_FAILED : ACTION_RAISED;
	action.times.written_ns = since(event, written_ns);
	if (action.err) {
		/* Once: it does not get better by being tried at every bio. */
		group->io->is_stopped = true;
	} else {
		action.times.effective_ns = since(event, apply_now_ns());
		rate->standing = plan.rate;
		rate->is_hard_said = false;
		group->io->raised_ns = apply_now_ns();
		rate->calm_since_ns = 0;
	}
	actions__add(answerer->actions, &action);
}

void answer_io(struct answerer *answerer, const struct cgbpf_event *event)
{
	uint64_t received_ns = apply_now_ns();

	pthread_mutex_lock(&answerer->groups->lock);
	answer_locked(answerer, event, received_ns);
	pthread_mutex_unlock(&answerer->groups->lock);
}

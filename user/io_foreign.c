// SPDX-License-Identifier: BSD-2-Clause
/* Answers somebody else's write of io.max, limit by limit, as its target says. It never fights. */
#include <string.h>

#include "user/controller.h"
#include "user/io.h"
#include "user/knob.h"
#include "user/ledger.h"

/* Another line than ours. */
struct written {
	struct cgbpf_ledger_key key;
	uint64_t standing[IO_KINDS], theirs[IO_KINDS];
	char ours_text[CGBPF_VALUE_LEN], text[CGBPF_VALUE_LEN];
	/* What is to go back in the end: the original, but for the limits that they wrote. */
	char original[CGBPF_VALUE_LEN];
};

static bool is_touched(const struct written *written, int kind)
{
	return written->theirs[kind] != written->standing[kind];
}

/* What is to go back in the end, if nobody writes; where none is recorded, what STANDS. */
static void read_original(const struct controller *controller, const struct cgbpf_ledger_key *key,
			  const uint64_t stands[IO_KINDS], uint64_t ret_rates[IO_KINDS])
{
	struct cgbpf_ledger_entry entry;

	if (ledger__get(controller->apply.ledger_fd, key, &entry) ||
	    io_parse(entry.original, ret_rates))
		memcpy(ret_rates, stands, IO_KINDS * sizeof(*ret_rates));
}

/* What they wrote is ours already: of the line, what they named goes back in the end. */
static void agree(const struct controller *controller, const struct written *written,
		  const struct cgbpf_event *event)
{
	uint64_t original[IO_KINDS];
	char text[CGBPF_VALUE_LEN];

	read_original(controller, &written->key, written->standing, original);
	for (int kind = 0; kind < IO_KINDS; kind++)
		if (io_names_kind(event->write.value, kind))
			original[kind] = written->standing[kind];
	io_format(written->key.device, original, text, sizeof(text));
	apply__amend_knob(&controller->apply, &written->key, text);
}

/* Is there anything to answer? */
static bool read_line(struct controller *controller, const struct group *group,
		      const struct cgbpf_event *event, struct written *ret_written)
{
	struct written written = {
		.key = group__key(group, CGBPF_KNOB_IO_MAX, group->io->device),
	};
	uint64_t original[IO_KINDS];
	int err;

	pthread_mutex_lock(&controller->groups.lock);
	for (int kind = 0; kind < IO_KINDS; kind++)
		written.standing[kind] = group->io->rates[kind].standing;
	err = knob__read_fd(group->io->fd, &written.key, written.text, sizeof(written.text));
	pthread_mutex_unlock(&controller->groups.lock);
	io_format(group->io->device, written.standing, written.ours_text,
		  sizeof(written.ours_text));
	if (err || io_parse(written.text, written.theirs))
		return false;
	/* Theirs too, another device's line, or a raise of ours came after it. */
	if (strcmp(written.text, written.ours_text) == 0) {
		if (foreign__agrees(event, written.text))
			agree(controller, &written, event);
		return false;
	}
	read_original(controller, &written.key, written.theirs, original);
	io_merge(original, written.standing, written.theirs);
	io_format(group->io->device, original, written.original, sizeof(written.original));
	*ret_written = written;
	return true;
}

/* Theirs stands; the limits of the line that they did not write are still ours to put back. */
static void record_theirs(struct controller *controller, const struct written *written)
{
	apply__amend_knob(&controller->apply, &written->key, written->original);
	apply__intend(&controller->apply, &written->key, written->text);
}

/* Theirs becomes soft where it is a limit. */
static void adopt(struct group_rate *rate, uint64_t theirs)
{
	rate->rule.soft = theirs;
	if (rate->rule.hard < theirs)
		rate->rule.hard = theirs;
	rate->is_governed = theirs != UINT64_MAX;
}

/* Theirs stands and stays, or becomes soft; a group of which nothing is governed any more stops. */
static void give_way(struct controller *controller, struct group *group,
		     const struct written *written, enum foreign_policy policy)
{
	struct group_io *io = group->io;
	bool is_stopped = true;

	pthread_mutex_lock(&controller->groups.lock);
	record_theirs(controller, written);
	for (int kind = 0; kind < IO_KINDS; kind++) {
		struct group_rate *rate = &io->rates[kind];

		if (is_touched(written, kind)) {
			if (rate->is_governed && policy == FOREIGN_ADOPT)
				adopt(rate, written->theirs[kind]);
			else
				rate->is_governed = false;
			rate->standing = written->theirs[kind];
			rate->calm_since_ns = 0;
			rate->is_hard_said = false;
		}
		is_stopped &= !rate->is_governed;
	}
	io->is_stopped = is_stopped;
	pthread_mutex_unlock(&controller->groups.lock);
	govern__set_rule(controller, group);
	if (is_stopped)
		apply__forget_knob(&controller->apply, &written->key);
}

/* Ours again where it is governed. */
static void reassert(struct controller *controller, struct group *group,
		     const struct written *written)
{
	uint64_t rates[IO_KINDS];

	for (int kind = 0; kind < IO_KINDS; kind++)
		rates[kind] = group->io->rates[kind].is_governed ? written->standing[kind]
								 : written->theirs[kind];
	apply__amend_knob(&controller->apply, &written->key, written->original);
	io__set(controller, group, rates);
}

void io__foreign(struct controller *controller, struct group *group,
		 const struct cgbpf_event *event)
{
	struct journal_record record = report_about(group, JOURNAL_FOREIGN_WRITE);
	bool is_ours = false, is_soft_given = false, is_unlimited = true;
	unsigned int touched_cnt = 0;
	char device[KNOB_DEVICE_LEN];
	struct group_io *io = group->io;
	struct foreign_answer answer = {FOREIGN_OBEY, REASON_FOREIGN_NEW};
	struct written written;

	if (io->is_stopped || controller->apply.is_dry_run ||
	    !read_line(controller, group, event, &written))
		return;
	for (int kind = 0; kind < IO_KINDS; kind++) {
		if (!is_touched(&written, kind))
			continue;
		record.limit = touched_cnt++ ? NULL : io_kind_name(kind);
		if (!io->rates[kind].is_governed)
			continue;
		is_ours = true;
		is_soft_given |= io->rates[kind].is_soft_given;
		is_unlimited &= written.theirs[kind] == UINT64_MAX;
	}
	/* A limit that nobody governs is theirs. */
	if (is_ours)
		answer = foreign__choose(controller, group, event, &written.key, written.original,
					 is_soft_given, is_unlimited, &io->reasserts);
	record.knob = knob_name(written.key.knob);
	record.device = knob_device(io->device, device);
	record.old_text = written.ours_text;
	record.new_text = written.text;
	if (answer.policy == FOREIGN_REASSERT)
		reassert(controller, group, &written);
	else
		give_way(controller, group, &written, answer.policy);
	foreign__tell(controller, event, &record, answer);
}

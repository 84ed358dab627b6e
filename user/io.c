// SPDX-License-Identifier: BSD-2-Clause
/* Brings the IO of a group on one device under its rule, fits it and lets it go. It never raises
 * for need (see answer_io). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/io.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/restore.h"

/* A line that somebody else keeps changing is read this often. */
#define FIRST_TRIES 3

static struct cgbpf_ledger_key key_of(const struct group *group)
{
	return group__key(group, CGBPF_KNOB_IO_MAX, group->io->device);
}

static void standing_of(const struct group_io *io, uint64_t ret_rates[IO_KINDS])
{
	for (int kind = 0; kind < IO_KINDS; kind++)
		ret_rates[kind] = io->rates[kind].standing;
}

/* A dry run has changed nothing. */
static void take(const struct controller *controller, struct group_io *io,
		 const uint64_t rates[IO_KINDS])
{
	for (int kind = 0; kind < IO_KINDS && !controller->apply.is_dry_run; kind++)
		io->rates[kind].standing = rates[kind];
}

int io__set(struct controller *controller, struct group *group, const uint64_t rates[IO_KINDS])
{
	struct cgbpf_ledger_key key = key_of(group);
	char line[CGBPF_VALUE_LEN];
	int err;

	pthread_mutex_lock(&controller->groups.lock);
	io_format(group->io->device, rates, line, sizeof(line));
	err = apply__set(&controller->apply, &key, group->io->fd, line, NULL);
	if (!err)
		take(controller, group->io, rates);
	pthread_mutex_unlock(&controller->groups.lock);
	return err;
}

int io__move(struct controller *controller, struct group *group, const uint64_t from[IO_KINDS],
	     const uint64_t to[IO_KINDS])
{
	char line[CGBPF_VALUE_LEN], ours[CGBPF_VALUE_LEN];
	struct cgbpf_ledger_key key = key_of(group);
	uint64_t standing[IO_KINDS];
	int err = -EAGAIN;

	io_format(group->io->device, from, ours, sizeof(ours));
	io_format(group->io->device, to, line, sizeof(line));
	pthread_mutex_lock(&controller->groups.lock);
	standing_of(group->io, standing);
	if (memcmp(standing, from, sizeof(standing)) == 0)
		err = apply__replace(&controller->apply, &key, group->io->fd, ours, line, NULL);
	for (int kind = 0; kind < IO_KINDS && !err; kind++)
		group->io->rates[kind].is_hard_said &= from[kind] == to[kind];
	if (!err)
		take(controller, group->io, to);
	pthread_mutex_unlock(&controller->groups.lock);
	return err;
}

void io__tell(struct controller *controller, const struct group *group, enum journal_event event,
	      enum io_kind kind, uint64_t old_rate, uint64_t new_rate, enum reason reason)
{
	struct journal_record record = report_about(group, event);
	char device[KNOB_DEVICE_LEN];

	record.knob = knob_name(CGBPF_KNOB_IO_MAX);
	record.device = knob_device(group->io->device, device);
	record.limit = io_kind_name(kind);
	record.old_bytes = old_rate;
	record.new_bytes = new_rate;
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
}

/* The limits from before us, by the ledger; those of the moment where it does not know. */
static void original_of(const struct controller *controller, const struct group *group,
			uint64_t ret_rates[IO_KINDS])
{
	struct cgbpf_ledger_key key = key_of(group);
	struct cgbpf_ledger_entry entry;

	if (ledger__get(controller->apply.ledger_fd, &key, &entry) ||
	    io_parse(entry.original, ret_rates))
		standing_of(group->io, ret_rates);
}

/* Limits that were not governed (WAS) become soft, those under soft are raised to it, those above
 * the new hard lowered; what is no longer governed goes back to what it was before us. */
static int settle(struct controller *controller, struct group *group, const bool was[IO_KINDS])
{
	uint64_t before[IO_KINDS], after[IO_KINDS], original[IO_KINDS];
	int err;

	standing_of(group->io, before);
	original_of(controller, group, original);
	memcpy(after, before, sizeof(after));
	for (int kind = 0; kind < IO_KINDS; kind++) {
		const struct group_rate *rate = &group->io->rates[kind];

		if (!rate->is_governed && was[kind])
			after[kind] = original[kind];
		else if (rate->is_governed && (!was[kind] || after[kind] < rate->rule.soft))
			after[kind] = rate->rule.soft;
		else if (rate->is_governed && after[kind] > rate->rule.hard)
			after[kind] = rate->rule.hard;
	}
	err = memcmp(before, after, sizeof(after)) ? io__set(controller, group, after) : 0;
	/* Which directions have reached hard is another matter now. */
	if (!err)
		err = govern__set_rule(controller, group);
	for (int kind = 0; kind < IO_KINDS && !err; kind++) {
		bool is = group->io->rates[kind].is_governed;

		if (before[kind] != after[kind] || (is && !was[kind]))
			io__tell(controller, group, is ? JOURNAL_GOVERNED : JOURNAL_RESTORED, kind,
				 before[kind], after[kind], is ? REASON_SOFT : REASON_RELOAD);
	}
	return err;
}

/* FOUND: what was there before us. A limit that is neither given nor found is not governed. */
static void configure(struct group_io *io, const struct io_config *config,
		      const uint64_t found[IO_KINDS])
{
	io->return_after_ns = config->return_after_ns;
	for (int kind = 0; kind < IO_KINDS; kind++) {
		const struct io_rate_config *given = &config->rates[kind];
		struct group_rate *rate = &io->rates[kind];

		rate->is_governed = given->is_given && (given->soft || found[kind] != UINT64_MAX);
		rate->is_soft_given = given->soft != 0;
		rate->is_hard_said = false;
		rate->calm_since_ns = 0;
		rate->rule = decide_io_rule(given->soft, given->hard, given->step, found[kind]);
	}
}

static bool is_any(const struct group_io *io)
{
	for (int kind = 0; kind < IO_KINDS; kind++)
		if (io->rates[kind].is_governed)
			return true;
	return false;
}

static void leave(struct controller *controller, struct group *group)
{
	struct group_io *io = group->io;

	pthread_mutex_lock(&controller->groups.lock);
	group->io = NULL;
	pthread_mutex_unlock(&controller->groups.lock);
	group_io__free(io);
	govern__set_rule(controller, group);
}

static void put_back(struct controller *controller, struct group *group, uint32_t device,
		     bool is_told)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_IO_MAX, device);
	struct journal_record record = report_about(group, JOURNAL_RESTORED);
	struct restored_limit limit;
	enum restored outcome = restore__key(&controller->apply, controller->root_fd, &key, &limit);
	enum reason reason = outcome == RESTORED_DEVICE_GONE ? REASON_DEVICE_GONE : REASON_RELOAD;

	if (!is_told)
		return;
	report_texts(&record, key.knob, limit.before, limit.after);
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
}

/* What stands, and the rule that follows from it. */
static int look(const struct controller *controller, struct group_io *io,
		const struct io_config *config, const struct cgbpf_ledger_key *key,
		char ret_line[CGBPF_VALUE_LEN])
{
	uint64_t standing[IO_KINDS], found[IO_KINDS];
	struct cgbpf_ledger_entry entry;
	int err = knob__read_fd(io->fd, key, ret_line, CGBPF_VALUE_LEN);

	if (err || io_parse(ret_line, standing))
		return err ?: -EINVAL;
	if (ledger__get(controller->apply.ledger_fd, key, &entry) ||
	    io_parse(entry.original, found))
		memcpy(found, standing, sizeof(found));
	for (int kind = 0; kind < IO_KINDS; kind++)
		io->rates[kind].standing = standing[kind];
	configure(io, config, found);
	return is_any(io) ? 0 : -ENODATA;
}

/*
 * What stands is recorded and written once more: the first limit of a device freezes its queue
 * (blk_throtl_init() in block/blk-throttle.c), for which nobody is to wait who holds the table's
 * lock. Somebody else's line may come at that very time: it is read again.
 */
static int install(struct controller *controller, struct group *group, struct group_io *io,
		   const struct io_config *config)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_IO_MAX, io->device);
	static const bool none[IO_KINDS];
	struct cgbpf_cgroup seen = {};
	char line[CGBPF_VALUE_LEN];
	int err = -EIO;

	for (int i = 0; i < FIRST_TRIES && err == -EIO; i++) {
		err = look(controller, io, config, &key, line);
		if (!err)
			err = apply__remember_knob(&controller->apply, &key, line, group->target);
		if (!err && i)
			apply__amend_knob(&controller->apply, &key, line);
		if (!err)
			err = apply__set(&controller->apply, &key, io->fd, line, NULL);
	}
	if (!err)
		err = govern__enter(controller, group);
	if (err)
		return err;
	loader__seen(controller->loader, group->id, &seen);
	group->lost.io_throttled_cnt = seen.io_throttled_cnt;
	io->told_kind = IO_KINDS;
	pthread_mutex_lock(&controller->groups.lock);
	group->io = io;
	pthread_mutex_unlock(&controller->groups.lock);
	err = govern__set_rule(controller, group);
	return err ?: settle(controller, group, none);
}

static const char *why(const struct group *group, int err)
{
	if (err == -ENOENT && !faccessat(group->dir_fd, "cgroup.procs", F_OK, 0))
		return "it has no io controller (+io in its parent's cgroup.subtree_control)";
	if (err == -ENODATA)
		return "io.max has no limit there, and no soft is given";
	if (err == -ENXIO)
		return "the device is gone";
	return NULL;
}

void io__govern(struct controller *controller, struct group *group,
		const struct target_config *target)
{
	const struct io_config *config = &target->io;
	struct group_io *io;
	int err;

	if (group->io || !config->is_given)
		return;
	io = calloc(1, sizeof(*io));
	if (!io)
		return;
	io->device = config->device;
	err = knob__open(group->dir_fd, CGBPF_KNOB_IO_MAX, &io->fd);
	if (err)
		io->fd = -1;
	else if (!govern__is_spared(io->fd))
		err = -EMFILE;
	if (!err)
		err = install(controller, group, io, config);
	if (!err)
		return;
	if (why(group, err))
		govern__pass_over(target, group->path, why(group, err));
	else if (!cgfs_is_gone(err))
		govern__fail(controller, target, group->path, err);
	if (group->io)
		leave(controller, group);
	else
		group_io__free(io);
	put_back(controller, group, config->device, false);
}

/* Where soft is left out. What was given before is no limit of the cgroup's. */
static uint64_t found_of(const struct group_rate *rate, uint64_t original)
{
	if (!rate->is_governed)
		return rate->standing;
	return rate->is_soft_given ? original : rate->rule.soft;
}

void io__fit(struct controller *controller, struct group *group, const struct target_config *target)
{
	uint64_t found[IO_KINDS], original[IO_KINDS];
	bool was[IO_KINDS];
	uint32_t device;

	if (!group->io)
		return;
	device = group->io->device;
	/* What somebody else wrote meanwhile is answered by the rule of that time. */
	io__foreign(controller, group, NULL);
	if (group->io->is_stopped) { /* obeyed until now; considered afresh */
		leave(controller, group);
		return;
	}
	if (target && target->io.is_given && target->io.device == device) {
		original_of(controller, group, original);
		for (int kind = 0; kind < IO_KINDS; kind++) {
			was[kind] = group->io->rates[kind].is_governed;
			found[kind] = found_of(&group->io->rates[kind], original[kind]);
		}
		pthread_mutex_lock(&controller->groups.lock);
		configure(group->io, &target->io, found);
		pthread_mutex_unlock(&controller->groups.lock);
		govern__set_rule(controller, group);
		if (is_any(group->io) && !settle(controller, group, was))
			return;
	}
	leave(controller, group);
	put_back(controller, group, device, true);
}

/* Stopped with a record is what could not be raised any more; without one, somebody is obeyed. */
void io__look_after(struct controller *controller, struct group *group)
{
	struct cgbpf_ledger_entry entry;
	struct cgbpf_ledger_key key;
	char line[CGBPF_VALUE_LEN];

	if (!group->io)
		return;
	key = key_of(group);
	if ((group->io->is_stopped && ledger__get(controller->apply.ledger_fd, &key, &entry)) ||
	    !cgfs_is_gone(knob__read_fd(group->io->fd, &key, line, sizeof(line))))
		return;
	leave(controller, group);
	apply__forget_knob(&controller->apply, &key);
}

void io__forget(struct controller *controller, const struct group *group)
{
	struct cgbpf_ledger_key key;

	if (!group->io)
		return;
	key = key_of(group);
	apply__forget_knob(&controller->apply, &key);
}

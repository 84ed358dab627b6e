// SPDX-License-Identifier: BSD-2-Clause
/* Tells what was kept waiting and gives back what is not used. It never raises for need. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/io.h"
#include "user/knob.h"
#include "user/throttled.h"

#define NSEC_PER_SEC 1000000000ULL
#define STAT_BYTES 8192

typedef unsigned __int128 wide;

void io__note(struct controller *controller, const struct cgbpf_event *event)
{
	struct group *group = groups__find(&controller->groups, event->cgroup_id);
	struct journal_record record;
	char device[KNOB_DEVICE_LEN];
	uint64_t rates[IO_KINDS];
	enum io_kind kind;

	if (!group || !group->io || group->io->device != event->io.device)
		return;
	for (int i = 0; i < IO_KINDS; i++)
		rates[i] = group->io->rates[i].standing;
	/* Nothing was asked for since it was said last: as it was then. */
	kind = event->io.ops ? decide_io_binding(rates, event->io.is_write, event->io.bytes,
						 event->io.ops)
			     : group->io->told_kind;
	record = report_about(group, JOURNAL_IO_THROTTLED);
	record.knob = NULL;
	record.device = knob_device(event->io.device, device);
	record.limit = kind == IO_KINDS ? NULL : io_kind_name(kind);
	if (!throttled__take_io(group, event, &record))
		return;
	group->io->told_kind = kind;
	record.reason = reason_name(REASON_THROTTLED);
	record.detail = reason_sentence(REASON_THROTTLED);
	report(controller, &record);
}

/* The device's counters in io.stat; all 0 where it has no line yet. */
static int read_used(const struct group *group, uint64_t ret_used[IO_KINDS])
{
	static const char *const keys[IO_KINDS] = {" rbytes=", " wbytes=", " rios=", " wios="};
	char stat[STAT_BYTES], name[KNOB_DEVICE_LEN + 1];
	int err = cgfs_read(group->dir_fd, "io.stat", stat, sizeof(stat));
	char *line = stat, *end, *at;

	if (err)
		return err;
	memset(ret_used, 0, IO_KINDS * sizeof(*ret_used));
	knob_device(group->io->device, name);
	strcat(name, " ");
	while (line && strncmp(line, name, strlen(name)) != 0) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return 0;
	end = strchrnul(line, '\n');
	*end = '\0';
	for (int kind = 0; kind < IO_KINDS; kind++)
		if ((at = strstr(line, keys[kind])))
			ret_used[kind] = strtoull(at + strlen(keys[kind]), NULL, 10);
	return 0;
}

/* Whether RATE is to return by now, to *RET_TO. */
static bool is_due(const struct group_io *io, struct group_rate *rate, uint64_t used_cnt,
		   uint64_t now_ns, uint64_t *ret_to)
{
	uint64_t passed_ns = now_ns - io->looked_ns;
	uint64_t used = (wide)(used_cnt - rate->used_cnt) * NSEC_PER_SEC / (passed_ns ?: 1);

	*ret_to = decide_io_return(&rate->rule, rate->standing, used);
	/* Without an earlier look there is no use to speak of. */
	if (*ret_to >= rate->standing || !io->looked_ns)
		rate->calm_since_ns = 0;
	else if (!rate->calm_since_ns)
		rate->calm_since_ns = now_ns;
	return rate->calm_since_ns && now_ns - rate->calm_since_ns >= io->return_after_ns;
}

static void consider(struct controller *controller, struct group *group)
{
	uint64_t used[IO_KINDS], before[IO_KINDS], after[IO_KINDS], to, now_ns = apply_now_ns();
	struct group_io *io = group->io;
	bool is_changed = false;

	if (read_used(group, used))
		return;
	pthread_mutex_lock(&controller->groups.lock);
	for (int kind = 0; kind < IO_KINDS; kind++) {
		struct group_rate *rate = &io->rates[kind];

		before[kind] = after[kind] = rate->standing;
		if (rate->is_governed && is_due(io, rate, used[kind], now_ns, &to)) {
			after[kind] = to;
			is_changed = true;
		}
		rate->used_cnt = used[kind];
	}
	io->looked_ns = now_ns;
	pthread_mutex_unlock(&controller->groups.lock);
	if (!is_changed || io__move(controller, group, before, after))
		return; /* gone, or another time */
	for (int kind = 0; kind < IO_KINDS; kind++) {
		if (before[kind] == after[kind])
			continue;
		controller->summary.returned_cnt++;
		io__tell(controller, group, JOURNAL_LIMIT_RETURNED, kind, before[kind], after[kind],
			 REASON_CALM);
	}
	govern__set_rule(controller, group);
}

static bool is_above_soft(const struct group_io *io)
{
	for (int kind = 0; kind < IO_KINDS; kind++)
		if (io->rates[kind].is_governed &&
		    io->rates[kind].standing > io->rates[kind].rule.soft)
			return true;
	return false;
}

size_t io__tick(struct controller *controller)
{
	struct group *group = NULL;
	size_t above_cnt = 0;

	if (controller->apply.is_dry_run)
		return 0; /* nothing was given */
	while ((group = groups__next(&controller->groups, group))) {
		if (!group->io || group->io->is_stopped)
			continue;
		if (!is_above_soft(group->io)) {
			group->io->looked_ns = 0;
			continue;
		}
		above_cnt++;
		consider(controller, group);
	}
	return above_cnt;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Tells the journal and people what happened, in the same words. It never decides and never changes
 * a cgroup. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/audit.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/io.h"
#include "user/knob.h"
#include "user/log.h"
#include "user/observe.h"
#include "user/text.h"
#include "user/units.h"

static const char *reason_of(const struct journal_record *record)
{
	return record->detail ? record->detail : record->reason;
}

static void format_value(const char *text, uint64_t bytes, char *buf, size_t len)
{
	if (text)
		text_escape(text, strlen(text), buf, len);
	else
		units_format_bytes(bytes, buf, len);
}

static bool is_change(const struct journal_record *record)
{
	if (record->old_text && record->new_text)
		return strcmp(record->old_text, record->new_text) != 0;
	return record->old_bytes != record->new_bytes;
}

static void change_line(const struct journal_record *record, const char *name)
{
	char old[CGBPF_VALUE_LEN], new[CGBPF_VALUE_LEN], took[32], when[64] = "";

	format_value(record->old_text, record->old_bytes, old, sizeof(old));
	format_value(record->new_text, record->new_bytes, new, sizeof(new));
	if (record->has_times && record->times.received_ns && record->times.effective_ns)
		snprintf(when, sizeof(when), " [%s after the kernel's event]",
			 units_format_duration(record->times.effective_ns, took, sizeof(took)));
	log_info("%s: %s %s -> %s: %s%s%s", name, record->knob, old, new,
		 reason_of(record) ? reason_of(record) : "", when,
		 record->is_dry_run ? " (dry run: not written)" : "");
}

static void line(const struct journal_record *record)
{
	char name[256] = "", owner[256], comm[64] = "", value[CGBPF_VALUE_LEN];
	const char *event = journal_event_name(record->event);

	if (record->cgroup)
		text_escape(record->cgroup, strlen(record->cgroup), name, sizeof(name));
	if (record->comm)
		text_escape(record->comm, strlen(record->comm), comm, sizeof(comm));
	if (record->victim_comm)
		text_escape(record->victim_comm, strlen(record->victim_comm), comm, sizeof(comm));
	switch (record->event) {
	case JOURNAL_OOM_KILL:
		text_escape(record->limit_cgroup, strlen(record->limit_cgroup), owner,
			    sizeof(owner));
		log_warning("%s: the kernel killed %u (%s) under the limit of %s", name,
			    record->victim_pid, comm,
			    strcmp(owner, "/") == 0 ? "the machine" : owner);
		break;
	case JOURNAL_FOREIGN_WRITE:
		format_value(record->new_text, record->new_bytes, value, sizeof(value));
		log_warning("%s: %s was set to %s by %u (%s): %s, %s", name, record->knob, value,
			    record->pid, comm, record->answer, reason_of(record));
		break;
	case JOURNAL_EVENTS_LOST:
	case JOURNAL_BLIND:
	case JOURNAL_WRITE_FAILED:
	case JOURNAL_NOT_GOVERNED:
		log_warning("%s: %s%s%s", event, name, *name ? ": " : "",
			    reason_of(record) ? reason_of(record) : "");
		break;
	case JOURNAL_CGROUP_GONE:
	case JOURNAL_OOM_EXIT:
	case JOURNAL_STARTED:
	case JOURNAL_STOPPED:
		log_debug("%s %s", event, name);
		break;
	default:
		if (record->knob && is_change(record))
			change_line(record, name);
		else
			log_info("%s: %s%s%s", name, event, reason_of(record) ? ": " : "",
				 reason_of(record) ? reason_of(record) : "");
	}
}

static void sample_change(struct controller *controller, const struct journal_record *record)
{
	struct group *group = groups__find(&controller->groups, record->cgroup_id);

	if (group)
		samples__note(controller->samples, group, record);
}

void report(struct controller *controller, const struct journal_record *record)
{
	struct journal_record copy = *record;

	/* Every record has both. */
	copy.cgroup = record->cgroup ? record->cgroup : "";
	copy.target = record->target ? record->target : "";
	copy.is_dry_run = controller->apply.is_dry_run && !controller->is_observing;
	journal__write(controller->journal, &copy);
	line(&copy);
	if (controller->samples && record->knob && is_change(record))
		sample_change(controller, record);
}

void report_texts(struct journal_record *record, uint32_t knob, const char *old_text,
		  const char *new_text)
{
	record->knob = knob_name(knob);
	record->old_text = old_text;
	record->new_text = new_text;
	if ((knob == CGBPF_KNOB_MEMORY_MAX || knob == CGBPF_KNOB_MEMORY_HIGH) &&
	    !units_parse_limit(old_text, &record->old_bytes) &&
	    !units_parse_limit(new_text, &record->new_bytes))
		record->old_text = record->new_text = NULL;
}

struct journal_record report_about(const struct group *group, enum journal_event event)
{
	return (struct journal_record){
		.event = event,
		.cgroup = group->path,
		.cgroup_id = group->id,
		.target = group->target,
		.knob = "memory.max",
		.old_bytes = group->limit_bytes,
		.new_bytes = group->limit_bytes,
	};
}

static void tell_blind(struct controller *controller, bool is_blind)
{
	struct journal_record record = {
		.event = is_blind ? JOURNAL_BLIND : JOURNAL_SIGHTED,
		.reason = is_blind ? reason_name(REASON_BLIND) : NULL,
		.detail = is_blind ? reason_sentence(REASON_BLIND)
				   : "the kernel's programs run again",
	};

	controller->is_blind = is_blind;
	report(controller, &record);
}

static enum journal_event event_of(const struct action *action)
{
	if (action->reason == REASON_HARD_LIMIT)
		return JOURNAL_HARD_LIMIT_REACHED;
	if (action->kind == ACTION_FAILED)
		return JOURNAL_WRITE_FAILED;
	if (action->moment == MOMENT_OOM || action->donations_cnt)
		return JOURNAL_OOM_ADJUSTMENT;
	if (action->kind == ACTION_RAISED && action->advice.applied_cores > 0)
		return JOURNAL_ML_ADJUSTMENT;
	return action->kind == ACTION_RAISED ? JOURNAL_SOFT_LIMIT_RAISED : JOURNAL_NOT_RAISED;
}

static void count(struct summary *summary, const struct action *action)
{
	if (action->kind == ACTION_REFUSED)
		summary->refused_cnt++;
	if (action->kind != ACTION_RAISED)
		return;
	summary->raised_cnt++;
	summary->given_bytes += action->new_bytes - action->old_bytes;
	if (action->times.effective_ns > summary->slowest_ns)
		summary->slowest_ns = action->times.effective_ns;
}

void report_action(struct controller *controller, const struct action *action)
{
	struct journal_record record;
	struct group *group, *binder;
	char detail[512], old[48], new[48], device[KNOB_DEVICE_LEN];
	struct audit audit;

	if (action->kind == ACTION_BLIND || action->kind == ACTION_SIGHTED) {
		tell_blind(controller, action->kind == ACTION_BLIND);
		return;
	}
	if (action->kind == ACTION_SEEN) {
		observe__tell(controller, action);
		return;
	}
	group = groups__find(&controller->groups, action->cgroup_id);
	if (!group)
		return;
	count(&controller->summary, action);
	record = report_about(group, event_of(action));
	record.old_bytes = action->old_bytes;
	record.new_bytes = action->new_bytes;
	if (action->knob == CGBPF_KNOB_CPU_MAX) {
		struct quota before = {action->old_amount, action->period_us};
		struct quota after = {action->new_amount, action->period_us};

		record.knob = knob_name(action->knob);
		record.old_text = quota_format(&before, old, sizeof(old));
		record.new_text = quota_format(&after, new, sizeof(new));
	}
	if (action->knob == CGBPF_KNOB_IO_MAX) {
		record.knob = knob_name(action->knob);
		record.device = group->io ? knob_device(group->io->device, device) : NULL;
		record.limit = io_kind_name(action->io_kind);
		record.old_bytes = action->old_amount;
		record.new_bytes = action->new_amount;
	}
	record.reason = reason_name(action->reason);
	record.detail = reason_sentence(action->reason);
	if (action->advice.is_asked)
		record.advice = &action->advice;
	if (action->advice.is_asked && action->advice.answer.says == POLICY_OUT_OF_RANGE)
		record.detail = reason_sentence(REASON_NOT_TRUSTED);
	record.has_times = true;
	record.times = action->times;
	if (action->kind == ACTION_RAISED && !action->knob)
		record.added_bytes = action->new_bytes - action->old_bytes;
	if (action->err == -ENXIO)
		record.reason = reason_name(REASON_DEVICE_GONE);
	if (action->kind == ACTION_FAILED)
		record.detail = action->err == -ENXIO ? reason_sentence(REASON_DEVICE_GONE)
						      : strerror(-action->err);
	if (action->reason == REASON_PARENT_BINDS) {
		char *path = NULL, shown[384] = "an ancestor";
		int fd;

		binder = groups__find(&controller->groups, action->binder_id);
		if (!binder && !cgfs_open_id(controller->root_fd, action->binder_id, &fd)) {
			cgfs_path(controller->root_fd, fd, &path);
			close(fd);
		}
		if (binder || path)
			text_escape(binder ? binder->path : path,
				    strlen(binder ? binder->path : path), shown, sizeof(shown));
		free(path);
		snprintf(detail, sizeof(detail), "%s: %s", record.detail, shown);
		record.detail = detail;
	}
	audit__action(controller, action, &record, &audit);
	report(controller, &record);
	if (action->kind == ACTION_RAISED && !action->knob) {
		record = report_about(group, JOURNAL_SOFT_LIMIT_RAISED);
		record.old_bytes = action->old_high_bytes;
		record.new_bytes = action->new_high_bytes;
		record.reason = reason_name(action->reason);
		record.detail = reason_sentence(action->reason);
		high__report(controller, &record);
	}
	audit__donors(controller, action);
}

void report_summary(const struct controller *controller)
{
	const struct summary *summary = &controller->summary;
	const struct cgbpf_stats *stats = loader__stats(controller->loader);
	char given[32], slowest[32], held[32];

	log_info("summary: %" PRIu64 " raised (%s given), %" PRIu64 " returned, %" PRIu64
		 " refused, %" PRIu64 " killed by the kernel, %" PRIu64 " foreign writes, %" PRIu64
		 " events lost",
		 summary->raised_cnt,
		 units_format_bytes(summary->given_bytes, given, sizeof(given)),
		 summary->returned_cnt, summary->refused_cnt, summary->kill_cnt,
		 summary->foreign_cnt, summary->lost_cnt);
	log_info("summary: slowest answer %s; %llu tasks held, longest %s",
		 units_format_duration(summary->slowest_ns, slowest, sizeof(slowest)),
		 stats->hold_cnt,
		 units_format_duration(stats->hold_longest_ns, held, sizeof(held)));
	if (summary->no_room_cnt)
		log_info("summary: %" PRIu64 " times there was no room to govern a cgroup",
			 summary->no_room_cnt);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the shape of the journal's records and the count of those lost. It never waits for a reader
 * and never reports a failure to its caller. */
#include "user/journal.h"

#include "user/advise.h"
#include "user/lines.h"
#include "user/log.h"
#include "user/text.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ASCII only: a C1 control (U+009B opens an escape sequence) must not reach a terminal raw. */
#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9))

struct journal {
	struct lines *lines; /* NULL: records go nowhere */
	uint64_t pending_cnt; /* dropped, and not yet said in events_lost */
	uint64_t dropped_cnt;
};

static const char *const event_names[JOURNAL_EVENT_MAX] = {
	[JOURNAL_SOFT_LIMIT_RAISED] = "soft_limit_raised",
	[JOURNAL_HARD_LIMIT_REACHED] = "hard_limit_reached",
	[JOURNAL_LIMIT_RETURNED] = "limit_returned",
	[JOURNAL_OOM_ADJUSTMENT] = "oom_adjustment",
	[JOURNAL_OOM_KILL] = "oom_kill",
	[JOURNAL_FOREIGN_WRITE] = "foreign_write",
	[JOURNAL_CGROUP_GONE] = "cgroup_gone",
	[JOURNAL_EVENTS_LOST] = "events_lost",
	[JOURNAL_RESTORED] = "restored",
	[JOURNAL_STARTED] = "started",
	[JOURNAL_STOPPED] = "stopped",
	[JOURNAL_GOVERNED] = "governed",
	[JOURNAL_NOT_RAISED] = "not_raised",
	[JOURNAL_BLIND] = "blind",
	[JOURNAL_SIGHTED] = "sighted",
	[JOURNAL_RELOADED] = "reloaded",
	[JOURNAL_LIMIT_LENT] = "limit_lent",
	[JOURNAL_OOM_EXIT] = "oom_exit",
	[JOURNAL_WRITE_FAILED] = "write_failed",
	[JOURNAL_PSI_SPIKE] = "psi_spike",
	[JOURNAL_OBSERVED] = "observed",
	[JOURNAL_ML_ADJUSTMENT] = "ml_adjustment",
	[JOURNAL_ML_EFFECTIVE] = "ml_effective",
	[JOURNAL_ML_NO_IMPROVEMENT] = "ml_no_improvement",
	[JOURNAL_NOT_GOVERNED] = "not_governed",
	[JOURNAL_CPU_THROTTLED] = "cpu_throttled",
	[JOURNAL_IO_THROTTLED] = "io_throttled",
};

const char *journal_event_name(enum journal_event event)
{
	if (event <= 0 || event >= JOURNAL_EVENT_MAX || !event_names[event])
		return "unknown";
	return event_names[event];
}

/*
 * A line being made. Memory can be short at any key: json_object_set_new() then gets a NULL value,
 * answers -1, which the draft remembers.
 */
struct draft {
	json_t *object;
	int err;
};

static void add(struct draft *draft, const char *key, json_t *value)
{
	draft->err |= json_object_set_new(draft->object, key, value);
}

/* Says whether the bytes are kept as they were. */
static bool add_text(struct draft *draft, const char *key, const char *bytes)
{
	bool is_exact = true;
	char *utf8;

	if (!bytes)
		return true;
	utf8 = text_to_utf8(bytes, &is_exact);
	add(draft, key, utf8 ? json_string(utf8) : NULL);
	free(utf8);
	return is_exact;
}

static void add_hex(struct draft *draft, const char *key, const char *bytes)
{
	char *hex = text_hex_dup(bytes);

	add(draft, key, hex ? json_string(hex) : NULL);
	free(hex);
}

static void add_number(struct draft *draft, const char *key, uint64_t number)
{
	char digits[24];

	if (number == UINT64_MAX) {
		add(draft, key, json_string("max"));
	} else if (number > INT64_MAX) { /* no integer in jansson; as text it stays exact */
		snprintf(digits, sizeof(digits), "%" PRIu64, number);
		add(draft, key, json_string(digits));
	} else {
		add(draft, key, json_integer((json_int_t)number));
	}
}

static void add_value(struct draft *draft, const char *key, const char *text, uint64_t number)
{
	if (text)
		add_text(draft, key, text);
	else
		add_number(draft, key, number);
}

static void add_given_number(struct draft *draft, const char *key, uint64_t number)
{
	if (number)
		add_number(draft, key, number);
}

void journal_stamp(char stamp[JOURNAL_STAMP_LEN])
{
	char date[32] = "";
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(stamp, JOURNAL_STAMP_LEN, "%s.%06ldZ", date, now.tv_nsec / 1000);
}

static void add_times(struct draft *draft, const struct journal_times *times)
{
	struct draft t = {.object = json_object()};

	add_given_number(&t, "received", times->received_ns);
	add_given_number(&t, "decided", times->decided_ns);
	add_given_number(&t, "written", times->written_ns);
	add_given_number(&t, "effective", times->effective_ns);
	draft->err |= t.err;
	add(draft, "t", t.object);
}

static void add_adjusted(struct draft *draft, const struct journal_record *record)
{
	json_t *parts = json_array();

	for (size_t i = 0; i < record->adjusted_cnt; i++) {
		struct draft part = {.object = json_object()};

		add_text(&part, "name", record->adjusted[i].name);
		add_number(&part, "reduced_memory", record->adjusted[i].reduced_bytes);
		draft->err |= part.err | json_array_append_new(parts, part.object);
	}
	add(draft, "adjusted_cgroups", parts);
}

static void add_oom(struct draft *draft, const struct journal_record *record)
{
	if (record->event == JOURNAL_OOM_ADJUSTMENT) {
		add_text(draft, "oom_cgroup", record->cgroup);
		add_number(draft, "added_memory", record->added_bytes);
		add_adjusted(draft, record);
	} else {
		add_given_number(draft, "added_memory", record->added_bytes);
	}
	add_text(draft, "limit_cgroup", record->limit_cgroup);
	add_given_number(draft, "trigger_pid", record->trigger_pid);
	add_given_number(draft, "victim_pid", record->victim_pid);
	add_text(draft, "victim_comm", record->victim_comm);
	add_text(draft, "would_have_saved", record->would_have_saved);
	if (record->has_exit)
		add_number(draft, "exit_status", (uint64_t)record->exit_status);
}

static void add_share(struct draft *draft, const char *key, uint32_t ppm)
{
	add(draft, key, json_real(ppm / 1e6));
}

static void add_pressure(struct draft *draft, const struct journal_pressure *pressure)
{
	if (!pressure)
		return;
	add_text(draft, "resource", pressure->resource);
	add_text(draft, "kind", "some");
	add_share(draft, "share", pressure->some_ppm);
	add_share(draft, "full_share", pressure->full_ppm);
	add_share(draft, "threshold", pressure->threshold_ppm);
	add_number(draft, "interval_ms", pressure->interval_ns / 1000000);
	if (pressure->is_brief)
		add(draft, "brief", json_true());
	if (!pressure->has_split)
		return;
	add_share(draft, "own_limit_share", pressure->own_ppm);
	add_share(draft, "contention_share", pressure->some_ppm - pressure->own_ppm);
}

/* The record without its newline; the caller frees. NULL when memory is short. */
static char *record_dump(const struct journal_record *record)
{
	json_auto_t *object = json_object();
	struct draft draft = {.object = object};
	char stamp[JOURNAL_STAMP_LEN];
	bool is_exact;

	journal_stamp(stamp);
	add(&draft, "ts", json_string(stamp));
	add_text(&draft, "event", journal_event_name(record->event));
	is_exact = add_text(&draft, "cgroup", record->cgroup);
	add_text(&draft, "target", record->target);
	if (!is_exact)
		add_hex(&draft, "cgroup_bytes", record->cgroup);
	if (record->is_dry_run)
		add(&draft, "dry_run", json_true());
	add_given_number(&draft, "cgroup_id", record->cgroup_id);
	if (record->knob) {
		add_text(&draft, "knob", record->knob);
		add_value(&draft, "old", record->old_text, record->old_bytes);
		add_value(&draft, "new", record->new_text, record->new_bytes);
	}
	add_text(&draft, "limit", record->limit);
	add_text(&draft, "device", record->device);
	add_text(&draft, "reason", record->reason);
	add_text(&draft, "detail", record->detail);
	if (record->has_times)
		add_times(&draft, &record->times);
	add_given_number(&draft, "lost_ns", record->lost_ns);
	add_given_number(&draft, "periods", record->periods_cnt);
	add_given_number(&draft, "throttled", record->throttled_cnt);
	add_oom(&draft, record);
	add_given_number(&draft, "pid", record->pid);
	add_text(&draft, "comm", record->comm);
	add_text(&draft, "value", record->value);
	add_text(&draft, "answer", record->answer);
	add_pressure(&draft, record->pressure);
	if (record->advice)
		add(&draft, "ml", advice_json(record->advice));
	if (record->has_count)
		add_number(&draft, "count", record->count);
	return draft.err ? NULL : json_dumps(object, DUMP_FLAGS);
}

static int write_record(struct journal *journal, const struct journal_record *record)
{
	char *text = record_dump(record);
	int err = text ? lines__write(journal->lines, text) : -ENOMEM;

	free(text);
	return err;
}

static void count_dropped(struct journal *journal, int err)
{
	const char *file = lines__file(journal->lines);
	char name[256];

	journal->dropped_cnt++;
	if (journal->pending_cnt++)
		return;
	log_warning("cannot write to the journal '%s': %s, ignoring",
		    text_escape(file, strlen(file), name, sizeof(name)), strerror(-err));
}

void journal__write(struct journal *journal, const struct journal_record *record)
{
	int err = 0;

	if (!journal->lines)
		return;
	if (journal->pending_cnt) {
		struct journal_record lost = {
			.event = JOURNAL_EVENTS_LOST,
			.reason = "journal_full",
			.count = journal->pending_cnt,
			.has_count = true,
		};

		err = write_record(journal, &lost);
		if (!err)
			journal->pending_cnt = 0;
	}
	if (!err)
		err = write_record(journal, record);
	if (err)
		count_dropped(journal, err);
}

uint64_t journal__dropped(const struct journal *journal)
{
	return journal->dropped_cnt;
}

int journal__open(const char *file, struct journal **ret_journal)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int err = 0;

	if (!journal)
		return -ENOMEM;
	if (file)
		err = lines__open(file, &journal->lines);
	if (err) {
		free(journal);
		return err;
	}
	*ret_journal = journal;
	return 0;
}

int journal__reopen(struct journal *journal)
{
	return journal->lines ? lines__reopen(journal->lines) : 0;
}

void journal__close(struct journal *journal)
{
	if (!journal)
		return;
	lines__close(journal->lines);
	free(journal);
}

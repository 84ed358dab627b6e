// SPDX-License-Identifier: BSD-2-Clause
/* Shows a drill's record as a table or as JSON. It never judges: see squeeze_words. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "user/amount.h"
#include "user/squeeze.h"
#include "user/text.h"
#include "user/units.h"

/* A stress that starts anew what was killed is killed hundreds of times. */
#define KILLS_SHOWN 30
#define LINES_SHOWN 12

static const char *const end_names[] = {
	[SQUEEZE_DONE] = "done", [SQUEEZE_EMPTY] = "empty",   [SQUEEZE_INTERRUPTED] = "interrupted",
	[SQUEEZE_GONE] = "gone", [SQUEEZE_FAILED] = "failed",
};

static json_t *number(uint64_t value)
{
	return value == UINT64_MAX ? json_string("max") : json_integer((json_int_t)value);
}

static json_t *level_json(const struct squeeze_level *level)
{
	const struct squeeze_look *before = &level->before, *after = &level->after;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:{s:o, s:o, s:o, s:o}, "
		"s:o, s:i, s:b, s:b, s:b}",
		"limit_bytes", number(level->limit_bytes), "usage_before_bytes",
		number(before->usage_bytes), "usage_after_bytes", number(after->usage_bytes),
		"swap_after_bytes", number(after->swap_bytes), "scanned_bytes",
		number((after->scanned_pages - before->scanned_pages) * PAGE_BYTES),
		"reclaimed_bytes",
		number((after->reclaimed_pages - before->reclaimed_pages) * PAGE_BYTES), "write_ns",
		number(level->write_ns), "lasted_ns", number(level->lasted_ns), "psi", "some_us",
		number(after->psi_some_us - before->psi_some_us), "full_us",
		number(after->psi_full_us - before->psi_full_us), "events", "max",
		number(after->max_cnt - before->max_cnt), "oom",
		number(after->oom_cnt - before->oom_cnt), "oom_kill",
		number(after->kill_cnt - before->kill_cnt), "oom_group_kill",
		number(after->group_kill_cnt - before->group_kill_cnt), "kills",
		number(after->kill_cnt - before->kill_cnt), "processes", (int)after->process_cnt,
		"alive", (int)after->is_populated, "first_process_alive",
		(int)level->is_first_alive, "settled", (int)level->is_settled);
}

static json_t *kill_json(size_t i, const struct squeeze_record *record)
{
	const struct squeeze_kill *kill = &record->kills[i];
	json_t *json = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o}", "seq", number(i + 1),
		"at_ns", number(kill->at_ns), "level", number(kill->level), "victim_pid",
		number(kill->victim_pid), "victim_comm", text_json(kill->victim_comm),
		"victim_rss_bytes", number(kill->victim_rss_bytes), "victim_oom_score_adj",
		(int)kill->victim_oom_score_adj, "victim_cgroup", text_json(kill->victim_path),
		"limit_cgroup", text_json(kill->limit_path), "trigger_pid",
		number(kill->trigger_pid), "trigger_comm", text_json(kill->trigger_comm));

	if (kill->level < record->level_cnt)
		json_object_set_new(json, "limit_bytes",
				    number(record->levels[kill->level].limit_bytes));
	return json;
}

static json_t *first_json(const struct squeeze_target *target, const struct squeeze_record *record)
{
	json_t *json = json_pack("{s:i, s:o}", "pid", (int)target->first_pid, "comm",
				 text_json(target->first_comm));

	if (record->is_first_dead)
		json_object_set_new(json, "died_at_ns", number(record->first_died_ns));
	if (record->is_first_dead && record->first_died_level < record->level_cnt)
		json_object_set_new(json, "died_limit_bytes",
				    number(record->levels[record->first_died_level].limit_bytes));
	return json;
}

json_t *squeeze_json(const struct squeeze_target *target, const struct squeeze_record *record)
{
	json_t *levels = json_array(), *kills = json_array(), *log = json_array(), *json;
	char *sentence = squeeze_sentence(record, target->container != NULL);
	struct utsname name;

	uname(&name);
	for (size_t i = 0; i < record->level_cnt; i++)
		json_array_append_new(levels, level_json(&record->levels[i]));
	for (size_t i = 0; i < record->kill_cnt; i++)
		json_array_append_new(kills, kill_json(i, record));
	for (size_t i = 0; i < record->log_cnt; i++)
		json_array_append_new(log, text_json(record->log[i]));
	json = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:b, "
			 "s:o}",
			 "kernel", name.release, "cgroup", text_json(target->path), "container",
			 text_json(target->container), "from_bytes",
			 number(record->plan.from_bytes), "to_bytes", number(record->plan.to_bytes),
			 "step_bytes", number(record->plan.step_bytes), "original_bytes",
			 number(record->original_bytes), "levels", levels, "kills", kills,
			 "first_process", first_json(target, record), "manner",
			 squeeze_manner_name(squeeze_manner(record)), "sentence",
			 text_json(sentence), "end", end_names[record->end], "put_back",
			 (int)record->is_put_back, "kernel_log", log);
	free(sentence);
	if (record->has_exit_code) {
		json_object_set_new(json, "exit_code", json_integer(record->exit_code));
		json_object_set_new(json, "oom_killed", json_boolean(record->is_oom_killed));
	}
	return json;
}

static void print_levels(const struct squeeze_record *record)
{
	printf("%12s %12s %12s %12s %10s %6s %10s %6s %8s\n", "limit", "use before", "use after",
	       "reclaimed", "stalled", "kills", "processes", "alive", "settled");
	for (size_t i = 0; i < record->level_cnt; i++) {
		const struct squeeze_level *level = &record->levels[i];
		const struct squeeze_look *before = &level->before, *after = &level->after;
		char text[5][32];

		printf("%12s %12s %12s %12s %10s %6" PRIu64 " %10" PRIu32 " %6s %8s\n",
		       units_format_bytes(level->limit_bytes, text[0], sizeof(text[0])),
		       units_format_bytes(before->usage_bytes, text[1], sizeof(text[1])),
		       units_format_bytes(after->usage_bytes, text[2], sizeof(text[2])),
		       units_format_bytes((after->reclaimed_pages - before->reclaimed_pages) *
						  PAGE_BYTES,
					  text[3], sizeof(text[3])),
		       units_format_duration((after->psi_some_us - before->psi_some_us) * 1000,
					     text[4], sizeof(text[4])),
		       after->kill_cnt - before->kill_cnt, after->process_cnt,
		       after->is_populated ? "yes" : "no", level->is_settled ? "yes" : "no");
	}
}

static void print_more(size_t cnt, size_t shown)
{
	if (cnt > shown)
		printf("  and %zu more: --json has them all\n", cnt - shown);
}

static void print_kills(const struct squeeze_target *target, const struct squeeze_record *record)
{
	if (record->kill_cnt)
		printf("\n%4s %10s %12s %8s %-16s %12s %6s  %s\n", "kill", "at", "limit", "pid",
		       "victim", "its memory", "adj", "who asked for it, and whose limit");
	for (size_t i = 0; i < record->kill_cnt && i < KILLS_SHOWN; i++) {
		const struct squeeze_kill *kill = &record->kills[i];
		const char *limit_path = kill->limit_path ? kill->limit_path : "?";
		char text[3][32], victim[64], trigger[64], path[256];
		uint64_t limit = kill->level < record->level_cnt
					 ? record->levels[kill->level].limit_bytes
					 : record->plan.to_bytes;

		printf("%4zu %10s %12s %8" PRIu32 " %-16s %12s %6" PRId32 "  %s (%" PRIu32
		       "), %s\n",
		       i + 1, units_format_duration(kill->at_ns, text[0], sizeof(text[0])),
		       units_format_bytes(limit, text[1], sizeof(text[1])), kill->victim_pid,
		       text_escape(kill->victim_comm, strlen(kill->victim_comm), victim,
				   sizeof(victim)),
		       units_format_bytes(kill->victim_rss_bytes, text[2], sizeof(text[2])),
		       kill->victim_oom_score_adj,
		       text_escape(kill->trigger_comm, strlen(kill->trigger_comm), trigger,
				   sizeof(trigger)),
		       kill->trigger_pid,
		       kill->limit_path && strcmp(limit_path, target->path) == 0
			       ? "its own"
			       : text_escape(limit_path, strlen(limit_path), path, sizeof(path)));
	}
	print_more(record->kill_cnt, KILLS_SHOWN);
}

void squeeze_print(const struct squeeze_target *target, const struct squeeze_record *record)
{
	char *sentence = squeeze_sentence(record, target->container != NULL);

	print_levels(record);
	print_kills(target, record);
	if (record->log_cnt)
		printf("\nThe kernel's own lines:\n");
	for (size_t i = 0; i < record->log_cnt && i < LINES_SHOWN; i++) {
		char *line = text_escape_dup(record->log[i]);

		printf("  %s\n", line ? line : "?");
		free(line);
	}
	print_more(record->log_cnt, LINES_SHOWN);
	printf("\n%s\n", sentence ? sentence : "");
	if (record->end == SQUEEZE_INTERRUPTED)
		printf("Ended by a signal before the last limit.\n");
	if (record->end == SQUEEZE_GONE)
		printf("The cgroup vanished before the last limit.\n");
	free(sentence);
}

void squeeze_record__free(struct squeeze_record *record)
{
	for (size_t i = 0; i < record->kill_cnt; i++) {
		free(record->kills[i].limit_path);
		free(record->kills[i].victim_path);
	}
	for (size_t i = 0; i < record->log_cnt; i++)
		free(record->log[i]);
	free(record->kills);
	free(record->levels);
	free(record->log);
	*record = (struct squeeze_record){};
}

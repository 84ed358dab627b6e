// SPDX-License-Identifier: BSD-2-Clause
/* Says what a drill showed: levels, manner, sentence. Pure: it never reads a file or a clock. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/squeeze.h"
#include "user/units.h"

size_t squeeze_level_cnt(const struct squeeze_plan *plan)
{
	uint64_t way = plan->from_bytes - plan->to_bytes;
	uint64_t cnt = way / plan->step_bytes + (way % plan->step_bytes != 0) + 1;

	return cnt > SQUEEZE_MAX_LEVELS ? SIZE_MAX : (size_t)cnt;
}

/* The last is `to`, whatever the step. */
uint64_t squeeze_limit(const struct squeeze_plan *plan, size_t level)
{
	uint64_t way = plan->from_bytes - plan->to_bytes;

	if (way / plan->step_bytes < level)
		return plan->to_bytes;
	return plan->from_bytes - level * plan->step_bytes;
}

static uint64_t kills_in(const struct squeeze_level *level)
{
	return level->after.kill_cnt - level->before.kill_cnt;
}

static uint64_t all_kills(const struct squeeze_record *record)
{
	uint64_t cnt = 0;

	for (size_t i = 0; i < record->level_cnt; i++)
		cnt += kills_in(&record->levels[i]);
	return cnt;
}

static size_t killing_levels(const struct squeeze_record *record)
{
	size_t cnt = 0;

	for (size_t i = 0; i < record->level_cnt; i++)
		cnt += kills_in(&record->levels[i]) > 0;
	return cnt;
}

/* The level within which everything ended; SQUEEZE_NO_LEVEL: something lives. */
static size_t emptied(const struct squeeze_record *record)
{
	for (size_t i = 0; i < record->level_cnt; i++)
		if (record->levels[i].before.is_populated && !record->levels[i].after.is_populated)
			return i;
	return SQUEEZE_NO_LEVEL;
}

enum squeeze_manner squeeze_manner(const struct squeeze_record *record)
{
	uint64_t kills = all_kills(record);
	size_t end = emptied(record);

	if (!kills)
		return SQUEEZE_NONE;
	/* More than one lived when that level began, and no kill came before it. */
	if (end != SQUEEZE_NO_LEVEL && record->levels[end].before.process_cnt > 1 &&
	    kills_in(&record->levels[end]) == kills)
		return SQUEEZE_AT_ONCE;
	return kills == 1 ? SQUEEZE_SINGLY : SQUEEZE_IN_SEQUENCE;
}

const char *squeeze_manner_name(enum squeeze_manner manner)
{
	static const char *const names[] = {
		[SQUEEZE_NONE] = "none",
		[SQUEEZE_SINGLY] = "singly",
		[SQUEEZE_IN_SEQUENCE] = "in_sequence",
		[SQUEEZE_AT_ONCE] = "all_at_once",
	};

	return names[manner];
}

static void print_manner(FILE *f, const struct squeeze_record *record)
{
	uint64_t kills = all_kills(record);

	switch (squeeze_manner(record)) {
	case SQUEEZE_NONE:
		fprintf(f, "The kernel killed nothing at %zu limits", record->level_cnt);
		break;
	case SQUEEZE_SINGLY:
		fprintf(f, "The kernel killed a single process");
		break;
	case SQUEEZE_IN_SEQUENCE:
		fprintf(f,
			"The kernel killed single processes in sequence: %" PRIu64
			" at %zu of %zu limits",
			kills, killing_levels(record), record->level_cnt);
		break;
	case SQUEEZE_AT_ONCE:
		fprintf(f,
			"The kernel ended all %" PRIu32
			" processes at once, within one limit and with %" PRIu64 " kill%s",
			record->levels[emptied(record)].before.process_cnt, kills,
			kills == 1 ? "" : "s");
		break;
	}
}

static void print_end(FILE *f, const struct squeeze_record *record, const char *what)
{
	size_t end = emptied(record);
	char limit[16];

	if (end != SQUEEZE_NO_LEVEL)
		fprintf(f, "; the %s ended at %s", what,
			units_format_bytes(record->levels[end].limit_bytes, limit, sizeof(limit)));
	else if (record->level_cnt && record->levels[record->level_cnt - 1].after.is_populated)
		fprintf(f, "; the %s lives on at %s", what,
			units_format_bytes(record->levels[record->level_cnt - 1].limit_bytes, limit,
					   sizeof(limit)));
	if (record->is_first_dead)
		fprintf(f, ", when its first process died");
	if (record->has_exit_code)
		fprintf(f, ", with exit code %d", record->exit_code);
}

char *squeeze_sentence(const struct squeeze_record *record, bool is_container)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	print_manner(f, record);
	print_end(f, record, is_container ? "container" : "cgroup");
	fputc('.', f);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

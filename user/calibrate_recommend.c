// SPDX-License-Identifier: BSD-2-Clause
/* Owns what limits a calibration's data support, as a configuration. It never governs and never
 * opens a file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/calibrate.h"
#include "user/config.h"
#include "user/config_values.h"
#include "user/histogram.h"
#include "user/text.h"
#include "user/when.h"

#define MIB ((uint64_t)1 << 20)
#define PERCENTILE 99
/* Of a cgroup that is mostly page cache, which reclaim can take, less has to fit. */
#define PERCENTILE_CACHE 90
#define PPM_OF_PERCENT 10000
#define MARGIN_PERCENT 10
#define HARD_MARGIN_PERCENT 25
#define SOFT_LEAST_BYTES MIB
/* What may follow the last target: two comments that count. */
#define LAST_LINES_BYTES 512

static uint64_t with_margin(uint64_t bytes, unsigned int percent)
{
	uint64_t more = bytes + bytes / 100 * percent;

	more = (more + MIB - 1) / MIB * MIB;
	return more < SOFT_LEAST_BYTES ? SOFT_LEAST_BYTES : more;
}

/* A path in which nothing is a glob any more. */
static char *literal(const char *path)
{
	char *text = malloc(2 * strlen(path) + 1), *at = text;

	for (; text && *path; path++) {
		if (strchr("*?[\\", *path))
			*at++ = '\\';
		*at++ = *path;
	}
	if (text)
		*at = '\0';
	return text;
}

/* What the reader of configurations says against it as a target's cgroup, or NULL. */
static const char *refused(const char *pattern)
{
	const struct schema_key key = {.kind = TARGET_CGROUP};
	struct target_config target = {};
	const char *why = NULL;

	schema_read_match(&key, pattern, &target, &why);
	free(target.match);
	return why;
}

/* Why no target can be made of it, or NULL. */
static const char *reason_against(const struct calibrated *cgroup)
{
	bool is_utf8 = false;

	if (!cgroup->usage)
		return "it was not sampled";
	if (strcmp(cgroup->path, "/") == 0)
		return "the root has no limit";
	/* `run` leaves both alone; it refuses its own where it is named. */
	if (cgroup->is_cgbpf)
		return "cgbpf itself runs in it";
	if (strcmp(cgroup->path, "/init.scope") == 0)
		return "it is init's own";
	if (cgroup->is_gone)
		return "it is gone";
	if (!cgroup->usage->max_bytes)
		return "it used no memory";
	if (cgroup->has_children && cgroup->usage->limit_bytes == UINT64_MAX)
		return "it holds other cgroups and has no limit of its own";
	free(text_to_utf8(cgroup->path, &is_utf8));
	return is_utf8 ? NULL : "its name is not UTF-8";
}

static int put_quoted(const char *text, FILE *file)
{
	char *quoted = text_yaml_dup(text);

	if (!quoted)
		return -ENOMEM;
	fputs(quoted, file);
	free(quoted);
	return 0;
}

/* Of a stream into memory. */
static int finish(FILE *stream)
{
	int is_short = ferror(stream);

	return fclose(stream) || is_short ? -ENOMEM : 0;
}

static void put_reason(const struct calibrated *cgroup, const char *before, const char *why,
		       FILE *file)
{
	char shown[256];

	fprintf(file, "  # %s: %s%s\n",
		text_escape(cgroup->path, strlen(cgroup->path), shown, sizeof(shown)), before, why);
}

static int put_target(const struct calibrated *cgroup, const char *pattern, size_t number,
		      FILE *file)
{
	const struct cgbpf_usage *usage = cgroup->usage;
	uint64_t cache = histogram_percentile(usage->file, CGBPF_COARSE_BITS, 500000);
	bool is_cache = cache > usage_median(usage) / 2;
	unsigned int percentile = is_cache ? PERCENTILE_CACHE : PERCENTILE;
	uint64_t base = usage_percentile(usage, percentile * PPM_OF_PERCENT);
	uint64_t soft = with_margin(base, MARGIN_PERCENT);
	uint64_t hard = with_margin(usage->max_bytes, HARD_MARGIN_PERCENT);
	char name[CONFIG_NAME_MAX + 1];
	const char *why = NULL;
	int err = 0;

	if (hard < soft)
		hard = soft;
	fprintf(file,
		"  # %" PRIu64 " samples; soft: p%u of what was in use (%" PRIu64
		" bytes) and %d %%%s; hard: the most that was (%" PRIu64 " bytes) and %d %%\n",
		(uint64_t)usage->sample_cnt, percentile, base, MARGIN_PERCENT,
		is_cache ? ", mostly page cache" : "", (uint64_t)usage->max_bytes,
		HARD_MARGIN_PERCENT);
	fputs("  - name: ", file);
	if (schema_read_name(NULL, cgroup->path, name, &why) == 0)
		err = put_quoted(name, file);
	else
		fprintf(file, "calibrated-%zu", number);
	fputs("\n    cgroup: ", file);
	err = err ?: put_quoted(pattern, file);
	fprintf(file, "\n    memory: { soft: %" PRIu64 "M, hard: %" PRIu64 "M }\n", soft / MIB,
		hard / MIB);
	return err;
}

/* What is said of one cgroup: a target, or why not. */
struct part {
	char *text; /* owned */
	size_t len;
	uint64_t most_bytes;
	bool is_target, is_taken;
};

static int make_part(const struct calibrated *cgroup, size_t number, struct part *part)
{
	const char *why = reason_against(cgroup), *before = "";
	char *pattern = literal(cgroup->path);
	FILE *stream = pattern ? open_memstream(&part->text, &part->len) : NULL;
	int err = stream ? 0 : -ENOMEM;

	if (!err && !why) {
		why = refused(pattern);
		before = "its path ";
	}
	if (!err && why) {
		put_reason(cgroup, before, why, stream);
	} else if (!err) {
		part->is_target = true;
		part->most_bytes = cgroup->usage->max_bytes;
		err = put_target(cgroup, pattern, number, stream);
	}
	free(pattern);
	return stream ? finish(stream) ?: err : err;
}

static int make_head(const struct calibration_result *result, const char *calibration_file,
		     struct part *head)
{
	FILE *stream = open_memstream(&head->text, &head->len);
	char begin[32], end[32], *taken = NULL;
	const char *why = NULL;
	bool is_utf8 = false;
	int err = 0;

	if (!stream)
		return -ENOMEM;
	fprintf(stream, CALIBRATE_RECOMMENDED_BY " from %s to %s%s\n",
		when_format(result->begin_ns, begin, sizeof(begin)),
		when_format(result->end_ns, end, sizeof(end)),
		result->is_partial ? " (partial: it was interrupted)" : "");
	if (calibration_file)
		free(text_to_utf8(calibration_file, &is_utf8));
	if (is_utf8 && schema_read_file(NULL, calibration_file, &taken, &why) == 0) {
		fputs("machine:\n  calibration: ", stream);
		err = put_quoted(calibration_file, stream);
		fputs("\n", stream);
	}
	free(taken);
	fputs("targets:\n", stream);
	return finish(stream) ?: err;
}

/* Targets before reasons, those that used most before others. */
static int by_weight(const void *a, const void *b)
{
	const struct part *x = *(const struct part *const *)a, *y = *(const struct part *const *)b;

	if (x->is_target != y->is_target)
		return x->is_target ? -1 : 1;
	if (x->most_bytes != y->most_bytes)
		return x->most_bytes > y->most_bytes ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Takes what a configuration has room for, where ROOM bytes are left; at the first target that does
 * not fit targets end. */
static int take(struct part *parts, size_t cnt, size_t room, struct calibrate_recommended *told)
{
	struct part **order = calloc(cnt + 1, sizeof(struct part *));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++)
		order[i] = &parts[i];
	qsort(order, cnt, sizeof(*order), by_weight);
	for (size_t i = 0; i < cnt; i++) {
		struct part *part = order[i];
		bool fits = part->len <= room;

		if (part->is_target &&
		    (told->no_room_cnt || !fits || told->targets_cnt == CONFIG_TARGETS_MAX)) {
			told->no_room_cnt++;
			continue;
		}
		part->is_taken = fits;
		room -= fits ? part->len : 0;
		told->targets_cnt += part->is_target;
	}
	free(order);
	return 0;
}

static void put_all(const struct part *head, const struct part *parts, size_t cnt,
		    const struct calibrate_recommended *told, FILE *file)
{
	size_t unsaid_cnt = 0;

	fputs(head->text, file);
	for (size_t i = 0; i < cnt; i++) {
		if (parts[i].is_taken)
			fputs(parts[i].text, file);
		else
			unsaid_cnt += !parts[i].is_target;
	}
	if (told->no_room_cnt)
		fprintf(file,
			"  # left out: %zu cgroups that used less than these, for which a "
			"configuration has no room\n",
			told->no_room_cnt);
	if (unsaid_cnt)
		fprintf(file, "  # not named: %zu cgroups of which no target can be made\n",
			unsaid_cnt);
}

int calibrate_recommend(const struct calibration_result *result, const char *calibration_file,
			FILE *file, struct calibrate_recommended *ret_told)
{
	struct part *parts = calloc(result->cnt + 1, sizeof(*parts)), head = {};
	struct calibrate_recommended told = {};
	int err = parts ? make_head(result, calibration_file, &head) : -ENOMEM;

	for (size_t i = 0; i < result->cnt && !err; i++)
		err = make_part(&result->cgroups[i], i + 1, &parts[i]);
	if (!err)
		err = take(parts, result->cnt, CONFIG_MAX_FILE_BYTES - head.len - LAST_LINES_BYTES,
			   &told);
	if (!err) {
		put_all(&head, parts, result->cnt, &told, file);
		*ret_told = told;
	}
	for (size_t i = 0; parts && i < result->cnt; i++)
		free(parts[i].text);
	free(parts);
	free(head.text);
	return err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns what limits a calibration's data support, as a configuration. It never governs and never
 * opens a file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/calibrate.h"
#include "user/config.h"
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

static uint64_t with_margin(uint64_t bytes, unsigned int percent)
{
	uint64_t more = bytes + bytes / 100 * percent;

	more = (more + MIB - 1) / MIB * MIB;
	return more < SOFT_LEAST_BYTES ? SOFT_LEAST_BYTES : more;
}

/* As a YAML text in double quotes. Only text that is UTF-8 without control characters comes here.
 */
static void put_quoted(const char *text, FILE *file)
{
	fputc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		fputc(*text, file);
	}
	fputc('"', file);
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

static bool is_plain(const char *path)
{
	bool is_exact = false;
	char *utf8 = text_to_utf8(path, &is_exact);

	free(utf8);
	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return false;
	return is_exact;
}

/* Why no target can be made of it, or NULL. */
static const char *reason_against(const struct calibrated *cgroup)
{
	if (strcmp(cgroup->path, "/") == 0)
		return "the root has no limit";
	if (cgroup->is_gone)
		return "it is gone";
	if (!cgroup->usage->max_bytes)
		return "it used no memory";
	if (cgroup->has_children && cgroup->usage->limit_bytes == UINT64_MAX)
		return "it holds other cgroups and has no limit of its own";
	if (!is_plain(cgroup->path))
		return "its name cannot be written in YAML";
	return NULL;
}

static int put_target(const struct calibrated *cgroup, size_t number, FILE *file)
{
	const struct cgbpf_usage *usage = cgroup->usage;
	uint64_t cache = histogram_percentile(usage->file, CGBPF_COARSE_BITS, 500000);
	bool is_cache = cache > usage_median(usage) / 2;
	unsigned int percentile = is_cache ? PERCENTILE_CACHE : PERCENTILE;
	uint64_t base = usage_percentile(usage, percentile * PPM_OF_PERCENT);
	uint64_t soft = with_margin(base, MARGIN_PERCENT);
	uint64_t hard = with_margin(usage->max_bytes, HARD_MARGIN_PERCENT);
	char *path = literal(cgroup->path);

	if (!path)
		return -ENOMEM;
	if (hard < soft)
		hard = soft;
	fprintf(file,
		"  # %" PRIu64 " samples; soft: p%u of what was in use (%" PRIu64
		" bytes) and %d %%%s; hard: the most that was (%" PRIu64 " bytes) and %d %%\n",
		(uint64_t)usage->sample_cnt, percentile, base, MARGIN_PERCENT,
		is_cache ? ", mostly page cache" : "", (uint64_t)usage->max_bytes,
		HARD_MARGIN_PERCENT);
	fputs("  - name: ", file);
	if (strlen(cgroup->path) <= CONFIG_NAME_MAX)
		put_quoted(cgroup->path, file);
	else
		fprintf(file, "calibrated-%zu", number);
	fputs("\n    cgroup: ", file);
	put_quoted(path, file);
	fprintf(file, "\n    memory: { soft: %" PRIu64 "M, hard: %" PRIu64 "M }\n", soft / MIB,
		hard / MIB);
	free(path);
	return 0;
}

int calibrate_recommend(const struct calibration_result *result, const char *calibration_file,
			FILE *file)
{
	char begin[32], end[32], shown[256];
	size_t cnt = 0;
	int err = 0;

	fprintf(file, "# made by cgbpf calibrate from %s to %s%s\n",
		when_format(result->begin_ns, begin, sizeof(begin)),
		when_format(result->end_ns, end, sizeof(end)),
		result->is_partial ? " (partial: it was interrupted)" : "");
	if (calibration_file && is_plain(calibration_file)) {
		fputs("machine:\n  calibration: ", file);
		put_quoted(calibration_file, file);
		fputs("\n", file);
	}
	fputs("targets:\n", file);
	for (size_t i = 0; i < result->cnt && !err; i++) {
		const struct calibrated *cgroup = &result->cgroups[i];
		const char *why = cgroup->usage ? reason_against(cgroup) : "it was not sampled";

		if (why)
			fprintf(file, "  # %s: %s\n",
				text_escape(cgroup->path, strlen(cgroup->path), shown,
					    sizeof(shown)),
				why);
		else
			err = put_target(cgroup, ++cnt, file);
	}
	return err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the shape of a calibration's result: JSON, CSV, a table. It never samples and never opens a
 * file. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "user/calibrate.h"
#include "user/histogram.h"
#include "user/text.h"
#include "user/units.h"
#include "user/when.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII)
#define P50 500000
#define P90 900000
#define P99 990000

/* What is said of one cgroup. */
struct row {
	uint64_t median, p90, p99, anon, file;
	char first[32], last[32], limit[24];
};

static struct row row_of(const struct calibration_result *result, const struct cgbpf_usage *usage)
{
	struct row row = {
		.median = usage_median(usage),
		.p90 = usage_percentile(usage, P90),
		.p99 = usage_percentile(usage, P99),
		.anon = histogram_percentile(usage->anon, CGBPF_COARSE_BITS, P50),
		.file = histogram_percentile(usage->file, CGBPF_COARSE_BITS, P50),
	};

	/* Their buckets are coarse; what was in use is not. */
	row.anon = row.anon < usage->max_bytes ? row.anon : usage->max_bytes;
	row.file = row.file < usage->max_bytes ? row.file : usage->max_bytes;
	when_format(usage->first_ns + result->real_offset_ns, row.first, sizeof(row.first));
	when_format(usage->last_ns + result->real_offset_ns, row.last, sizeof(row.last));
	if (usage->limit_bytes == UINT64_MAX)
		strcpy(row.limit, "max");
	else
		snprintf(row.limit, sizeof(row.limit), "%" PRIu64, (uint64_t)usage->limit_bytes);
	return row;
}

/*
 * The path itself where JSON can hold it, also with backslashes (systemd's names are full of them).
 * Else escaped behind a second slash, with which no path begins: two names never become one.
 */
static char *key_of(const char *path, bool *ret_is_exact)
{
	char *utf8 = text_to_utf8(path, ret_is_exact), *escaped, *key;

	if (utf8 && *ret_is_exact)
		return utf8;
	free(utf8);
	*ret_is_exact = false;
	escaped = text_escape_dup(path);
	if (!escaped || asprintf(&key, "/%s", escaped) < 0)
		key = NULL;
	free(escaped);
	return key;
}

static json_t *entry_of(const struct calibration_result *result, const struct calibrated *cgroup,
			bool is_exact)
{
	const struct cgbpf_usage *usage = cgroup->usage;
	struct row row = row_of(result, usage);
	json_t *entry =
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "min_consumption",
			  (json_int_t)usage->min_bytes, "max_consumption",
			  (json_int_t)usage->max_bytes, "median_consumption",
			  (json_int_t)row.median, "count", (json_int_t)usage->sample_cnt, "p90",
			  (json_int_t)row.p90, "p99", (json_int_t)row.p99, "anon_median",
			  (json_int_t)row.anon, "file_median", (json_int_t)row.file);
	int err = !entry;

	err |= json_object_set_new(entry, "limit",
				   usage->limit_bytes == UINT64_MAX
					   ? json_string("max")
					   : json_integer((json_int_t)usage->limit_bytes));
	err |= json_object_set_new(entry, "first_seen", json_string(row.first));
	err |= json_object_set_new(entry, "last_seen", json_string(row.last));
	if (cgroup->is_gone)
		err |= json_object_set_new(entry, "gone", json_true());
	if (result->is_partial)
		err |= json_object_set_new(entry, "partial", json_true());
	if (!is_exact) {
		char *hex = text_hex_dup(cgroup->path);

		err |= json_object_set_new(entry, "cgroup_bytes", hex ? json_string(hex) : NULL);
		free(hex);
	}
	if (!err)
		return entry;
	json_decref(entry);
	return NULL;
}

/* One cgroup a line: a reader that finds something wrong can name the line. */
int calibrate_write_json(const struct calibration_result *result, FILE *file)
{
	bool is_first = true;

	fputs("{", file);
	for (size_t i = 0; i < result->cnt; i++) {
		const struct calibrated *cgroup = &result->cgroups[i];
		char *key, *key_text = NULL, *text = NULL;
		json_t *entry = NULL, *name;
		bool is_exact;

		if (!cgroup->usage)
			continue;
		key = key_of(cgroup->path, &is_exact);
		name = key ? json_string(key) : NULL;
		if (name)
			key_text = json_dumps(name, DUMP_FLAGS | JSON_ENCODE_ANY);
		entry = entry_of(result, cgroup, is_exact);
		if (entry)
			text = json_dumps(entry, DUMP_FLAGS);
		if (key_text && text)
			fprintf(file, "%s\n%s: %s", is_first ? "" : ",", key_text, text);
		is_first = false;
		json_decref(entry);
		json_decref(name);
		free(key);
		free(key_text);
		if (!text)
			return -ENOMEM;
		free(text);
	}
	fputs("\n}\n", file);
	return 0;
}

/* RFC 4180: quoted where it has to be. */
static void put_csv_text(const char *text, FILE *file)
{
	if (!text[strcspn(text, ",\" ")]) {
		fputs(text, file);
		return;
	}
	fputc('"', file);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', file);
		fputc(*text, file);
	}
	fputc('"', file);
}

int calibrate_write_csv(const struct calibration_result *result, FILE *file)
{
	fputs("cgroup,min_consumption,max_consumption,median_consumption,count,p90,p99,anon_median,"
	      "file_median,limit,first_seen,last_seen,gone,partial\n",
	      file);
	for (size_t i = 0; i < result->cnt; i++) {
		const struct calibrated *cgroup = &result->cgroups[i];
		const struct cgbpf_usage *usage = cgroup->usage;
		struct row row;
		char *name;

		if (!usage)
			continue;
		row = row_of(result, usage);
		name = text_escape_dup(cgroup->path);
		if (!name)
			return -ENOMEM;
		put_csv_text(name, file);
		free(name);
		fprintf(file,
			",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64 ",%" PRIu64 ",%s,%s,%s,%d,%d\n",
			(uint64_t)usage->min_bytes, (uint64_t)usage->max_bytes, row.median,
			(uint64_t)usage->sample_cnt, row.p90, row.p99, row.anon, row.file,
			row.limit, row.first, row.last, cgroup->is_gone, result->is_partial);
	}
	return 0;
}

void calibrate_print_table(const struct calibration_result *result, FILE *file)
{
	fprintf(file, "%-40s %8s %10s %10s %10s %10s %10s %10s %10s\n", "cgroup", "samples", "min",
		"median", "p99", "max", "anon", "file", "limit");
	for (size_t i = 0; i < result->cnt; i++) {
		const struct calibrated *cgroup = &result->cgroups[i];
		char min[16], median[16], p99[16], max[16], anon[16], cache[16], limit[16];
		const struct cgbpf_usage *usage = cgroup->usage;
		char shown[256];
		struct row row;

		if (!usage)
			continue;
		row = row_of(result, usage);
		fprintf(file, "%-40s %8" PRIu64 " %10s %10s %10s %10s %10s %10s %10s%s\n",
			text_escape(cgroup->path, strlen(cgroup->path), shown, sizeof(shown)),
			(uint64_t)usage->sample_cnt,
			units_format_bytes(usage->min_bytes, min, sizeof(min)),
			units_format_bytes(row.median, median, sizeof(median)),
			units_format_bytes(row.p99, p99, sizeof(p99)),
			units_format_bytes(usage->max_bytes, max, sizeof(max)),
			units_format_bytes(row.anon, anon, sizeof(anon)),
			units_format_bytes(row.file, cache, sizeof(cache)),
			units_format_bytes(usage->limit_bytes, limit, sizeof(limit)),
			cgroup->is_gone ? " (gone)" : "");
	}
}

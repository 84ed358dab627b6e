// SPDX-License-Identifier: BSD-2-Clause
/* Owns the order of what a calibration saw: by path, each path once. It never samples and never
 * writes. */
#include <stdlib.h>
#include <string.h>

#include "user/calibrate.h"

static int by_path(const void *a, const void *b)
{
	const struct calibrated *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void add_buckets(uint32_t *sum, const uint32_t *more, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		sum[i] += more[i];
}

/* MORE is of another cgroup that had the same name. */
static void add_usage(struct cgbpf_usage *sum, const struct cgbpf_usage *more)
{
	if (more->first_ns < sum->first_ns)
		sum->first_ns = more->first_ns;
	if (more->min_bytes < sum->min_bytes)
		sum->min_bytes = more->min_bytes;
	if (more->max_bytes > sum->max_bytes)
		sum->max_bytes = more->max_bytes;
	if (more->last_ns > sum->last_ns) {
		sum->last_ns = more->last_ns;
		sum->usage_bytes = more->usage_bytes;
		sum->anon_bytes = more->anon_bytes;
		sum->file_bytes = more->file_bytes;
		sum->limit_bytes = more->limit_bytes;
	}
	sum->sample_cnt += more->sample_cnt;
	add_buckets(sum->usage, more->usage, CGBPF_FINE_BUCKETS);
	add_buckets(sum->anon, more->anon, CGBPF_COARSE_BUCKETS);
	add_buckets(sum->file, more->file, CGBPF_COARSE_BUCKETS);
}

/* Of one path. Empties MORE. */
static void merge(struct calibrated *kept, struct calibrated *more)
{
	kept->is_gone &= more->is_gone;
	if (kept->usage && more->usage) {
		add_usage(kept->usage, more->usage);
	} else if (more->usage) {
		kept->usage = more->usage;
		more->usage = NULL;
	}
	free(more->usage);
	free(more->path);
}

static void merge_equal_paths(struct calibration_result *result)
{
	size_t kept = 0;

	for (size_t i = 1; i < result->cnt; i++) {
		struct calibrated *last = &result->cgroups[kept], *next = &result->cgroups[i];

		if (strcmp(last->path, next->path) == 0)
			merge(last, next);
		else
			result->cgroups[++kept] = *next;
	}
	result->cnt = kept + 1;
}

void calibrate_put_in_order(struct calibration_result *result)
{
	if (!result->cnt)
		return;
	qsort(result->cgroups, result->cnt, sizeof(*result->cgroups), by_path);
	merge_equal_paths(result);
	/* A child follows its parent, but for names between that begin with the parent's. */
	for (size_t i = 0; i < result->cnt; i++) {
		size_t len = strlen(result->cgroups[i].path);

		for (size_t j = i + 1; j < result->cnt; j++) {
			const char *path = result->cgroups[j].path;

			if (strncmp(path, result->cgroups[i].path, len) != 0)
				break;
			if (path[len] == '/' || len == 1) {
				result->cgroups[i].has_children = true;
				break;
			}
		}
	}
}

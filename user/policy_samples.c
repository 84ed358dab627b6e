// SPDX-License-Identifier: BSD-2-Clause
/* Turns lines of samples into rows. It keeps a few rows of each cgroup and never the file. */
#include "user/policy_samples.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/line_read.h"

#define SERIES_MAX 4096
#define SERIES_NAME_LEN 512
#define COUNT_BYTES (1 << 16)
/* More than this is no machine. */
#define CORES_MOST 65536.0
/* Two rows further apart than so many intervals do not follow on each other. */
#define GAP_INTERVALS 2.5
#define PROGRESS_BYTES (64ULL << 20)

/* Rows of one cgroup that wait for what comes after them. */
struct series {
	char *name;
	double quota_cores, at_s; /* when the last row ended */
	struct policy_row last;
	struct policy_row waiting[POLICY_HORIZON];
	int age[POLICY_HORIZON];
	int waiting_cnt;
	bool has_last;
};

struct reader {
	struct series *series[SERIES_MAX];
	struct policy_read *read;
	uint64_t line_cnt;
	unsigned int folds;
	int horizon;
	policy_visit visit;
	void *context;
};

const char *policy_drop_name(enum policy_drop reason)
{
	static const char *const names[DROP_REASONS] = {
		[DROP_TORN] = "torn",
		[DROP_MALFORMED] = "malformed",
		[DROP_SCHEMA] = "other_schema",
		[DROP_NO_LIMIT] = "no_cpu_limit",
		[DROP_NOT_A_NUMBER] = "not_a_number",
		[DROP_NO_FUTURE] = "no_future",
		[DROP_SPANS_FOLDS] = "spans_folds",
		[DROP_TOO_MANY] = "too_many_cgroups",
		[DROP_NOT_THROTTLED] = "not_throttled",
	};

	return names[reason];
}

static int open_samples(const char *file)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	/* It is read more than once. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return fd;
}

int policy_samples__count(const char *file, uint64_t *ret_cnt)
{
	char *buf = malloc(COUNT_BYTES);
	int fd = open_samples(file), err = 0;
	uint64_t cnt = 0;
	char last = '\n';
	ssize_t got = 0;

	if (fd < 0 || !buf) {
		free(buf);
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	while ((got = read(fd, buf, COUNT_BYTES)) > 0) {
		for (char *at = buf; (at = memchr(at, '\n', (size_t)(buf + got - at))); at++)
			cnt++;
		last = buf[got - 1];
	}
	if (got < 0)
		err = -errno;
	close(fd);
	free(buf);
	if (!err)
		*ret_cnt = cnt + (last != '\n');
	return err;
}

/* A number from 0 to MOST; NAN marks what is none. */
static double number(const json_t *object, const char *key, double most)
{
	const json_t *value = json_object_get(object, key);
	double number = json_is_number(value) ? json_number_value(value) : NAN;

	return number >= 0 && number <= most ? number : NAN;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* Of one line to one row; *RET_AT_S: when, on the boot's own clock. A drop, or DROP_REASONS. */
static enum policy_drop row_of(const json_t *object, struct policy_row *row, double *ret_at_s)
{
	const json_t *cpu = json_object_get(object, "cpu"), *psi = json_object_get(object, "psi");
	double interval_us = number(object, "interval_ms", 1e9) * 1000, periods, period_us;
	struct policy_observation *seen = &row->seen;

	psi = json_object_get(psi, "cpu");
	if (!json_is_number(json_object_get(cpu, "quota_us")) ||
	    !json_is_number(json_object_get(cpu, "hard_cores")))
		return DROP_NO_LIMIT;
	*ret_at_s = number(object, "mono_ns", 9e18) / 1e9;
	period_us = number(cpu, "period_us", 1e9);
	periods = number(cpu, "periods", 1e12);
	seen->usage_cores = number(cpu, "usage_us", 1e15) / interval_us;
	seen->throttled_share = number(cpu, "throttled_us", 1e15) / interval_us;
	seen->throttle_ratio = periods > 0 ? number(cpu, "throttled", 1e12) / periods : 0 * periods;
	seen->quota_cores = number(cpu, "quota_us", 1e15) / period_us;
	seen->hard_cores = number(cpu, "hard_cores", CORES_MOST);
	seen->psi_share = psi ? number(psi, "some_us", 1e15) / interval_us : 0;
	row->soft_cores = number(cpu, "soft_cores", CORES_MOST);
	row->interval_s = interval_us / 1e6;
	if (!(interval_us > 0) || !(period_us > 0) || !(seen->usage_cores <= CORES_MOST) ||
	    !(seen->quota_cores <= CORES_MOST) || !(seen->throttled_share >= 0) ||
	    !(seen->throttle_ratio >= 0) || !(seen->psi_share >= 0) || !(seen->hard_cores > 0) ||
	    !isfinite(*ret_at_s) || !isfinite(row->soft_cores))
		return DROP_NOT_A_NUMBER;
	/* The kernel adds up what its CPUs were throttled each. */
	seen->throttled_share = fmin(seen->throttled_share, 1);
	seen->throttle_ratio = fmin(seen->throttle_ratio, 1);
	seen->psi_share = fmin(seen->psi_share, 1);
	/* A throttle that was answered within its period is in the time, not among the periods. */
	row->is_throttled = seen->throttled_share > 0 || seen->throttle_ratio > 0;
	snprintf(row->ts, sizeof(row->ts), "%s", text(object, "ts"));
	return DROP_REASONS;
}

static unsigned int hash(const char *name)
{
	unsigned int hash = 2166136261U; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return hash;
}

static struct series *series_of(struct reader *reader, const json_t *object)
{
	char name[SERIES_NAME_LEN];
	unsigned int at;

	snprintf(name, sizeof(name), "%s\n%s\n%s", text(object, "boot_id"), text(object, "target"),
		 text(object, "cgroup"));
	at = hash(name) % SERIES_MAX;
	for (int i = 0; i < SERIES_MAX; i++, at = (at + 1) % SERIES_MAX) {
		struct series *series = reader->series[at];

		if (series && strcmp(series->name, name) == 0)
			return series;
		if (series)
			continue;
		series = calloc(1, sizeof(*series));
		if (series && !(series->name = strdup(name))) {
			free(series);
			series = NULL;
		}
		reader->series[at] = series;
		return series;
	}
	return NULL;
}

static int give(struct reader *reader, struct series *series, const struct policy_row *row)
{
	struct policy_row given = *row;

	given.series = series->name;
	reader->read->row_cnt++;
	return reader->visit(reader->context, &given);
}

/* The rows that wait have seen one more interval; those that have seen enough are given out. */
static int age_waiting(struct reader *reader, struct series *series, double demand,
		       unsigned int fold)
{
	int left = 0, err = 0;

	for (int i = 0; i < series->waiting_cnt; i++) {
		struct policy_row *row = &series->waiting[i];

		row->peak_cores = fmax(row->peak_cores, demand);
		if (++series->age[i] < reader->horizon) {
			series->waiting[left] = *row;
			series->age[left++] = series->age[i];
		} else if (row->fold != fold) {
			reader->read->dropped[DROP_SPANS_FOLDS]++;
		} else if (!err) {
			err = give(reader, series, row);
		}
	}
	series->waiting_cnt = left;
	return err;
}

/*
 * The model is asked in the midst of an interval, of which it knows little yet: what it learns from
 * is the interval before one in which it was throttled, and nothing of that one but the outcome.
 */
static void learn_from_last(struct reader *reader, struct series *series,
			    const struct policy_row *row)
{
	struct policy_row *waiting = &series->waiting[series->waiting_cnt];

	if (!row->is_throttled) {
		reader->read->dropped[DROP_NOT_THROTTLED]++;
		return;
	}
	*waiting = series->last;
	waiting->then_cores = row->seen.quota_cores;
	series->age[series->waiting_cnt++] = 0;
}

static void forget_waiting(struct reader *reader, struct series *series)
{
	if (reader->horizon)
		reader->read->dropped[DROP_NO_FUTURE] +=
			(uint64_t)series->waiting_cnt + series->has_last;
	series->waiting_cnt = 0;
	series->has_last = false;
}

static int follow(struct reader *reader, struct series *series, struct policy_row *row, double at_s)
{
	double passed_s = at_s - series->at_s, quota_cores;
	int err = 0;

	if (passed_s <= 0 || passed_s > GAP_INTERVALS * row->interval_s)
		forget_waiting(reader, series); /* nor does its quota say anything of this row */
	/* A line tells the quota at its end; what was seen was seen under the one before. */
	quota_cores = row->seen.quota_cores;
	if (series->has_last) {
		row->seen.trend_cores = row->seen.usage_cores - series->last.seen.usage_cores;
		row->seen.quota_cores = series->quota_cores;
	}
	policy_features(&row->seen, row->x);
	if (!reader->horizon) {
		err = give(reader, series, row);
	} else if (series->has_last) {
		learn_from_last(reader, series, row);
		err = age_waiting(reader, series, row->x[POLICY_DEMAND], row->fold);
	}
	series->quota_cores = quota_cores;
	series->has_last = true;
	series->at_s = at_s;
	series->last = *row;
	return err;
}

static int take_line(struct reader *reader, const char *line, size_t len, bool is_last)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	struct policy_read *read = reader->read;
	enum policy_drop drop = DROP_REASONS;
	struct policy_row row = {};
	struct series *series;
	double at_s;
	int err = 0;

	row.fold = (unsigned int)((read->line_cnt++) * reader->folds / reader->line_cnt);
	if (row.fold >= reader->folds) /* it has grown since it was counted */
		row.fold = reader->folds - 1;
	if (!json_is_object(object))
		drop = is_last && line[len - 1] != '\n' ? DROP_TORN : DROP_MALFORMED;
	else if (json_integer_value(json_object_get(object, "schema")) != POLICY_SAMPLE_SCHEMA)
		drop = DROP_SCHEMA;
	else if (strcmp(text(object, "kind"), "interval") != 0)
		read->other_cnt++;
	else if ((drop = row_of(object, &row, &at_s)) == DROP_REASONS) {
		series = series_of(reader, object);
		if (series)
			err = follow(reader, series, &row, at_s);
		else
			drop = DROP_TOO_MANY;
	}
	if (drop != DROP_REASONS)
		read->dropped[drop]++;
	json_decref(object);
	return err;
}

static void show_progress(uint64_t done, uint64_t size)
{
	fprintf(stderr, "read %llu of %llu MiB\n", (unsigned long long)(done >> 20),
		(unsigned long long)(size >> 20));
}

static int read_lines(struct reader *reader, FILE *f, bool is_progress)
{
	uint64_t done = 0, shown = 0, len;
	char *line = malloc(LINE_MOST);
	struct stat st = {};
	int err = line ? 0 : -ENOMEM;

	fstat(fileno(f), &st);
	while (!err && (len = line_read(f, line, LINE_MOST)) > 0) {
		done += len;
		if (len > LINE_MOST) {
			reader->read->line_cnt++;
			reader->read->dropped[DROP_MALFORMED]++;
		} else {
			err = take_line(reader, line, len, line[len - 1] != '\n');
		}
		if (is_progress && done - shown >= PROGRESS_BYTES) {
			show_progress(done, (uint64_t)st.st_size);
			shown = done;
		}
	}
	if (!err && ferror(f))
		err = -EIO;
	free(line);
	return err;
}

int policy_samples__read(const char *file, uint64_t line_cnt, unsigned int folds, int horizon,
			 bool is_progress, policy_visit visit, void *context,
			 struct policy_read *ret_read)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int fd = open_samples(file), err = -ENOMEM;
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	*ret_read = (struct policy_read){};
	if (fd < 0)
		err = fd;
	if (f && reader) {
		reader->read = ret_read;
		reader->line_cnt = line_cnt ?: 1;
		reader->folds = folds;
		reader->horizon = horizon < POLICY_HORIZON ? horizon : POLICY_HORIZON;
		reader->visit = visit;
		reader->context = context;
		err = read_lines(reader, f, is_progress);
		for (int i = 0; i < SERIES_MAX; i++) {
			if (!reader->series[i])
				continue;
			forget_waiting(reader, reader->series[i]);
			free(reader->series[i]->name);
			free(reader->series[i]);
		}
	}
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
	free(reader);
	return err;
}

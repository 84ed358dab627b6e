// SPDX-License-Identifier: BSD-2-Clause
/* Owns the samples' file, their timer and the shape of their lines. It never writes a cgroup file
 * and runs only where it was asked for. */
#include "user/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/lines.h"
#include "user/log.h"
#include "user/measure.h"
#include "user/sample_json.h"
#include "user/text.h"
#include "user/units.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9))
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
/* Changes of one cgroup whose consequences are not known yet; one more ends the wait of the oldest.
 */
#define CHANGES_MAX 8
#define VALUE_LEN 128
#define NS_PER_MS 1000000ULL

struct change {
	bool is_waiting;
	char ts[JOURNAL_STAMP_LEN];
	char knob[24], limit[16], device[16];
	char old[VALUE_LEN], new[VALUE_LEN], reason[32];
	bool has_before;
	struct measure before, at;
};

/* What is kept of a group, in group->sample. */
struct sample {
	struct measure last;
	struct change changes[CHANGES_MAX];
};

struct samples {
	struct samples_config config;
	struct lines *lines;
	int timer_fd;
	char boot_id[40];
	struct psi machine, machine_since;
	bool is_failing; /* said; said again after it has worked */
};

static void add_text(json_t *object, const char *key, const char *bytes)
{
	char *utf8 = text_to_utf8(bytes, NULL);

	if (utf8)
		json_object_set_new(object, key, json_string(utf8));
	free(utf8);
}

static json_t *head(const struct samples *samples, const char *kind, const char *ts,
		    uint64_t mono_ns, const struct group *group)
{
	json_t *object =
		json_pack("{s:i, s:s, s:s, s:I, s:s}", "schema", SAMPLES_SCHEMA, "kind", kind, "ts",
			  ts, "mono_ns", (json_int_t)mono_ns, "boot_id", samples->boot_id);

	add_text(object, "target", group->target);
	add_text(object, "cgroup", group->path);
	return object;
}

/* Takes OBJECT. */
static void write_line(struct samples *samples, json_t *object)
{
	char *text = json_dumps(object, DUMP_FLAGS);
	int err = text ? lines__write(samples->lines, text) : -ENOMEM;

	free(text);
	json_decref(object);
	if (!err)
		err = lines__rotate(samples->lines, samples->config.rotate_bytes,
				    samples->config.keep);
	if (err < 0 && !samples->is_failing)
		log_warning("the samples cannot be written: %s, ignoring", strerror(-err));
	samples->is_failing = err < 0;
}

/* A number of bytes is a number, everything else the text it was. */
static void add_value(json_t *object, const char *key, const char *value)
{
	char *end;
	uint64_t number = strtoull(value, &end, 10);
	bool is_number = *value && !*end && number <= INT64_MAX;

	json_object_set_new(object, key,
			    is_number ? json_integer((json_int_t)number) : json_string(value));
}

static void finish(struct samples *samples, const struct group *group, struct change *change,
		   const struct measure *now)
{
	struct measure since = measure_since(now, &change->at);
	json_t *object = head(samples, "adjustment", change->ts, change->at.at_ns, group);

	add_value(object, "knob", change->knob);
	if (*change->limit)
		add_value(object, "limit", change->limit);
	if (*change->device)
		json_object_set_new(object, "device", json_string(change->device));
	add_value(object, "old", change->old);
	add_value(object, "new", change->new);
	add_text(object, "reason", change->reason);
	json_object_set_new(object, "before",
			    change->has_before ? sample_around(&change->before) : json_null());
	json_object_set_new(object, "after", sample_around(&since));
	change->is_waiting = false;
	write_line(samples, object);
}

static struct sample *sample_of(struct group *group)
{
	if (!group->sample)
		group->sample = calloc(1, sizeof(struct sample));
	return group->sample;
}

static void copy_value(char *to, size_t len, const char *text, uint64_t bytes)
{
	if (text)
		snprintf(to, len, "%s", text);
	else
		units_format_limit(bytes, to, len);
}

/* The one that waits for the same file ends its wait here; else a free one; else the oldest. */
static struct change *place_for(struct samples *samples, struct group *group, struct sample *sample,
				const struct journal_record *record, const struct measure *now)
{
	struct change *place = NULL;

	for (int i = 0; i < CHANGES_MAX; i++) {
		struct change *change = &sample->changes[i];

		if (change->is_waiting && strcmp(change->knob, record->knob) == 0 &&
		    strcmp(change->limit, record->limit ? record->limit : "") == 0) {
			finish(samples, group, change, now);
			return change;
		}
		if (!place || !change->is_waiting ||
		    (place->is_waiting && change->at.at_ns < place->at.at_ns))
			place = change;
	}
	if (place->is_waiting)
		finish(samples, group, place, now);
	return place;
}

void samples__note(struct samples *samples, struct group *group,
		   const struct journal_record *record)
{
	struct sample *sample = sample_of(group);
	struct change *change;
	struct measure now;

	if (!sample || measure_cgroup(group->dir_fd, &now))
		return;
	change = place_for(samples, group, sample, record, &now);
	*change = (struct change){.is_waiting = true, .at = now, .has_before = sample->last.at_ns};
	if (change->has_before)
		change->before = measure_since(&now, &sample->last);
	journal_stamp(change->ts);
	snprintf(change->knob, sizeof(change->knob), "%s", record->knob);
	snprintf(change->limit, sizeof(change->limit), "%s", record->limit ? record->limit : "");
	snprintf(change->device, sizeof(change->device), "%s",
		 record->device ? record->device : "");
	copy_value(change->old, sizeof(change->old), record->old_text, record->old_bytes);
	copy_value(change->new, sizeof(change->new), record->new_text, record->new_bytes);
	snprintf(change->reason, sizeof(change->reason), "%s",
		 record->reason ? record->reason : "");
}

static void finish_due(struct samples *samples, struct group *group, struct sample *sample,
		       const struct measure *now, uint64_t wait_ns)
{
	for (int i = 0; i < CHANGES_MAX; i++) {
		struct change *change = &sample->changes[i];

		if (change->is_waiting && now->at_ns - change->at.at_ns >= wait_ns)
			finish(samples, group, change, now);
	}
}

static void sample_one(struct samples *samples, struct group *group)
{
	struct sample *sample = sample_of(group);
	bool is_quota = group->cpu && group->cpu->mode == CPU_MODE_QUOTA;
	struct measure now, since;
	char ts[JOURNAL_STAMP_LEN];
	json_t *object;

	if (!sample || measure_cgroup(group->dir_fd, &now))
		return;
	finish_due(samples, group, sample, &now, samples->config.interval_ns);
	since = measure_since(&now, &sample->last);
	if (!sample->last.at_ns) { /* an interval needs two readings */
		sample->last = now;
		return;
	}
	sample->last = now;
	journal_stamp(ts);
	object = head(samples, "interval", ts, now.at_ns, group);
	json_object_set_new(object, "interval_ms",
			    json_integer((json_int_t)(since.at_ns / NS_PER_MS)));
	if (since.has_cpu)
		json_object_set_new(object, "cpu",
				    sample_cpu(&since, is_quota ? group->cpu->rule.soft : 0,
					       is_quota ? group->cpu->rule.hard : 0));
	if (since.has_memory)
		json_object_set_new(object, "memory", sample_memory(&since, &group->rule));
	if (since.has_io)
		json_object_set_new(object, "io", sample_io(&since));
	sample_add_psi(object, "psi", &since.psi);
	sample_add_psi(object, "machine_psi", &samples->machine_since);
	write_line(samples, object);
}

void samples__tick(struct samples *samples, struct groups *groups)
{
	struct group *group = NULL;
	uint64_t ticks;
	struct psi now;

	if (read(samples->timer_fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	psi_read_machine(&now);
	samples->machine_since = psi_since(&now, &samples->machine);
	samples->machine = now;
	while ((group = groups__next(groups, group)))
		sample_one(samples, group);
}

void samples__flush(struct samples *samples, struct groups *groups)
{
	struct group *group = NULL;
	struct measure now;

	while ((group = groups__next(groups, group)))
		if (group->sample && !measure_cgroup(group->dir_fd, &now))
			finish_due(samples, group, group->sample, &now, 0);
}

static void set_timer(struct samples *samples)
{
	uint64_t every_ns = samples->config.interval_ns;
	struct timespec every = {every_ns / 1000000000ULL, (long)(every_ns % 1000000000ULL)};
	/* The first reading at once: the first line is an interval later. */
	struct itimerspec when = {.it_value.tv_nsec = 1, .it_interval = every};

	timerfd_settime(samples->timer_fd, 0, &when, NULL);
}

int samples__open(const char *file, const struct samples_config *config,
		  struct samples **ret_samples)
{
	struct samples *samples = calloc(1, sizeof(*samples));
	int err;

	if (!samples)
		return -ENOMEM;
	samples->config = *config;
	samples->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = samples->timer_fd < 0 ? -errno : lines__open(file, &samples->lines);
	if (err) {
		samples__close(samples);
		return err;
	}
	cgfs_read(AT_FDCWD, BOOT_ID, samples->boot_id, sizeof(samples->boot_id));
	psi_read_machine(&samples->machine);
	set_timer(samples);
	*ret_samples = samples;
	return 0;
}

int samples__fd(const struct samples *samples)
{
	return samples->timer_fd;
}

void samples__reload(struct samples *samples, const struct samples_config *config)
{
	int err = lines__reopen(samples->lines);

	if (err)
		log_warning("the samples cannot be opened again: %s, ignoring", strerror(-err));
	if (config->interval_ns != samples->config.interval_ns) {
		samples->config = *config;
		set_timer(samples);
	}
	samples->config = *config;
}

void samples__close(struct samples *samples)
{
	if (!samples)
		return;
	if (samples->timer_fd >= 0)
		close(samples->timer_fd);
	lines__close(samples->lines);
	free(samples);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the distributions that a running controller keeps. It never changes a limit. */
#include "user/learn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/calibration.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/histogram.h"
#include "user/log.h"
#include "user/sampler.h"
#include "user/text.h"

/* Fewer samples say little: with one each heartbeat, half a minute. */
#define SAMPLES_LEAST 6

struct learn {
	struct sampler *sampler;
	bool is_failed; /* said once */
};

/* Cgroups of another machine, or of another day, are no error: they may come. */
static void tell_strangers(const struct controller *controller)
{
	const struct calibration *calibration = &controller->config.calibration;
	const struct calibration_entry *first = NULL;
	char file[256], path[256];
	size_t cnt = 0;

	for (size_t i = 0; i < calibration->cnt; i++) {
		const struct calibration_entry *entry = &calibration->entries[i];
		int fd;

		if (!cgfs_open_path(controller->root_fd, entry->path, &fd)) {
			close(fd);
			continue;
		}
		if (!first || entry->line < first->line)
			first = entry;
		cnt++;
	}
	if (!first)
		return;
	log_warning("%s:%u: there is no cgroup %s%s, ignoring",
		    text_escape(calibration->file, strlen(calibration->file), file, sizeof(file)),
		    first->line, text_escape(first->path, strlen(first->path), path, sizeof(path)),
		    cnt > 1 ? " (nor some others)" : "");
}

void learn__start(struct controller *controller, struct learn **ret_learn)
{
	struct sampler_options options = {.is_pinned = true, .watched_max = CGBPF_MAX_GOVERNED};
	struct learn *learn = NULL;
	int err = -ENOTSUP;

	*ret_learn = NULL;
	tell_strangers(controller);
	if (controller->features.has[FEATURE_SAMPLE]) {
		learn = calloc(1, sizeof(*learn));
		err = learn ? sampler__open(&options, controller->root_fd, &learn->sampler)
			    : -ENOMEM;
	}
	if (err) {
		log_warning("no distribution of memory use is kept: %s, ignoring", strerror(-err));
		free(learn);
		return;
	}
	*ret_learn = learn;
	learn__tick(learn, controller);
}

void learn__stop(struct learn *learn)
{
	if (!learn)
		return;
	sampler__close(learn->sampler);
	free(learn);
}

void learn__tick(struct learn *learn, struct controller *controller)
{
	struct group *group = NULL;
	int err;

	if (!learn || !controller->groups.cnt)
		return;
	while ((group = groups__next(&controller->groups, group)))
		if (group->has_memory && !group->is_watched)
			group->is_watched = !sampler__watch(learn->sampler, group->id);
	err = sampler__pass(learn->sampler);
	if (err && !learn->is_failed)
		log_warning("cgroups cannot be sampled: %s, ignoring", strerror(-err));
	learn->is_failed = err != 0;
}

void learn__forget(struct learn *learn, uint64_t id)
{
	if (learn)
		sampler__unwatch(learn->sampler, id);
}

void learn__know(const struct learn *learn, const struct controller *controller,
		 const struct group *group, struct learned *ret_learned)
{
	const struct calibration_entry *entry =
		calibration__find(&controller->config.calibration, group->path);
	struct cgbpf_usage usage = {};
	struct learned learned = {};

	if (learn && group->is_watched && !sampler__usage(learn->sampler, group->id, &usage))
		learned.usage_bytes = usage.usage_bytes;
	if (entry) {
		learned.is_known = learned.is_calibrated = true;
		learned.min_bytes = entry->min_bytes;
		learned.median_bytes = entry->median_bytes;
	} else if (usage.sample_cnt >= SAMPLES_LEAST) {
		learned.is_known = true;
		learned.min_bytes = usage.min_bytes;
		learned.median_bytes = usage_median(&usage);
	}
	*ret_learned = learned;
}

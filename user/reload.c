// SPDX-License-Identifier: BSD-2-Clause
/* Takes a new configuration, or keeps the old one; fits what is governed to it. It never starts or
 * ends a run. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/controller.h"
#include "user/docker.h"
#include "user/log.h"
#include "user/loop.h"
#include "user/pressure.h"

#define ERROR_LEN 1024

/* Keeps, changes, adds and releases. */
static void fit(struct controller *controller)
{
	struct group *group, *next;

	for (group = groups__next(&controller->groups, NULL); group; group = next) {
		uint64_t unknown_cnt = docker_unknown_cnt();
		const struct target_config *target =
			targets__match(&controller->targets, group->path, NULL);

		next = groups__next(&controller->groups, group);
		if (!target && docker_unknown_cnt() != unknown_cnt)
			continue; /* an Engine that does not answer is no reason to let it go */
		if (!target && controller->is_observing) {
			govern__drop(controller, group->id);
			continue;
		}
		if (target) {
			pthread_mutex_lock(&controller->groups.lock);
			memcpy(group->target, target->name, sizeof(group->target));
			group->on_foreign_write = target->on_foreign_write;
			pthread_mutex_unlock(&controller->groups.lock);
		}
		if (controller->is_observing)
			continue;
		govern__look_after(controller, group);
		memory__fit(controller, group, target);
		cpu__fit(controller, group, target);
		io__fit(controller, group, target);
		priority__fit(controller, group, target);
		if (!govern__is_any(group))
			govern__drop(controller, group->id);
	}
	priority__prepare(controller);
	govern__all(controller);
}

/* Reads and checks; on failure nothing has changed, and one line in ERROR says why. */
static int take_config(struct controller *controller, const struct run_options *options,
		       char *error, size_t error_len)
{
	struct config old = controller->config, new = {};
	struct targets old_targets = controller->targets, new_targets = {};
	int err = run_load_config(options->config_file, &new);

	if (err) {
		snprintf(error, error_len, "see above");
		return err;
	}
	err = targets__resolve(&new, &new_targets, error, error_len);
	if (err) {
		config__free(&new);
		return err;
	}
	if (controller->is_observing)
		pressure_want_all(&new);
	controller->config = new;
	controller->targets = new_targets;
	controller->targets.config = &controller->config;
	err = govern__check(controller, error, error_len);
	if (err) {
		targets__free(&controller->targets);
		config__free(&controller->config);
		controller->config = old;
		controller->targets = old_targets;
		return err;
	}
	old_targets.config = &old;
	targets__free(&old_targets);
	config__free(&old);
	return 0;
}

void reload(struct controller *controller, const struct run_options *options)
{
	struct journal_record record = {.event = JOURNAL_RELOADED, .has_count = true};
	char error[ERROR_LEN] = "out of memory";
	int err = journal__reopen(controller->journal);

	if (err)
		log_warning("the journal cannot be opened again: %s, ignoring", strerror(-err));
	if (take_config(controller, options, error, sizeof(error))) {
		log_warning("the configuration is not reloaded, the old one stays: %s", error);
		return;
	}
	if (controller->samples)
		samples__reload(controller->samples, &controller->config.samples);
	pthread_mutex_lock(&controller->groups.lock);
	pool__configure(&controller->pool, &controller->config);
	pthread_mutex_unlock(&controller->groups.lock);
	cpu_advise__load(controller);
	fit(controller);
	record.count = controller->groups.cnt;
	report(controller, &record);
	dprintf(STDERR_FILENO, "reloaded: %s %zu cgroups\n",
		controller->is_observing ? "observing" : "governing", controller->groups.cnt);
}

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
#include "user/restore.h"

#define ERROR_LEN 1024

/* Puts GROUP back to its original and lets it go. */
static void release(struct controller *controller, struct group *group)
{
	struct cgbpf_ledger_key key = {.cgroup_id = group->id, .knob = CGBPF_KNOB_MEMORY_MAX};
	struct journal_record record = report_about(group, JOURNAL_RESTORED);
	struct restored_limit limit;
	enum reason reason;

	/* From here on it is not raised, so that the original is the last word. */
	loader__drop_rule(controller->loader, group->id);
	pthread_mutex_lock(&controller->groups.lock);
	group->is_stopped = true;
	group__promise(group, 0, &controller->pool.promised_bytes);
	groups__take(&controller->groups, group->id);
	pthread_mutex_unlock(&controller->groups.lock);

	reason = restore__key(&controller->apply, controller->root_fd, &key, &limit) ==
				 RESTORED_IN_USE
			 ? REASON_IN_USE
			 : REASON_RELOAD;
	report_texts(&record, key.knob, limit.before, limit.after);
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
	group__free(group);
}

/* The rule of NEW in the place of GROUP's; a limit past the new hard is left and returns. */
static void change(struct controller *controller, struct group *group,
		   const struct target_config *target)
{
	const struct memory_config *memory = &target->memory;
	struct journal_record record;
	uint64_t written_ns;

	pthread_mutex_lock(&controller->groups.lock);
	memcpy(group->target, target->name, sizeof(group->target));
	group->on_foreign_write = target->on_foreign_write;
	group->return_after_ns = memory->return_after_ns;
	group->hold_ns = memory->hold_ns;
	group->is_soft_given = memory->soft_bytes != 0;
	group->rule = govern__rule(memory, group->rule.soft_bytes);
	group->is_hard_said = false;
	record = report_about(group, JOURNAL_GOVERNED);
	if (group->limit_bytes < group->rule.soft_bytes &&
	    !apply__raise(&controller->apply, group, group->rule.soft_bytes, &written_ns))
		record.new_bytes = group->limit_bytes;
	pthread_mutex_unlock(&controller->groups.lock);
	record.target = group->target;
	record.reason = reason_name(REASON_SOFT);
	record.detail = reason_sentence(REASON_SOFT);
	if (record.new_bytes != record.old_bytes)
		report(controller, &record);
	govern__set_rule(controller, group);
}

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
		if (group->is_stopped) { /* obeyed until now; considered afresh */
			if (target)
				govern__forget(controller, group->id);
		} else if (target) {
			change(controller, group, target);
		} else {
			release(controller, group);
		}
	}
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
	fit(controller);
	record.count = controller->groups.cnt;
	report(controller, &record);
	dprintf(STDERR_FILENO, "reloaded: governing %zu cgroups\n", controller->groups.cnt);
}

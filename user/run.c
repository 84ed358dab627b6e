// SPDX-License-Identifier: BSD-2-Clause
/* Puts the controller together, and takes it apart so that nothing is left. It never decides about
 * a limit. */
#include "user/run.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/knob.h"
#include "user/log.h"
#include "user/loop.h"
#include "user/notify.h"
#include "user/params.h"
#include "user/pressure.h"
#include "user/protect.h"
#include "user/restore.h"
#include "user/text.h"
#include "user/throttled.h"
#include "user/units.h"

#define ERROR_LEN 1024
/* What an answer is taken to last before the first was measured. */
#define REACTION_FIRST_US 500
/* Of the second in which exit puts everything back, what reclaim may take. */
#define EXIT_RECLAIM_NS (600 * 1000000ULL)

static const char *find_config(const char *given)
{
	static const char *const places[] = {"./cgbpf.yaml", "/etc/cgbpf/cgbpf.yaml"};

	if (given)
		return given;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	return NULL;
}

int run_load_config(const char *given, struct config *ret_config)
{
	const char *file = find_config(given);
	char error[ERROR_LEN];
	int err;

	if (!file)
		return config__default(ret_config);
	err = config__load(file, ret_config, error, sizeof(error));
	if (err)
		log_error("%s", error);
	return err;
}

static void tell(struct controller *controller, bool is_left_over, const char *path,
		 const struct cgbpf_ledger_key *key, const struct cgbpf_ledger_entry *entry,
		 enum restored outcome, const struct restored_limit *limit)
{
	static const enum reason reasons[] = {[RESTORED_BACK] = REASON_EXIT,
					      [RESTORED_NOT_OURS] = REASON_NOT_OURS,
					      [RESTORED_IN_USE] = REASON_IN_USE,
					      [RESTORED_DEVICE_GONE] = REASON_DEVICE_GONE,
					      [RESTORED_FAILED] = REASON_UNREADABLE};
	struct journal_record record = {
		.event = JOURNAL_RESTORED,
		.cgroup = path,
		.cgroup_id = key->cgroup_id,
		.target = entry->target,
		.has_times = limit->decided_ns != 0,
		.times = {.decided_ns = limit->decided_ns,
			  .written_ns = limit->written_ns,
			  .effective_ns = limit->effective_ns},
	};
	enum reason reason;
	char shown[256];

	if (outcome == RESTORED_GONE || outcome == RESTORED_UNCHANGED)
		return;
	reason = is_left_over && outcome == RESTORED_BACK ? REASON_CRASH : reasons[outcome];
	report_texts(&record, key->knob, limit->before, limit->after);
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
	if (outcome == RESTORED_IN_USE || outcome == RESTORED_FAILED)
		log_warning(
			"%s: %s stays; its original %s is in the ledger: run 'cgbpf "
			"restore' when less is in use ('--force' sets it now, and the kernel may "
			"kill)",
			text_escape(path, strlen(path), shown, sizeof(shown)), knob_name(key->knob),
			entry->original);
}

static void tell_restored(void *context, const char *path, const struct cgbpf_ledger_key *key,
			  const struct cgbpf_ledger_entry *entry, enum restored outcome,
			  const struct restored_limit *limit)
{
	tell(context, false, path, key, entry, outcome, limit);
}

static void tell_left_over(void *context, const char *path, const struct cgbpf_ledger_key *key,
			   const struct cgbpf_ledger_entry *entry, enum restored outcome,
			   const struct restored_limit *limit)
{
	tell(context, true, path, key, entry, outcome, limit);
}

/* Before anything else is changed: what a run that did not end in order left behind. */
static void restore_left_over(struct controller *controller)
{
	int left;

	if (controller->apply.is_dry_run)
		return; /* nothing would be written, and the originals would be forgotten */
	left = restore__all(&controller->apply, controller->root_fd, false, tell_left_over,
			    controller);
	if (left > 0)
		log_warning("%d limits of an earlier run are still in the ledger, ignoring", left);
}

/* Pressure is needed where the configuration asks for it by name. */
static int cannot(const struct features *features, const struct config *config)
{
	enum feature missing = features_missing(features);
	const struct feature_row *row;

	if (missing == FEATURE_MAX && !features->has[FEATURE_PSI] && pressure_is_wanted(config))
		missing = FEATURE_PSI;
	if (missing == FEATURE_MAX)
		return 0;
	row = feature_row(missing);
	log_error("run: %s is missing: %s; %s (see 'cgbpf doctor')", row->what, row->lost,
		  row->cure);
	return EXIT_CANNOT;
}

/* What a target asks for by name and this kernel has no event for. */
static void tell_lost(const struct controller *controller)
{
	const bool *has = controller->features.has;
	bool is_cpu = false, is_io = false, is_priority = false;
	struct {
		const bool *is_wanted;
		enum feature feature;
		bool is_there;
	} wants[] = {
		{&is_cpu, FEATURE_CPU_THROTTLE, has[FEATURE_CPU_THROTTLE]},
		{&is_io, FEATURE_IO_THROTTLE,
		 has[FEATURE_IO_THROTTLE] || has[FEATURE_IO_THROTTLE_OLDER]},
		{&is_priority, FEATURE_TASKS, has[FEATURE_TASKS]},
	};

	for (size_t i = 0; i < controller->config.targets_cnt; i++) {
		const struct target_config *target = &controller->config.targets[i];

		is_cpu |= target->cpu.is_given && target->cpu.mode == CPU_MODE_QUOTA;
		is_io |= target->io.is_given;
		is_priority |= target->priority.is_given;
	}
	for (size_t i = 0; i < sizeof(wants) / sizeof(*wants); i++)
		if (*wants[i].is_wanted && !wants[i].is_there)
			log_warning("%s: %s is missing, ignoring",
				    feature_row(wants[i].feature)->lost,
				    feature_row(wants[i].feature)->what);
}

static int load(struct controller *controller)
{
	const char *program = "";
	int err = loader__open(&controller->features, &controller->loader);

	if (err == -EPROTO) {
		log_error("run: %s is pinned by another version; 'cgbpf restore' of that version "
			  "empties it",
			  CGBPF_PIN_LEDGER);
		return EXIT_CANNOT;
	}
	if (err) {
		log_error(
			"run: the BPF programs cannot be loaded: %s (see 'cgbpf doctor', 'run -v')",
			strerror(-err));
		return EXIT_CANNOT;
	}
	controller->apply.ledger_fd = loader__ledger_fd(controller->loader);
	restore_left_over(controller);
	err = loader__attach(controller->loader, &program);
	if (err) {
		log_error("run: program %s cannot be attached: %s (see 'cgbpf doctor')", program,
			  strerror(-err));
		return EXIT_CANNOT;
	}
	malloc_trim(0); /* the kernel's types, read to fit the programs, are not needed again */
	protect_self();
	return 0;
}

static int start(struct controller *controller, const struct run_options *options)
{
	struct journal_record record = {.event = JOURNAL_STARTED, .has_count = true};
	int err = journal__open(options->journal_file, &controller->journal);

	if (err) {
		log_error("run: journal %s: %s", options->journal_file, strerror(-err));
		return EXIT_FAILED;
	}
	if ((options->samples_file || controller->is_observing) &&
	    !controller->features.has[FEATURE_PSI])
		log_warning("pressure is not told: %s is missing (%s), ignoring",
			    feature_row(FEATURE_PSI)->what, feature_row(FEATURE_PSI)->cure);
	if (options->samples_file)
		err = samples__open(options->samples_file, &controller->config.samples,
				    &controller->samples);
	if (err) {
		log_error("run: samples %s: %s", options->samples_file, strerror(-err));
		return EXIT_FAILED;
	}
	tell_lost(controller);
	err = load(controller);
	if (err)
		return err;
	err = actions__open(&controller->actions);
	if (err)
		return EXIT_FAILED;
	controller->donors.apply = &controller->apply;
	controller->donors.groups = &controller->groups;
	cpu_advise__load(controller);
	controller->answerer = (struct answerer){
		.is_observing = controller->is_observing,
		.loader = controller->loader,
		.groups = &controller->groups,
		.pool = &controller->pool,
		.donors = &controller->donors,
		.apply = &controller->apply,
		.actions = controller->actions,
		.advisor = &controller->advisor,
		.main_thread = pthread_self(),
		.reaction_us = REACTION_FIRST_US,
	};
	err = rescue__start(&controller->answerer, controller->root_fd, &controller->rescue);
	if (err) {
		log_error("run: the programs are attached and do not run: %s; is "
			  "kernel.ftrace_enabled=1? (see 'cgbpf doctor')",
			  strerror(-err));
		return EXIT_CANNOT;
	}
	priority__prepare(controller);
	err = govern__all(controller);
	if (err)
		log_warning("not every cgroup could be looked at: %s, ignoring", strerror(-err));
	learn__start(controller, &controller->learn);
	protect_drop_capabilities();
	donors__rank(controller);
	record.count = controller->groups.cnt;
	report(controller, &record);
	dprintf(STDERR_FILENO, "ready: %s %zu cgroups\n",
		controller->is_observing ? "observing" : "governing", controller->groups.cnt);
	notify("READY=1");
	return 0;
}

static void finish(struct controller *controller, const struct run_options *options)
{
	struct journal_record record = {.event = JOURNAL_STOPPED, .has_count = true};

	if (!controller->loader)
		return;
	notify("STOPPING=1");
	if (controller->samples)
		samples__flush(controller->samples, &controller->groups);
	throttled__end(controller);
	govern__release_all(controller);
	rescue__stop(controller->rescue);
	controller->rescue = NULL;
	controller->apply.deadline_ns = apply_now_ns() + EXIT_RECLAIM_NS;
	if (!options->is_kept && !controller->apply.is_dry_run && controller->apply.ledger_fd >= 0)
		restore__all(&controller->apply, controller->root_fd, false, tell_restored,
			     controller);
	if (!controller->journal)
		return;
	record.count = controller->summary.raised_cnt;
	report(controller, &record);
	report_summary(controller);
}

static int set_up(struct controller *controller, const struct run_options *options)
{
	char error[ERROR_LEN] = "out of memory";
	int err = run_load_config(options->config_file, &controller->config);

	if (err)
		return EXIT_WRONG_CALL;
	features_probe(&controller->features);
	err = cannot(&controller->features, &controller->config);
	if (err)
		return err;
	if (controller->is_observing)
		pressure_want_all(&controller->config);
	if (cgfs_open_root(&controller->root_fd) || groups__init(&controller->groups) ||
	    pool__refresh(&controller->pool))
		return EXIT_FAILED;
	pool__configure(&controller->pool, &controller->config);
	err = targets__resolve(&controller->config, &controller->targets, error, sizeof(error));
	if (!err)
		err = govern__check(controller, error, sizeof(error));
	if (err) {
		log_error("%s", error);
		return err == -EINVAL ? EXIT_WRONG_CALL : EXIT_FAILED;
	}
	return 0;
}

static int lock(int *ret_fd)
{
	pid_t holder = 0;
	int err = protect_lock(ret_fd, &holder);

	if (err == -EWOULDBLOCK)
		log_error("run: another cgbpf is running: pid %d", holder);
	else if (err)
		log_error("run: /run/cgbpf/lock: %s", strerror(-err));
	return err ? EXIT_FAILED : 0;
}

int run(const struct run_options *options)
{
	struct controller controller = {
		.root_fd = -1,
		.signal_fd = -1,
		.is_observing = options->is_observing,
		.apply = {.ledger_fd = -1,
			  .is_dry_run = options->is_dry_run || options->is_observing,
			  .cpus = sysconf(_SC_NPROCESSORS_ONLN)},
	};
	int lock_fd = -1, status = set_up(&controller, options);

	if (!status)
		status = lock(&lock_fd);
	if (!status) {
		controller.signal_fd = loop_open_signals();
		protect_descriptors();
		status = start(&controller, options);
		if (!status)
			status = loop(&controller, options);
		finish(&controller, options);
	}
	donors__close(&controller.donors);
	learn__stop(controller.learn);
	loader__close(controller.loader);
	actions__close(controller.actions);
	journal__close(controller.journal);
	samples__close(controller.samples);
	groups__free(&controller.groups);
	targets__free(&controller.targets);
	config__free(&controller.config);
	if (controller.root_fd >= 0)
		close(controller.root_fd);
	if (controller.signal_fd >= 0)
		close(controller.signal_fd);
	if (lock_fd >= 0)
		close(lock_fd);
	return status;
}

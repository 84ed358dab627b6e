// SPDX-License-Identifier: BSD-2-Clause
/* Gives a group's tasks the weight, nice value and policy that its target names, also those that
 * come later; makes the cgroups of targets with pids. It never changes them for need. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/folder.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/log.h"
#include "user/restore.h"
#include "user/task.h"
#include "user/text.h"

/* Heartbeats from one look at the ledger's threads to the next. */
#define TEND_EVERY 3
/* What threads have that say nothing else. */
#define COMMON_NICE "0"
#define COMMON_POLICY "0 0"

int priority_policy(enum sched_choice choice)
{
	static const int policies[] = {
		[SCHED_CHOICE_OTHER] = SCHED_OTHER, [SCHED_CHOICE_BATCH] = SCHED_BATCH,
		[SCHED_CHOICE_IDLE] = SCHED_IDLE,   [SCHED_CHOICE_RR] = SCHED_RR,
		[SCHED_CHOICE_FIFO] = SCHED_FIFO,
	};

	return policies[choice];
}

static void policy_text(enum sched_choice choice, char buf[TASK_VALUE_LEN])
{
	int policy = priority_policy(choice);

	snprintf(buf, TASK_VALUE_LEN, "%d %d", policy, policy == SCHED_RR || policy == SCHED_FIFO);
}

static void tell(struct controller *controller, const struct group *group, uint32_t knob,
		 const char *old, const char *new, enum journal_event event, enum reason reason)
{
	struct journal_record record = report_about(group, event);

	record.knob = knob_name(knob);
	record.old_text = old;
	record.new_text = new;
	record.reason = reason_name(reason);
	record.detail = reason_sentence(reason);
	report(controller, &record);
}

static int set_weight(struct controller *controller, struct group *group, uint64_t weight)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_CPU_WEIGHT, 0);
	char original[CGBPF_VALUE_LEN], value[24];
	int fd, err = knob__open(group->dir_fd, key.knob, &fd);
	struct stat file;

	if (err)
		return err;
	if (!fstat(fd, &file))
		group->weight_inode = file.st_ino;
	snprintf(value, sizeof(value), "%" PRIu64, weight);
	err = knob__read_fd(fd, &key, original, sizeof(original));
	if (!err)
		err = apply__remember_knob(&controller->apply, &key, original, group->target);
	if (!err)
		err = apply__set(&controller->apply, &key, fd, value, NULL);
	close(fd);
	if (!err)
		tell(controller, group, key.knob, original, value, JOURNAL_GOVERNED, REASON_SOFT);
	return err;
}

static struct task_rule rule_of(struct controller *controller, struct group *group, uint32_t knob,
				const char *value)
{
	return (struct task_rule){
		.apply = &controller->apply,
		.knob = knob,
		.value = value,
		.common = knob == CGBPF_KNOB_NICE ? COMMON_NICE : COMMON_POLICY,
		.target = group->target,
		.cgroup_cnt = &group->task_records_cnt,
		.all_cnt = &controller->task_records_cnt,
	};
}

static void warn_of_left(const struct task_rule *rule, size_t left_cnt)
{
	if (left_cnt)
		log_warning("%s: %zu threads keep their %s: their originals find no room in the "
			    "ledger, ignoring",
			    rule->target, left_cnt, knob_name(rule->knob));
}

/* First what threads have themselves, then the record of the cgroup: it is what all others, and
 * those born later, go back to. */
static int set_tasks(struct controller *controller, struct group *group, uint32_t knob,
		     const char *value)
{
	struct task_rule rule = rule_of(controller, group, knob, value);
	struct cgbpf_ledger_key key = group__key(group, knob, 0);
	struct cgbpf_ledger_entry entry;
	size_t left_cnt = 0;
	int err = 0;

	if (!controller->apply.is_dry_run) {
		/* A record that is there already: what they have may be from us. */
		if (ledger__get(controller->apply.ledger_fd, &key, &entry))
			err = task__keep_all(&rule, group->dir_fd);
		if (!err)
			err = apply__remember_knob(&controller->apply, &key, rule.common,
						   group->target);
		if (!err)
			err = apply__intend(&controller->apply, &key, value);
	}
	if (!err)
		err = task__set_all(&rule, group->dir_fd, &left_cnt);
	warn_of_left(&rule, left_cnt);
	if (!err)
		tell(controller, group, knob, rule.common, value, JOURNAL_GOVERNED, REASON_SOFT);
	return err;
}

struct put_back {
	struct controller *controller;
	uint32_t knob;
};

static int put_back_one(void *context, uint32_t tid)
{
	struct put_back *back = context;
	struct cgbpf_ledger_key key = {.knob = back->knob, .device = tid};
	struct restored_limit limit;
	uint64_t ticks;

	if (task_start(tid, &ticks))
		return 0;
	key.cgroup_id = ticks;
	restore__key(&back->controller->apply, back->controller->root_fd, &key, &limit);
	return 0;
}

/* The cgroup's record, then those of threads in it, which it needs. */
static void put_back(struct controller *controller, struct group *group)
{
	static const uint32_t knobs[] = {CGBPF_KNOB_CPU_WEIGHT, CGBPF_KNOB_NICE, CGBPF_KNOB_POLICY};
	struct restored_limit limit;

	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++) {
		struct cgbpf_ledger_key key = {group->id, knobs[i], 0};
		struct put_back back = {controller, knobs[i]};

		restore__key(&controller->apply, controller->root_fd, &key, &limit);
		if (group->task_records_cnt && knobs[i] != CGBPF_KNOB_CPU_WEIGHT)
			task__each_below(&controller->apply, group->dir_fd, knobs[i], put_back_one,
					 &back);
	}
	if (controller->task_records_cnt)
		controller->task_records_cnt = task__prune(&controller->apply);
	group->task_records_cnt = 0;
}

void priority__govern(struct controller *controller, struct group *group,
		      const struct target_config *target)
{
	const struct priority_config *config = &target->priority;
	char nice[TASK_VALUE_LEN], policy[TASK_VALUE_LEN];
	int err;

	if (group->has_priority || !config->is_given)
		return;
	err = govern__enter(controller, group);
	if (err)
		return;
	group->has_priority = true;
	group->priority = *config;
	/* The rule first: who comes from now on is an event. */
	govern__set_rule(controller, group);
	if (config->weight)
		err = set_weight(controller, group, config->weight);
	if (!err && config->sched) {
		policy_text(config->sched, policy);
		err = set_tasks(controller, group, CGBPF_KNOB_POLICY, policy);
	}
	if (!err && config->has_nice) {
		snprintf(nice, sizeof(nice), "%d", config->nice);
		err = set_tasks(controller, group, CGBPF_KNOB_NICE, nice);
	}
	if (!err)
		return;
	group->has_priority = false;
	govern__set_rule(controller, group);
	put_back(controller, group);
	if (!cgfs_is_gone(err))
		govern__fail(controller, target, group->path, err);
	else if (!faccessat(group->dir_fd, "cgroup.procs", F_OK, 0))
		govern__pass_over(target, group->path, "it has no cpu controller");
}

void priority__look_after(struct controller *controller, struct group *group)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_CPU_WEIGHT, 0);
	struct stat file = {};

	if (!group->has_priority || !group->priority.weight ||
	    (fstatat(group->dir_fd, knob_name(key.knob), &file, AT_SYMLINK_NOFOLLOW) &&
	     errno != ENOENT) ||
	    file.st_ino == group->weight_inode)
		return;
	group->weight_inode = 0;
	apply__forget_knob(&controller->apply, &key);
	/* Where it is not there yet it is given when it comes. */
	if (file.st_ino)
		set_weight(controller, group, group->priority.weight);
}

static bool is_same(const struct priority_config *a, const struct priority_config *b)
{
	return a->weight == b->weight && a->has_nice == b->has_nice && a->nice == b->nice &&
	       a->sched == b->sched;
}

void priority__fit(struct controller *controller, struct group *group,
		   const struct target_config *target)
{
	if (!group->has_priority)
		return;
	if (target && target->priority.is_given && is_same(&target->priority, &group->priority))
		return;
	group->has_priority = false;
	govern__set_rule(controller, group);
	put_back(controller, group);
	tell(controller, group, CGBPF_KNOB_NICE, "", "", JOURNAL_RESTORED, REASON_RELOAD);
}

static void fit_task(struct controller *controller, struct group *group,
		     const struct cgbpf_task_event *event, uint32_t knob, const char *value)
{
	struct task_rule rule = rule_of(controller, group, knob, value);
	bool had = event->had_knobs & 1U << knob;
	char now[TASK_VALUE_LEN];
	size_t left_cnt;

	if (had)
		task__keep(&rule, event->tid);
	if (event->threads_cnt <= 1) {
		task__set(&rule, event->tid);
		return;
	}
	if (task_read(event->tid, knob, now))
		return; /* all of it is gone */
	/* A leader that has the value by now and came without has it from us, while its cgroup was
	 * gone through; then so may other threads, and it is not theirs to keep. */
	task__set_process(&rule, event->tid, event->threads_cnt, had || strcmp(now, value) != 0,
			  &left_cnt);
	warn_of_left(&rule, left_cnt);
}

void priority__note(struct controller *controller, const struct cgbpf_event *event)
{
	struct group *group = groups__find(&controller->groups, event->cgroup_id);
	char nice[TASK_VALUE_LEN], policy[TASK_VALUE_LEN];

	if (!group || !group->has_priority)
		return;
	if (group->priority.sched) {
		policy_text(group->priority.sched, policy);
		fit_task(controller, group, &event->task, CGBPF_KNOB_POLICY, policy);
	}
	if (group->priority.has_nice) {
		snprintf(nice, sizeof(nice), "%d", group->priority.nice);
		fit_task(controller, group, &event->task, CGBPF_KNOB_NICE, nice);
	}
}

void priority__catch_up(struct controller *controller, struct group *group)
{
	char nice[TASK_VALUE_LEN], policy[TASK_VALUE_LEN];
	struct task_rule rule;

	if (!group->has_priority)
		return;
	if (group->priority.sched) {
		policy_text(group->priority.sched, policy);
		rule = rule_of(controller, group, CGBPF_KNOB_POLICY, policy);
		task__catch_up(&rule, group->dir_fd);
	}
	if (group->priority.has_nice) {
		snprintf(nice, sizeof(nice), "%d", group->priority.nice);
		rule = rule_of(controller, group, CGBPF_KNOB_NICE, nice);
		task__catch_up(&rule, group->dir_fd);
	}
}

void priority__tend(struct controller *controller)
{
	struct group *group = NULL;

	if (!controller->task_records_cnt || ++controller->tended_cnt % TEND_EVERY != 0)
		return;
	controller->task_records_cnt = task__prune(&controller->apply);
	while ((group = groups__next(&controller->groups, group)))
		if (group->task_records_cnt >= TASK_RECORDS_OF_ONE / 2)
			group->task_records_cnt =
				task__count(&controller->apply, group->dir_fd, CGBPF_KNOB_NICE) +
				task__count(&controller->apply, group->dir_fd, CGBPF_KNOB_POLICY);
}

void priority__forget(struct controller *controller, uint64_t id)
{
	static const uint32_t knobs[] = {CGBPF_KNOB_NICE, CGBPF_KNOB_POLICY};

	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++) {
		struct cgbpf_ledger_key key = {id, knobs[i], 0};

		apply__forget_knob(&controller->apply, &key);
	}
}

/* What of a target's resources needs a controller on the way to its folder. */
static size_t controllers_of(const struct target_config *target, const char *ret[4])
{
	size_t cnt = 0;

	if (target->memory.is_given)
		ret[cnt++] = "memory";
	if (target->cpu.is_given || target->priority.weight)
		ret[cnt++] = "cpu";
	if (target->io.is_given)
		ret[cnt++] = "io";
	ret[cnt] = NULL;
	return cnt;
}

static void prepare_one(struct controller *controller, const struct target_config *target)
{
	const char *controllers[4];
	char shown[256];
	int fd, err;

	controllers_of(target, controllers);
	text_escape(target->match, strlen(target->match), shown, sizeof(shown));
	err = folder__make(&controller->apply, controller->root_fd, target->match, controllers,
			   target->name, &fd);
	if (err) {
		log_warning("%s: cannot be made: %s, ignoring", shown, strerror(-err));
		return;
	}
	for (size_t i = 0; i < target->pids_cnt; i++) {
		err = task__move(&controller->apply, controller->root_fd, target->pids[i].pid, fd,
				 target->name);
		if (err)
			log_warning("%s:%u:%u: process %u: %s, ignoring", controller->config.file,
				    target->pids[i].line, target->pids[i].column,
				    target->pids[i].pid, strerror(-err));
	}
	close(fd);
}

void priority__prepare(struct controller *controller)
{
	if (controller->apply.is_dry_run)
		return;
	for (size_t i = 0; i < controller->config.targets_cnt; i++)
		if (controller->config.targets[i].has_pids)
			prepare_one(controller, &controller->config.targets[i]);
}

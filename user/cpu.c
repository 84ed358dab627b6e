// SPDX-License-Identifier: BSD-2-Clause
/* Brings the CPU time of a group under its rule, fits it, tells what it lost and gives back what it
 * does not use. It never raises for need (see answer_cpu). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/cgfs.h"
#include "user/controller.h"
#include "user/cpu.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/restore.h"

#define NSEC_PER_USEC 1000ULL
#define TEXT_LEN 48

/* What stands, in the words of its file. */
static char *standing_text(const struct group_cpu *cpu, char *buf, size_t len)
{
	if (cpu->mode == CPU_MODE_WEIGHT)
		snprintf(buf, len, "%" PRIu64, cpu->weight);
	else
		quota_format(&cpu->standing, buf, len);
	return buf;
}

/* Whether what we last wrote or found is no longer what stands. */
static bool is_theirs(struct controller *controller, const struct group *group,
		      const struct cgbpf_ledger_key *key)
{
	char ours[TEXT_LEN], standing[CGBPF_VALUE_LEN];

	if (controller->apply.is_dry_run)
		return false;
	standing_text(group->cpu, ours, sizeof(ours));
	return cpu_burst__is_theirs(group) ||
	       (!knob__read_fd(group->cpu->fd, key, standing, sizeof(standing)) &&
		strcmp(standing, ours) != 0);
}

/* Burst down before quota down: the kernel takes no burst above the quota. The lock is kept for as
 * long as the kernel's handler takes; nothing here reclaims. */
static int write_locked(struct controller *controller, struct group *group, uint64_t amount)
{
	struct cgbpf_ledger_key key = group__key(group, cpu_knob(group->cpu), 0);
	struct group_cpu *cpu = group->cpu;
	char value[TEXT_LEN];
	int err = 0;

	if (cpu->mode == CPU_MODE_QUOTA && amount < group_cpu__amount(cpu))
		err = cpu_burst__fit(controller, group, quota_for(amount, cpu->standing.period_us));
	cpu_format(cpu, amount, value, sizeof(value));
	if (!err)
		err = apply__set(&controller->apply, &key, cpu->fd, value, NULL);
	/* A dry run has changed nothing. */
	if (!err && !controller->apply.is_dry_run)
		cpu_parse(cpu, value);
	return err;
}

int cpu__set(struct controller *controller, struct group *group, uint64_t amount)
{
	int err;

	pthread_mutex_lock(&controller->groups.lock);
	err = write_locked(controller, group, amount);
	pthread_mutex_unlock(&controller->groups.lock);
	return err;
}

int cpu__move(struct controller *controller, struct group *group, uint64_t from, uint64_t to)
{
	struct cgbpf_ledger_key key = group__key(group, cpu_knob(group->cpu), 0);
	int err = -EAGAIN;

	pthread_mutex_lock(&controller->groups.lock);
	if (group_cpu__amount(group->cpu) == from && !is_theirs(controller, group, &key))
		err = write_locked(controller, group, to);
	if (!err)
		group->cpu->is_hard_said = false;
	pthread_mutex_unlock(&controller->groups.lock);
	return err;
}

struct journal_record cpu_about(const struct group *group, enum journal_event event)
{
	struct journal_record record = report_about(group, event);

	record.knob = knob_name(cpu_knob(group->cpu));
	return record;
}

/* Sets soft and the burst where they differ. The rule is in force already. */
static int begin(struct controller *controller, struct group *group)
{
	struct journal_record record = cpu_about(group, JOURNAL_GOVERNED);
	struct group_cpu *cpu = group->cpu;
	char old[TEXT_LEN], new[TEXT_LEN];
	int err = 0;

	cpu_burst__find(group);
	standing_text(cpu, old, sizeof(old));
	if (group_cpu__amount(cpu) != cpu->rule.soft)
		err = cpu__set(controller, group, cpu->rule.soft);
	if (!err && cpu->has_burst)
		err = cpu_burst__fit(controller, group, cpu->standing.quota_us);
	if (err)
		return err;
	record.old_text = old;
	record.new_text = cpu_format(cpu, cpu->rule.soft, new, sizeof(new));
	record.reason = reason_name(REASON_SOFT);
	record.detail = reason_sentence(REASON_SOFT);
	report(controller, &record);
	return 0;
}

static struct cpu_rule rule_of(const struct cpu_config *config, uint64_t found)
{
	bool is_weight = config->mode == CPU_MODE_WEIGHT;
	struct cpu_rule rule =
		decide_cpu_rule(is_weight ? config->soft.weight : config->soft.cores_ppm,
				is_weight ? config->hard.weight : config->hard.cores_ppm,
				is_weight ? config->step.weight : config->step.cores_ppm, found);

	if (is_weight && rule.hard > CPU_WEIGHT_MAX)
		rule.hard = CPU_WEIGHT_MAX;
	return rule;
}

static void configure(struct group_cpu *cpu, const struct cpu_config *config, uint64_t found)
{
	cpu->rule = rule_of(config, found);
	cpu_fit_rule(cpu);
	cpu->return_after_ns = config->return_after_ns;
	cpu->has_burst = config->has_burst;
	cpu->burst_ppm = config->burst_ppm;
	cpu->is_soft_given = config->mode == CPU_MODE_WEIGHT ? config->soft.weight != 0
							     : config->soft.cores_ppm != 0;
	cpu->is_hard_said = false;
}

/* What was there before us: an earlier run may have left its own value. */
static uint64_t found_before(const struct controller *controller, const struct group_cpu *cpu,
			     const struct cgbpf_ledger_key *key)
{
	struct group_cpu before = {.mode = cpu->mode};
	struct cgbpf_ledger_entry entry;

	if (ledger__get(controller->apply.ledger_fd, key, &entry) ||
	    cpu_parse(&before, entry.original))
		return group_cpu__amount(cpu);
	return group_cpu__amount(&before);
}

static void leave(struct controller *controller, struct group *group)
{
	struct group_cpu *cpu = group->cpu;

	pthread_mutex_lock(&controller->groups.lock);
	group->cpu = NULL;
	pthread_mutex_unlock(&controller->groups.lock);
	group_cpu__free(cpu);
	govern__set_rule(controller, group);
}

static void put_back(struct controller *controller, struct group *group, uint32_t knob,
		     bool is_told)
{
	struct cgbpf_ledger_key burst = group__key(group, CGBPF_KNOB_CPU_MAX_BURST, 0);
	struct cgbpf_ledger_key key = group__key(group, knob, 0);
	struct journal_record record = report_about(group, JOURNAL_RESTORED);
	struct restored_limit limit, burst_limit;

	restore__key(&controller->apply, controller->root_fd, &key, &limit);
	if (knob == CGBPF_KNOB_CPU_MAX)
		restore__key(&controller->apply, controller->root_fd, &burst, &burst_limit);
	if (!is_told)
		return;
	report_texts(&record, knob, limit.before, limit.after);
	record.reason = reason_name(REASON_RELOAD);
	record.detail = reason_sentence(REASON_RELOAD);
	report(controller, &record);
}

static int install(struct controller *controller, struct group *group, struct group_cpu *cpu,
		   const struct cpu_config *config)
{
	struct cgbpf_ledger_key key = group__key(group, cpu_knob(cpu), 0);
	char original[CGBPF_VALUE_LEN];
	struct cpu_look look = {};
	int err = knob__read_fd(cpu->fd, &key, original, sizeof(original));

	if (err || cpu_parse(cpu, original))
		return err ?: -EINVAL;
	configure(cpu, config, found_before(controller, cpu, &key));
	cgfs_look_cpu(group->dir_fd, &look);
	group->lost.throttled_ns = look.throttled_us * NSEC_PER_USEC;
	group->lost.periods_cnt = look.periods_cnt;
	group->lost.throttled_cnt = look.throttled_cnt;
	err = apply__remember_knob(&controller->apply, &key, original, group->target);
	if (!err)
		err = govern__enter(controller, group);
	if (err)
		return err;
	pthread_mutex_lock(&controller->groups.lock);
	group->cpu = cpu;
	pthread_mutex_unlock(&controller->groups.lock);
	err = govern__set_rule(controller, group);
	return err ?: begin(controller, group);
}

/* Without a soft, what has no quota has nothing to be governed by. */
static bool has_limit(const struct group_cpu *cpu, const struct cpu_config *config)
{
	struct cgbpf_ledger_key key = {.knob = CGBPF_KNOB_CPU_MAX};
	struct quota quota;
	char text[CGBPF_VALUE_LEN];

	return cpu->mode == CPU_MODE_WEIGHT || config->soft.cores_ppm ||
	       knob__read_fd(cpu->fd, &key, text, sizeof(text)) || quota_parse(text, &quota) ||
	       quota.quota_us != UINT64_MAX;
}

void cpu__govern(struct controller *controller, struct group *group,
		 const struct target_config *target)
{
	const struct cpu_config *config = &target->cpu;
	struct group_cpu *cpu;
	int err;

	if (group->cpu || !config->is_given)
		return;
	cpu = calloc(1, sizeof(*cpu));
	if (!cpu)
		return;
	cpu->mode = config->mode;
	err = knob__open(group->dir_fd, cpu_knob(cpu), &cpu->fd);
	if (err)
		cpu->fd = -1;
	if (!err && !govern__is_spared(cpu->fd))
		err = -EMFILE;
	if (!err && !has_limit(cpu, config)) {
		group_cpu__free(cpu);
		return;
	}
	if (!err)
		err = install(controller, group, cpu, config);
	if (!err) {
		cpu_advise__fit(controller, group);
		return;
	}
	if (err == -ENOENT && !faccessat(group->dir_fd, "cgroup.procs", F_OK, 0))
		govern__pass_over(target, group->path,
				  "it has no cpu controller (+cpu in its parent's "
				  "cgroup.subtree_control)");
	else if (!cgfs_is_gone(err))
		govern__fail(controller, target, group->path, err);
	if (group->cpu)
		leave(controller, group);
	else
		group_cpu__free(cpu);
	put_back(controller, group,
		 config->mode == CPU_MODE_WEIGHT ? CGBPF_KNOB_CPU_WEIGHT : CGBPF_KNOB_CPU_MAX,
		 false);
}

/* The rule of CONFIG in the place of the old. */
static void change(struct controller *controller, struct group *group,
		   const struct cpu_config *config)
{
	struct cgbpf_ledger_key key = group__key(group, cpu_knob(group->cpu), 0);
	struct journal_record record = cpu_about(group, JOURNAL_GOVERNED);
	struct group_cpu *cpu = group->cpu;
	char old[TEXT_LEN], new[TEXT_LEN];
	bool had_burst = cpu->has_burst;
	/* Where soft is left out now, what was given before is no limit of the cgroup's. */
	uint64_t found = cpu->is_soft_given ? found_before(controller, cpu, &key) : cpu->rule.soft;
	uint64_t amount, next;
	int err = 0;

	pthread_mutex_lock(&controller->groups.lock);
	configure(cpu, config, found);
	amount = next = group_cpu__amount(cpu);
	pthread_mutex_unlock(&controller->groups.lock);
	govern__set_rule(controller, group);
	record.old_text = standing_text(cpu, old, sizeof(old));
	/* A weight is given for no need, and nothing else would bring it back to soft. */
	if (amount < cpu->rule.soft || cpu->mode == CPU_MODE_WEIGHT)
		next = cpu->rule.soft;
	else if (amount > cpu->rule.hard)
		next = cpu->rule.hard;
	if (next != amount)
		err = cpu__set(controller, group, next);
	/* Where it is no longer configured, as it was before us. */
	if (!err && (had_burst || cpu->has_burst)) {
		pthread_mutex_lock(&controller->groups.lock);
		cpu_burst__fit(controller, group, cpu->standing.quota_us);
		pthread_mutex_unlock(&controller->groups.lock);
	}
	if (err || next == amount)
		return;
	record.new_text = standing_text(cpu, new, sizeof(new));
	record.reason = reason_name(REASON_SOFT);
	record.detail = reason_sentence(REASON_SOFT);
	report(controller, &record);
}

/* Is there a soft, given or found? As when governing begins. */
static bool has_soft(const struct controller *controller, const struct group *group,
		     const struct cpu_config *config)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_CPU_MAX, 0);
	const struct group_cpu *cpu = group->cpu;

	return cpu->mode == CPU_MODE_WEIGHT || config->soft.cores_ppm || !cpu->is_soft_given ||
	       found_before(controller, cpu, &key) != UINT64_MAX;
}

void cpu__fit(struct controller *controller, struct group *group,
	      const struct target_config *target)
{
	bool is_wanted = target && target->cpu.is_given;
	uint32_t knob;

	if (!group->cpu)
		return;
	/* What somebody else wrote meanwhile is answered by the rule of that time. */
	cpu__foreign(controller, group, NULL);
	knob = cpu_knob(group->cpu);
	if (group->cpu->is_stopped) { /* obeyed until now; considered afresh */
		leave(controller, group);
	} else if (is_wanted && target->cpu.mode == group->cpu->mode &&
		   has_soft(controller, group, &target->cpu)) {
		change(controller, group, &target->cpu);
	} else {
		leave(controller, group);
		put_back(controller, group, knob, true);
	}
}

/* An administrator's word is obeyed until a reload, also where the file is another by then. */
void cpu__look_after(struct controller *controller, struct group *group)
{
	struct cgbpf_ledger_key burst = group__key(group, CGBPF_KNOB_CPU_MAX_BURST, 0), key;
	char standing[CGBPF_VALUE_LEN];

	if (!group->cpu || group->cpu->is_stopped)
		return;
	key = group__key(group, cpu_knob(group->cpu), 0);
	if (!cgfs_is_gone(knob__read_fd(group->cpu->fd, &key, standing, sizeof(standing))))
		return;
	leave(controller, group);
	apply__forget_knob(&controller->apply, &key);
	apply__forget_knob(&controller->apply, &burst);
}

void cpu__forget(struct controller *controller, uint64_t id)
{
	static const uint32_t knobs[] = {CGBPF_KNOB_CPU_MAX, CGBPF_KNOB_CPU_MAX_BURST,
					 CGBPF_KNOB_CPU_WEIGHT};

	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++) {
		struct cgbpf_ledger_key key = {id, knobs[i], 0};

		apply__forget_knob(&controller->apply, &key);
	}
}

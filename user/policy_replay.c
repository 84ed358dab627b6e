// SPDX-License-Identifier: BSD-2-Clause
/* Replays samples through the arithmetic of policy_sim. Deterministic: the same file, the same
 * figures. */
#include "user/policy_replay.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/policy_samples.h"

/* Cgroups in one file; a run of more is replayed for the first so many. */
#define SERIES_MAX 512

static const char *const names[REPLAYS] = {
	[REPLAY_STEP] = "fixed_step", [REPLAY_LINEAR] = "linear", [REPLAY_TARGET] = "target"};
static const enum policy_kind kinds[REPLAYS] = {
	[REPLAY_STEP] = POLICY_HEURISTIC,
	[REPLAY_LINEAR] = POLICY_LINEAR,
	[REPLAY_TARGET] = POLICY_TARGET,
};

struct series {
	char *name;
	struct sim sims[REPLAYS];
};

struct replay {
	const struct sim_rule *rule;
	const struct policy_model *model;
	struct series *series;
	size_t cnt;
};

/* Without a model it would be the fixed step under another name. */
static bool is_asked(const struct replay *replay, int policy)
{
	return kinds[policy] != POLICY_LINEAR || replay->model;
}

static struct series *series_of(struct replay *replay, const struct policy_row *row)
{
	struct sim_rule rule = *replay->rule;
	struct series *series;

	for (size_t i = 0; i < replay->cnt; i++)
		if (strcmp(replay->series[i].name, row->series) == 0)
			return &replay->series[i];
	if (replay->cnt == SERIES_MAX)
		return NULL;
	series = &replay->series[replay->cnt];
	series->name = strdup(row->series);
	if (!series->name)
		return NULL;
	replay->cnt++;
	if (!(rule.soft_cores > 0))
		rule.soft_cores = row->soft_cores;
	if (!(rule.hard_cores > 0))
		rule.hard_cores = row->seen.hard_cores;
	for (int i = 0; i < REPLAYS; i++)
		sim__begin(&series->sims[i], &rule, kinds[i], replay->model);
	return series;
}

static int run_row(void *context, const struct policy_row *row)
{
	struct series *series = series_of(context, row);

	for (int i = 0; series && i < REPLAYS; i++)
		if (is_asked(context, i))
			sim__run(&series->sims[i], row->interval_s, row->x[POLICY_DEMAND], NULL);
	return 0;
}

static void add(struct sim_result *sum, const struct sim_result *one)
{
	sum->time_s += one->time_s;
	sum->throttled_s += one->throttled_s;
	sum->used_s += one->used_s;
	sum->allotted_s += one->allotted_s;
	sum->raises += one->raises;
	sum->lowers += one->lowers;
	sum->asked += one->asked;
	sum->applied += one->applied;
	sum->lower += one->lower;
	sum->out_of_range += one->out_of_range;
	sum->periods += one->periods;
	sum->throttled_periods += one->throttled_periods;
}

int policy_replay(const char *samples, const struct sim_rule *rule,
		  const struct policy_model *model, struct replayed ret_replayed[REPLAYS])
{
	struct replay replay = {.rule = rule, .model = model};
	struct policy_read read;
	int err;

	replay.series = calloc(SERIES_MAX, sizeof(*replay.series));
	if (!replay.series)
		return -ENOMEM;
	err = policy_samples__read(samples, 0, 1, 0, false, run_row, &replay, &read);
	for (int i = 0; i < REPLAYS; i++) {
		ret_replayed[i] = (struct replayed){.name = is_asked(&replay, i) ? names[i] : NULL};
		for (size_t s = 0; s < replay.cnt; s++)
			add(&ret_replayed[i].sum, &replay.series[s].sims[i].result);
	}
	for (size_t s = 0; s < replay.cnt; s++)
		free(replay.series[s].name);
	free(replay.series);
	return !err && !read.row_cnt ? -ENODATA : err;
}

json_t *policy_replay_json(const struct replayed *replayed)
{
	json_t *list = json_array();

	for (int i = 0; i < REPLAYS; i++) {
		const struct sim_result *sum = &replayed[i].sum;

		if (!replayed[i].name)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
				  "policy", replayed[i].name, "seconds", sum->time_s,
				  "throttled_seconds", sum->throttled_s, "core_seconds_allotted",
				  sum->allotted_s, "core_seconds_used", sum->used_s, "raises",
				  sum->raises, "lowers", sum->lowers, "asked", sum->asked,
				  "applied", sum->applied, "not_more_than_now", sum->lower,
				  "out_of_range", sum->out_of_range, "throttled_periods",
				  sum->throttled_periods));
	}
	return list;
}

void policy_replay_print(const struct replayed *replayed)
{
	printf("%-12s %12s %14s %14s %8s %8s %8s %8s %8s\n", "policy", "throttled s",
	       "core-s allotted", "core-s used", "raises", "asked", "applied", "not more", "range");
	for (int i = 0; i < REPLAYS; i++) {
		const struct sim_result *sum = &replayed[i].sum;

		if (!replayed[i].name)
			continue;
		printf("%-12s %12.3f %14.1f %14.1f %8.0f %8.0f %8.0f %8.0f %8.0f\n",
		       replayed[i].name, sum->throttled_s, sum->allotted_s, sum->used_s,
		       sum->raises, sum->asked, sum->applied, sum->lower, sum->out_of_range);
	}
}

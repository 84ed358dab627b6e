/* SPDX-License-Identifier: BSD-2-Clause */
/* One line a cgroup and interval, and one a change with what followed: data to learn from. It never
 * decides and never stops the controller. */
#ifndef CGBPF_SAMPLES_H
#define CGBPF_SAMPLES_H

#include <stdint.h>

#include "user/config.h"
#include "user/group.h"
#include "user/journal.h"

/* Of the lines; a change of meaning is a new number. */
#define SAMPLES_SCHEMA 1

struct samples;

/* Opens FILE as a journal is opened: see lines.h. 0 or a negative errno. */
int samples__open(const char *file, const struct samples_config *config,
		  struct samples **ret_samples);
/* A timer, readable once an interval. */
int samples__fd(const struct samples *samples);
/* Reads every group of GROUPS and writes its line. */
void samples__tick(struct samples *samples, struct groups *groups);
/* A limit of GROUP has just been changed as RECORD says. */
void samples__note(struct samples *samples, struct group *group,
		   const struct journal_record *record);
/* Takes CONFIG, and the same path again. */
void samples__reload(struct samples *samples, const struct samples_config *config);
/* Writes what waits for what followed. */
void samples__flush(struct samples *samples, struct groups *groups);
void samples__close(struct samples *samples);

#endif

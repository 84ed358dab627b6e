/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rooms of CPU time share on the main thread. It never raises for need. */
#ifndef CGBPF_CPU_H
#define CGBPF_CPU_H

#include "user/controller.h"

/* CGROUP_WEIGHT_MAX in include/linux/cgroup.h */
#define CPU_WEIGHT_MAX 10000

/* The file that holds its limit. */
uint32_t cpu_knob(const struct group_cpu *cpu);
/* What stands becomes what TEXT says. */
int cpu_parse(struct group_cpu *cpu, const char *text);
/* AMOUNT as its file says it; returns BUF. */
char *cpu_format(const struct group_cpu *cpu, uint64_t amount, char *buf, size_t len);
/* A record about GROUP and that file. */
struct journal_record cpu_about(const struct group *group, enum journal_event event);
/* Soft and hard become what the period that stands can hold: quotas are whole microseconds. */
void cpu_fit_rule(struct group_cpu *cpu);
/*
 * Writes AMOUNT, up or down, burst first where it has to be. Takes the groups' lock. -EAGAIN:
 * somebody else's value stands; IS_ANSWER: it is written all the same.
 */
int cpu__set(struct controller *controller, struct group *group, uint64_t amount, bool is_answer);

/* cpu_advise.c */
/* Judges what was applied, moves what the target controller moves. True: that policy alone lowers
 * GROUP. *RET_IS_WAITING: something is still to be judged. */
bool cpu_advise__tick(struct controller *controller, struct group *group, bool *ret_is_waiting);

#endif

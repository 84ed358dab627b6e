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
/* Writes AMOUNT over whatever stands, up or down, burst first where it has to be. Takes the groups'
 * lock. */
int cpu__set(struct controller *controller, struct group *group, uint64_t amount);
/* The same in the place of FROM. -EAGAIN: a raise came in between, or somebody else's value stands;
 * nothing was changed. */
int cpu__move(struct controller *controller, struct group *group, uint64_t from, uint64_t to);

/* cpu_burst.c: cpu.max.burst, in mode quota. */
/* What it finds is what stands, and no news. */
void cpu_burst__find(struct group *group);
/* Brings it to what is configured, and in any case to MOST_US, above which the kernel refuses a
 * quota. Under the groups' lock. */
int cpu_burst__fit(struct controller *controller, struct group *group, uint64_t most_us);
/* Whether what we last wrote or found is no longer what stands. */
bool cpu_burst__is_theirs(const struct group *group);
/* Somebody else wrote it, or may have (EVENT NULL). */
void cpu_burst__foreign(struct controller *controller, struct group *group,
			const struct cgbpf_event *event);

/* cpu_advise.c */
/* Judges what was applied, moves what the target controller moves. True: that policy alone lowers
 * GROUP. *RET_IS_WAITING: something is still to be judged. */
bool cpu_advise__tick(struct controller *controller, struct group *group, bool *ret_is_waiting);

#endif

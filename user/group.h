/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The governed cgroups, by id. It never reads a cgroup file and never decides.
 *
 * Shared by the rescuing and the main thread: whoever touches a group holds the table's lock, and
 * does not wait for a disk, a reclaim or another process while holding it.
 */
#ifndef CGBPF_GROUP_H
#define CGBPF_GROUP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "user/config.h"
#include "user/decide_cpu.h"
#include "user/decide_io.h"
#include "user/decide_memory.h"
#include "user/quota.h"

/* A minute's: to what others want, and to what only resets (daemon-reload does, once a package). */
#define GROUP_REASSERTS_MAX 3
#define GROUP_RESETS_MAX 60

/* Which of this minute's are taken. */
struct group_reasserts {
	uint64_t at_ns[GROUP_REASSERTS_MAX];
	uint64_t resets_since_ns;
	unsigned int resets_cnt;
};

struct advise_track;

/* How a group's CPU time is governed. */
struct group_cpu {
	enum cpu_mode mode;
	struct cpu_rule rule;
	struct quota standing; /* mode quota: what we last wrote or found */
	uint64_t weight; /* mode weight: the same */
	int fd; /* cpu.max or cpu.weight, kept open for raises */
	uint64_t return_after_ns;
	uint64_t burst_ppm; /* of one CPU */
	bool has_burst; /* configured, and no administrator's is obeyed */
	uint64_t burst_us; /* what we last wrote or found; UINT64_MAX: the kernel has none */
	struct group_reasserts burst_reasserts;
	uint64_t calm_since_ns; /* could do with less since; 0: cannot */
	uint64_t usage_us, looked_ns; /* cpu.stat, when last looked */
	struct group_reasserts reasserts;
	bool is_soft_given;
	bool is_stopped; /* an administrator's value is obeyed until a reload */
	struct advise_track *advise; /* owned; NULL: by the fixed step alone */
	bool is_hard_said;
	enum reason refused; /* said last, and when */
	uint64_t refused_ns;
};

/* One of the four limits of a device. */
struct group_rate {
	bool is_governed;
	bool is_soft_given;
	bool is_hard_said;
	struct io_rule rule;
	uint64_t standing; /* what we last wrote or found; UINT64_MAX: no limit */
	uint64_t used_cnt; /* io.stat, when last looked */
	uint64_t calm_since_ns; /* could do with less since; 0: cannot */
};

/* How a group's IO on one device is governed. */
struct group_io {
	uint32_t device; /* as in the ledger's keys */
	struct group_rate rates[IO_KINDS];
	int fd; /* io.max, kept open for raises */
	uint64_t return_after_ns;
	uint64_t looked_ns; /* used_cnt is from then; 0: never */
	uint64_t raised_ns[2]; /* a limit of reads, of writes: when its last raise began */
	uint64_t bound_ns; /* when it was said last that another's limit binds; 0: never */
	enum io_kind told_kind; /* the limit that was named last for throttled bios */
	struct group_reasserts reasserts;
	bool is_stopped;
};

struct group {
	uint64_t id;
	char *path; /* below the root, raw bytes */
	char target[CONFIG_NAME_MAX + 1];
	enum foreign_policy on_foreign_write;
	uint64_t return_after_ns;
	uint64_t hold_ns;
	bool has_memory; /* its memory is governed; if not, is_stopped is set */
	struct group_cpu *cpu; /* owned; NULL: not governed */
	struct group_io *io; /* the same */
	struct priority_config priority; /* of its tasks, where has_priority */
	bool has_priority;
	struct group_reasserts weight_reasserts; /* of that priority's weight */
	uint64_t weight_inode; /* of the cpu.weight that has it; 0: none has */
	uint32_t task_records_cnt; /* of single threads, about: what went is found later */
	struct memory_rule rule;
	int dir_fd;
	int max_fd; /* memory.max, kept open for raises */
	int usage_fd; /* memory.current, kept open where it can lend, has borrowed, or has_high; -1:
			 not */
	size_t rank; /* its place among donors, from 1; 0: none. Main thread only */
	bool is_high_left; /* an administrator's value is obeyed until a reload */
	bool has_high; /* its memory.high follows memory.max: see high */
	int high_fd; /* where has_high */
	uint64_t high_bytes; /* what we last wrote or found */
	uint64_t high_least_bytes; /* the original: never under it */
	uint64_t high_gap_bytes; /* so far below memory.max, as it was at first */
	bool is_high_moving; /* the main thread is in the kernel with another one */
	struct group_reasserts high_reasserts;
	uint64_t limit_bytes; /* what we last wrote or found */
	uint64_t made_ns; /* CLOCK_MONOTONIC at the end of its cgroup_mkdir(); 0: it was there
			     before us */
	uint64_t unused_bytes; /* granted and, when last seen, not in use: promised to this group */
	uint64_t look_file_bytes; /* page cache of it and all below, when last looked */
	uint64_t look_ns;
	uint64_t calm_since_ns; /* could do with less since; 0: cannot */
	struct group_reasserts reasserts;
	bool is_soft_given; /* by the configuration, not found */
	bool is_stopped; /* an administrator's value is obeyed: no rule until a reload */
	bool is_shrinking; /* the main thread is in the kernel with a lower limit for it, */
	uint64_t shrink_from_bytes; /* coming from this one */
	bool is_hard_said;
	bool is_never_donor; /* its memory is not lent */
	bool is_watched; /* its use is sampled */
	enum reason refused; /* said last, and when; whether the kernel was about to kill then */
	bool is_refused_at_oom;
	uint64_t refused_ns;
	struct {
		uint64_t throttled_ns;
		uint32_t periods_cnt, throttled_cnt;
		uint64_t io_throttled_cnt;
		uint64_t cpu_told_ns, io_told_ns[2]; /* when; of reads, of writes */
		bool has_more; /* there may be more to tell */
	} lost; /* of what throttling cost, told so far: see throttled. Main thread only */
	/* Where it is only observed: */
	uint64_t told_ns; /* when it was told that memory.max was met */
	uint32_t watched_knobs; /* bit (1 << enum cgbpf_knob), as its rule has them */
	uint32_t watched_device; /* the same */
	void *sample; /* of samples.c: what was read last; NULL where nobody asked */
	struct group *next;
};

struct groups {
	pthread_mutex_t lock; /* priority inheriting: the rescuer waits for nobody of lower rank */
	struct group **buckets;
	size_t cnt;
	uint64_t changed_cnt; /* how often one came or went */
};

int groups__init(struct groups *groups);
void groups__free(struct groups *groups);
/* Takes ownership of GROUP. -ENOSPC when CGBPF_MAX_GOVERNED are governed. */
int groups__add(struct groups *groups, struct group *group);
struct group *groups__find(struct groups *groups, uint64_t id);
/* Unlinks; the caller frees with group__free. */
struct group *groups__take(struct groups *groups, uint64_t id);
/* One after another, in no order; NULL begins and ends. GROUP may be taken out once its successor
 * is known. */
struct group *groups__next(const struct groups *groups, const struct group *group);
void group__free(struct group *group);
void group_cpu__free(struct group_cpu *cpu);
void group_io__free(struct group_io *io);
/* memory.high beside that limit; UINT64_MAX: it has none that follows. */
uint64_t group__high_at(const struct group *group, uint64_t limit_bytes);
/* Is it elsewhere than beside the limit that it has; too high counts where MAY_LOWER. */
bool group__is_high_due(const struct group *group, bool may_lower);
/* How much may be in use under that limit before the kernel steps in. */
uint64_t group__reach_at(const struct group *group, uint64_t limit_bytes);
/* Is KNOB one of the files that hold its limit? */
bool group_cpu__is_knob(const struct group_cpu *cpu, uint32_t knob);
/* What it has: parts per million of one CPU, or its weight. */
uint64_t group_cpu__amount(const struct group_cpu *cpu);
/* How the ledger names one of its knobs. */
struct cgbpf_ledger_key group__key(const struct group *group, uint32_t knob, uint32_t device);
/*
 * Sets what is promised to GROUP, and *PROMISED_BYTES, the sum of all promises, with it: what it
 * was given beyond soft and, at USAGE, does not use. Under the table's lock.
 */
void group__promise(struct group *group, uint64_t usage_bytes, uint64_t *promised_bytes);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BPF object's life: open, fit to this kernel, load, pin, attach, detach, unpin. It never
 * decides and never writes a cgroup file. Only loader.c sees the skeleton.
 */
#ifndef CGBPF_LOADER_H
#define CGBPF_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "user/feature.h"

struct loader;

/*
 * Opens, loads and pins; nothing is attached yet. The pinned ledger of an earlier run is taken
 * over. Returns 0 or a negative errno; -EPROTO: what is pinned as a ledger is none of this version.
 */
int loader__open(const struct features *features, struct loader **ret_loader);
/* Attaches every wanted program but the one for IO, which waits for a rule. On failure *RET_PROGRAM
 * names the one that could not be. */
int loader__attach(struct loader *loader, const char **ret_program);
/* Detaches all: from here on the kernel behaves as if we had never been there. */
void loader__detach(struct loader *loader);
/* Unpins all but a ledger that still has entries, detaches and frees. NULL is allowed. */
void loader__close(struct loader *loader);

int loader__urgent_fd(const struct loader *loader);
int loader__notes_fd(const struct loader *loader);
int loader__ledger_fd(const struct loader *loader);
/*
 * How often the kernel left a program out because it was at work on that CPU already: a task in it
 * was preempted (__bpf_prog_enter_recur() in kernel/bpf/trampoline.c). Of those whose moment does
 * not come again.
 */
uint64_t loader__skipped_cnt(const struct loader *loader);
/* The live statistics, mapped; readable until loader__close. */
const struct cgbpf_stats *loader__stats(const struct loader *loader);

/* Adds or replaces a rule (and an empty state with it), or removes both. The first with a device
 * attaches the program for IO; where that fails it says so, sets nothing and returns -EIO. */
int loader__set_rule(struct loader *loader, uint64_t cgroup_id, const struct cgbpf_rule *rule);
void loader__drop_rule(struct loader *loader, uint64_t cgroup_id);
int loader__seen(const struct loader *loader, uint64_t cgroup_id, struct cgbpf_cgroup *ret_seen);

/* The thread that must be let in while a task is held; and how long its answers take. */
void loader__set_rescuer(struct loader *loader, uint32_t tid);
void loader__set_reaction(struct loader *loader, uint64_t reaction_us);

#endif

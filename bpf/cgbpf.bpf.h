/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The prelude of every BPF file, and all that one BPF file may call of another. It defines no map
 * and no program.
 *
 * A map belongs to the file that defines it; the others use the functions below. They are __hidden,
 * which makes the verifier check them in the context of each caller (so they may take and return
 * pointers).
 */
#ifndef CGBPF_BPF_H
#define CGBPF_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/abi.h"

#define PAGE_SHIFT                                                                                 \
	12 /* x86; an architecture with other page sizes needs a load-time constant here */
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL

static __always_inline __u64 pages_to_bytes(__u64 pages)
{
	/* PAGE_COUNTER_MAX is "no limit" (include/linux/page_counter.h); all ones means the same
	 * here. */
	return pages >= 1ULL << 50 ? ~0ULL : pages << PAGE_SHIFT;
}

/* A kernel pointer as a number, which global functions take: the verifier forgets what a copied
 * value was. */
static __always_inline __u64 address_of(const void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

/* state.bpf.c: rules and what was seen last. NULL: not governed. */
struct cgbpf_rule *state__rule(__u64 cgroup_id) __hidden;
/* The rule, if it governs KNOB. */
struct cgbpf_rule *state__rule_for(__u64 cgroup_id, __u32 knob) __hidden;
struct cgbpf_cgroup *state__cgroup(__u64 cgroup_id) __hidden;
/* Never NULL in practice (an array's only element); the verifier wants the check. */
struct cgbpf_stats *state__stats(void) __hidden;

/*
 * emit.bpf.c: hand a record to user space. The caller fills kind, cgroup_id, kernel_ns and the
 * kind's own part; version, size, seq, pid and comm are filled here. Returns 0, or -ENOSPC after
 * counting the loss.
 */
int emit__urgent(
	struct cgbpf_event *event) __hidden; /* to the rescuing thread, waking it at once */
int emit__note(struct cgbpf_event *event) __hidden; /* to the main thread */

/* hold.bpf.c: keeps the current task waiting for the limit to move, if this is allowed. */
int hold__may_begin(struct cgbpf_rule *rule, struct cgbpf_cgroup *seen, __u64 max_pages,
		    __u64 now_ns) __hidden; /* 1: begun; hold__wait must follow */
int hold__wait(struct mem_cgroup *memcg, struct cgbpf_rule *rule, struct cgbpf_cgroup *seen,
	       __u64 max_pages, __u64 now_ns) __hidden;
/* Remembers the task that must be let in while others are held; called from the heartbeat. */
int hold__note_rescuer(void) __hidden;

/* io.bpf.c: io.max of this cgroup was moved; what is kept waiting from now on is worth a word
 * again. */
int io__rearm(__u64 cgroup_id) __hidden;

/* victim.bpf.c: the end of this process is to be told. */
int victim__remember(__u32 tgid, __u64 owner_id, __u64 cgroup_id) __hidden;

/*
 * headroom.bpf.c: what the machine and the ancestors still have. Pointers travel as numbers: these
 * functions are global, which makes the verifier check each once and not once a caller, and such
 * functions may not take kernel pointers.
 */
__u64 headroom__file_pages(__u64 memcg); /* struct mem_cgroup * */
__u64 headroom__free_bytes(__u64 memcg);
/* COUNTER is a struct page_counter *; TRYING_PAGES are in its use already, and not yet in its
 * ancestors'. RET_EVENT's usage_bytes is its use. */
int headroom__of_ancestors(__u64 counter, __u64 trying_pages, struct cgbpf_memory_event *ret_event);

/* The cgroup id (kernfs id of its folder) of a task's or memcg's cgroup; 0 if COUNTER is not a
 * memcg's `memory`. */
__u64 headroom__memcg_id(__u64 counter);

#endif

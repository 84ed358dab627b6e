/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every difference between kernels, one accessor each, with the commit that made it. Differences
 * live nowhere else. */
#ifndef CGBPF_COMPAT_BPF_H
#define CGBPF_COMPAT_BPF_H

#include "bpf/cgbpf.bpf.h"

/*
 * kernfs_node.parent became __parent in 6.15 (633488947ef6 "kernfs: Use RCU to access
 * kernfs_node::parent"). The first goes when 6.12 is no longer supported.
 */
struct kernfs_node___parent {
	struct kernfs_node *parent;
} __attribute__((preserve_access_index));

struct kernfs_node___rcu_parent {
	struct kernfs_node *__parent;
} __attribute__((preserve_access_index));

static __always_inline struct kernfs_node *compat__kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___rcu_parent *newer = (void *)kn;
	struct kernfs_node___parent *older = (void *)kn;

	if (bpf_core_field_exists(newer->__parent))
		return BPF_CORE_READ(newer, __parent);
	return BPF_CORE_READ(older, parent);
}

/*
 * mm_struct.rss_stat became percpu counters in 6.2 (f1a7941243c1 "mm: convert mm's rss stats into
 * percpu_counter"). The first goes when 6.1 is no longer supported.
 */
struct mm_rss_stat___atomic {
	atomic_long_t count[4];
} __attribute__((preserve_access_index));

struct mm_struct___atomic {
	struct mm_rss_stat___atomic rss_stat;
} __attribute__((preserve_access_index));

/* MEMBER: MM_FILEPAGES and so on. Without what the CPUs have not yet added, as the kernel's own
 * get_mm_counter(). */
static __always_inline __s64 compat__rss_pages(struct mm_struct *mm, int member)
{
	struct mm_struct___atomic *older = (void *)mm;
	__s64 pages;

	if (bpf_core_field_exists(older->rss_stat.count))
		pages = BPF_CORE_READ(older, rss_stat.count[member].counter);
	else
		pages = BPF_CORE_READ(mm, rss_stat[member].count);
	return pages > 0 ? pages : 0;
}

/*
 * bpf_rdonly_cast() came with 6.2 (a35b9af4ec2c "bpf: Add a kfunc for generic type cast"). Goes
 * when 6.1 is no longer supported. Weak: the verifier takes the call out where it is not there.
 */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define COMPAT__CAN_CAST bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

#endif

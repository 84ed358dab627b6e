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

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Says when a cgroup of the v2 hierarchy comes and goes. It never looks at what the cgroup is. */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The default hierarchy is the first that cgroup_init() sets up (kernel/cgroup/cgroup.c): "0::" in
 * /proc. */
#define DEFAULT_HIERARCHY 0

static __always_inline int tell(struct cgroup *cgroup, __u32 kind, __u64 *count)
{
	struct cgbpf_event event = {.kind = kind};

	if (cgroup->root->hierarchy_id != DEFAULT_HIERARCHY)
		return 0;
	__sync_fetch_and_add(count, 1);
	event.kernel_ns = bpf_ktime_get_ns();
	event.cgroup_id = cgroup->kn->id;
	emit__note(&event);
	return 0;
}

SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(on_mkdir, struct cgroup *cgroup)
{
	struct cgbpf_stats *stats = state__stats();

	return stats ? tell(cgroup, CGBPF_EVENT_CGROUP_NEW, &stats->cgroup_new_cnt) : 0;
}

SEC("?tp_btf/cgroup_rmdir")
int BPF_PROG(on_rmdir, struct cgroup *cgroup)
{
	struct cgbpf_stats *stats = state__stats();

	return stats ? tell(cgroup, CGBPF_EVENT_CGROUP_GONE, &stats->cgroup_gone_cnt) : 0;
}

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Owns the rules, what was seen last of each governed cgroup, the statistics and the ledger. It
 * never decides. */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CGBPF_MAX_GOVERNED);
	__type(key, __u64);
	__type(value, struct cgbpf_rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CGBPF_MAX_GOVERNED);
	__type(key, __u64);
	__type(value, struct cgbpf_cgroup);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cgbpf_stats);
} stats SEC(".maps");

/* Written by user space alone; it outlives a crash because it is pinned. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CGBPF_MAX_GOVERNED);
	__type(key, struct cgbpf_ledger_key);
	__type(value, struct cgbpf_ledger_entry);
} ledger SEC(".maps");

__hidden struct cgbpf_rule *state__rule(__u64 cgroup_id)
{
	return bpf_map_lookup_elem(&rules, &cgroup_id);
}

__hidden struct cgbpf_rule *state__rule_for(__u64 cgroup_id, __u32 knob)
{
	struct cgbpf_rule *rule = bpf_map_lookup_elem(&rules, &cgroup_id);

	return rule && rule->knobs & 1U << knob ? rule : NULL;
}

__hidden struct cgbpf_cgroup *state__cgroup(__u64 cgroup_id)
{
	return bpf_map_lookup_elem(&cgroups, &cgroup_id);
}

__hidden struct cgbpf_stats *state__stats(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&stats, &first);
}

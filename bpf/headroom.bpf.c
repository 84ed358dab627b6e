// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reads what the machine, the ancestors and the page cache still have, so that an answer needs no
 * file. It never writes.
 */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ANCESTORS_MAX 16
#define NODES_MAX 8
#define ZONES_MAX 6 /* DMA DMA32 NORMAL HIGHMEM MOVABLE DEVICE (include/linux/mmzone.h) */
#define GENERATIONS 4 /* MAX_NR_GENS */

const volatile __u32 cfg_nodes_cnt = 1;

__u64 headroom__memcg_id(__u64 counter)
{
	/*
	 * page_counter_try_charge() also serves swap, hugetlb and others. COUNTER is a memcg's
	 * `memory` exactly when the memcg it would lie in is its cgroup's own memory controller.
	 */
	struct mem_cgroup *memcg =
		(void *)(counter - bpf_core_field_offset(struct mem_cgroup, memory));
	struct cgroup *cgroup = BPF_CORE_READ(memcg, css.cgroup);
	struct cgroup_subsys_state *css = NULL;
	int slot = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);

	if (!cgroup)
		return 0;
	bpf_core_read(&css, sizeof(css), &cgroup->subsys[slot]);
	if (css != (void *)memcg + bpf_core_field_offset(struct mem_cgroup, css))
		return 0;
	return BPF_CORE_READ(cgroup, kn, id);
}

/* Counters are kept signed and may be a little below zero. */
static __always_inline __u64 count_at(__u64 address)
{
	__s64 count = 0;

	bpf_probe_read_kernel(&count, sizeof(count), (void *)address);
	return count > 0 ? count : 0;
}

/*
 * Page cache in the generations of the multi-gen LRU, which counts there and leaves lru_zone_size
 * alone (lru_gen_update_size() in include/linux/mm_inline.h). nr_pages is [generation][anon,
 * file][zone].
 */
static __always_inline __u64 generation_pages(struct mem_cgroup_per_node *info)
{
	__u64 pages = 0, at;
	__u32 zones;

	if (!bpf_core_field_exists(info->lruvec.lrugen.nr_pages))
		return 0;
	zones = bpf_core_field_size(info->lruvec.lrugen.nr_pages) / sizeof(__s64) /
		(GENERATIONS * 2);
	at = (__u64)info +
	     bpf_core_field_offset(struct mem_cgroup_per_node, lruvec.lrugen.nr_pages);
	for (__u32 generation = 0; generation < GENERATIONS; generation++)
		for (__u32 zone = 0; zone < ZONES_MAX && zone < zones; zone++)
			pages += count_at(at +
					  sizeof(__s64) * ((generation * 2 + 1) * zones + zone));
	return pages;
}

/* Counter by counter: callers are three deep, and all of their stack is 512 bytes. */
static __always_inline __u64 zone_pages(struct mem_cgroup_per_node *info)
{
	__u64 at = (__u64)info + bpf_core_field_offset(info->lru_zone_size), pages = 0;
	__u32 zones = bpf_core_field_size(info->lru_zone_size) / sizeof(__u64) / NR_LRU_LISTS;

	for (__u32 zone = 0; zone < ZONES_MAX && zone < zones; zone++) {
		pages += count_at(at + sizeof(__u64) * (zone * NR_LRU_LISTS + LRU_INACTIVE_FILE));
		pages += count_at(at + sizeof(__u64) * (zone * NR_LRU_LISTS + LRU_ACTIVE_FILE));
	}
	return pages;
}

/* Page cache of MEMCG itself, without its children. LRU sizes are exact but for the CPUs' small
 * batches. */
__u64 headroom__file_pages(__u64 memcg_address)
{
	struct mem_cgroup *memcg = (void *)memcg_address;
	__u64 pages = 0;

	for (__u32 node = 0; node < NODES_MAX && node < cfg_nodes_cnt; node++) {
		struct mem_cgroup_per_node *info = NULL;

		bpf_core_read(&info, sizeof(info), &memcg->nodeinfo[node]);
		if (info)
			pages += zone_pages(info) + generation_pages(info);
	}
	return pages;
}

/* By hand: the size of a struct zone differs between kernels, and an index is not relocated. */
static __always_inline __u64 free_pages(struct pglist_data *pgdat)
{
	__u64 size = bpf_core_type_size(struct zone), pages = 0;
	__u64 at = (__u64)pgdat + bpf_core_field_offset(struct pglist_data, node_zones) +
		   bpf_core_field_offset(struct zone, vm_stat) +
		   sizeof(__u64) * bpf_core_enum_value(enum zone_stat_item, NR_FREE_PAGES);
	__u64 end = at + bpf_core_field_size(pgdat->node_zones);

	for (int zone = 0; zone < ZONES_MAX && at < end; zone++, at += size)
		pages += count_at(at);
	return pages;
}

/* MEMCG only serves to find the nodes: each of its lruvecs points to one. */
__u64 headroom__free_bytes(__u64 memcg_address)
{
	struct mem_cgroup *memcg = (void *)memcg_address;
	__u64 pages = 0;

	for (__u32 node = 0; node < NODES_MAX && node < cfg_nodes_cnt; node++) {
		struct mem_cgroup_per_node *info = NULL;
		struct pglist_data *pgdat;
		__u64 at;

		bpf_core_read(&info, sizeof(info), &memcg->nodeinfo[node]);
		if (!info)
			continue;
		pgdat = BPF_CORE_READ(info, lruvec.pgdat);
		if (!pgdat)
			continue;
		at = (__u64)pgdat + bpf_core_field_offset(struct pglist_data, vm_stat);
		pages += count_at(at + sizeof(__u64) * bpf_core_enum_value(enum node_stat_item,
									   NR_ACTIVE_FILE));
		pages += count_at(at + sizeof(__u64) * bpf_core_enum_value(enum node_stat_item,
									   NR_INACTIVE_FILE));
		pages += free_pages(pgdat);
	}
	return pages << PAGE_SHIFT;
}

int headroom__of_ancestors(__u64 counter, __u64 trying_pages, struct cgbpf_memory_event *ret_event)
{
	struct page_counter *leaf = (void *)counter, *ancestor = BPF_CORE_READ(leaf, parent);
	__u64 least_pages;

	if (!ret_event)
		return 0;
	least_pages = ret_event->usage_bytes >> PAGE_SHIFT;
	ret_event->reach_bytes = ~0ULL;
	ret_event->binder_id = 0;
	for (int i = 0; i < ANCESTORS_MAX && ancestor; i++) {
		__u64 max = BPF_CORE_READ(ancestor, max);
		__u64 usage = BPF_CORE_READ(ancestor, usage.counter) + trying_pages;
		__u64 others, reach;

		/* The counters are not read at one moment; no cgroup uses less than what is in it.
		 */
		others = usage > least_pages ? usage - least_pages : 0;
		if (pages_to_bytes(max) != ~0ULL) {
			reach = max > others ? pages_to_bytes(max - others) : 0;
			if (reach < ret_event->reach_bytes) {
				ret_event->reach_bytes = reach;
				ret_event->binder_id = headroom__memcg_id((__u64)ancestor);
			}
		}
		ancestor = BPF_CORE_READ(ancestor, parent);
	}
	return 0;
}

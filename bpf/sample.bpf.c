// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Owns the distributions of memory use: one walk over all cgroups adds one sample to each that is
 * watched. An object of its own; it never writes anything but its maps.
 *
 * The walk goes from the leaves up (BPF_CGROUP_ITER_DESCENDANTS_POST), so that LRU sizes, which the
 * kernel keeps per cgroup without what is below, are summed on the way: exact, and without the
 * flush that memory.stat costs. Nothing goes through the iterator's own output: its buffer is 32
 * KiB and a walk that fills it cannot be resumed (cgroup_iter_seq_start() in
 * kernel/cgroup/cgroup_iter.c, bpf/cgroup_iter.c before 6.13).
 */
#include "bpf/cgbpf.bpf.h"
#include "bpf/compat.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define LEVELS_MAX 64 /* deeper cgroups are counted in their ancestor of this level */
#define NODES_MAX 8
#define ZONES_MAX 6
#define GENERATIONS 4 /* MAX_NR_GENS */

const volatile __u32 cfg_nodes_cnt = 1;

/* Set by user space before each walk. */
__u64 pass_ns = 0;
__u32 tells_fresh = 0; /* cgroups that are neither watched nor ignored are told */
__u64 visited_cnt = 0;
__u64 watched_cnt = 0;

/* How much is on the LRU lists below the level's present cgroup. A walk holds cgroup_mutex: there
 * is one at a time. */
static __u64 anon_below[LEVELS_MAX + 2];
static __u64 file_below[LEVELS_MAX + 2];

/* One node's counters, read in one go. */
static __u64 zone_sizes[ZONES_MAX * NR_LRU_LISTS];
static __s64 generation_sizes[GENERATIONS * 2 * ZONES_MAX];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CGBPF_MAX_GOVERNED);
	__type(key, __u64);
	__type(value, struct cgbpf_usage);
} usage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CGBPF_MAX_GOVERNED);
	__type(key, __u64);
	__type(value, __u8);
} ignored SEC(".maps");

/* What does not fit is told by the next walk. User space makes it larger where it listens. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} fresh SEC(".maps");

struct memory {
	__u64 usage, max, anon, file; /* pages; anon and file with what is below */
};

/* See CGBPF_USAGE_OCTAVES. Global, so that the verifier follows its branches once. */
__noinline int bucket_of(__u64 pages, __u32 bits)
{
	__u64 rest = pages;
	__u32 log = 0, shift;

	if (pages >> CGBPF_USAGE_OCTAVES)
		rest = pages = (1ULL << CGBPF_USAGE_OCTAVES) - 1;
	if (rest >> 16) {
		log += 16;
		rest >>= 16;
	}
	if (rest >> 8) {
		log += 8;
		rest >>= 8;
	}
	if (rest >> 4) {
		log += 4;
		rest >>= 4;
	}
	if (rest >> 2) {
		log += 2;
		rest >>= 2;
	}
	log += rest >> 1;
	shift = log > bits ? log - bits : 0;
	return (shift << bits) + (pages >> shift);
}

static __always_inline void count(__u32 *buckets, __u32 cnt, __u64 pages, __u32 bits)
{
	__u32 bucket = bucket_of(pages, bits);

	if (bucket < cnt)
		buckets[bucket]++;
}

/*
 * Own pages of one node, by loads instead of copies. INFO is typed: the verifier has to know every
 * offset, and does, turn by turn; it does not follow a division (6.12), so that sizes are compared.
 * Where the multi-gen LRU is on (and not just being switched), the others' lists are empty but for
 * what cannot be evicted.
 */
static __always_inline void add_node_directly(struct mem_cgroup_per_node *info,
					      struct memory *memory)
{
	const __u32 zone_size = sizeof(__u64) * NR_LRU_LISTS;
	const __u32 generations_size = sizeof(__s64) * GENERATIONS * 2;
	__u32 size = bpf_core_field_size(info->lru_zone_size);
	__u64 *sizes = (void *)info + bpf_core_field_offset(info->lru_zone_size);
	bool is_generational = false;
	__s64 *generations;

	if (bpf_core_field_exists(info->lruvec.lrugen.nr_pages))
		is_generational = info->lruvec.lrugen.enabled;
	for (__u32 zone = 0; zone < ZONES_MAX && (zone + 1) * zone_size <= size; zone++) {
		memory->anon += sizes[LRU_UNEVICTABLE];
		if (!is_generational) {
			memory->anon += sizes[LRU_INACTIVE_ANON] + sizes[LRU_ACTIVE_ANON];
			memory->file += sizes[LRU_INACTIVE_FILE] + sizes[LRU_ACTIVE_FILE];
		}
		sizes += NR_LRU_LISTS;
	}
	if (!is_generational)
		return;
	size = bpf_core_field_size(info->lruvec.lrugen.nr_pages);
	generations = (void *)info +
		      bpf_core_field_offset(struct mem_cgroup_per_node, lruvec.lrugen.nr_pages);
	for (__u32 part = 0; part < GENERATIONS * 2; part += 2) {
		for (__u32 zone = 0; zone < ZONES_MAX && (zone + 1) * generations_size <= size;
		     zone++)
			memory->anon += *generations++;
		for (__u32 zone = 0; zone < ZONES_MAX && (zone + 1) * generations_size <= size;
		     zone++)
			memory->file += *generations++;
	}
}

/* Own pages of one node; counters may be a little below zero. */
static __always_inline void add_node(struct mem_cgroup_per_node *info, struct memory *memory)
{
	__u32 size = bpf_core_field_size(info->lru_zone_size);
	__u32 zones = size / (sizeof(__u64) * NR_LRU_LISTS);

	if (size > sizeof(zone_sizes))
		size = sizeof(zone_sizes);
	bpf_probe_read_kernel(zone_sizes, size,
			      (void *)info + bpf_core_field_offset(info->lru_zone_size));
	for (__u32 zone = 0; zone < ZONES_MAX && zone < zones; zone++) {
		__u64 *sizes = &zone_sizes[zone * NR_LRU_LISTS];

		memory->anon +=
			sizes[LRU_INACTIVE_ANON] + sizes[LRU_ACTIVE_ANON] + sizes[LRU_UNEVICTABLE];
		memory->file += sizes[LRU_INACTIVE_FILE] + sizes[LRU_ACTIVE_FILE];
	}
	/* The multi-gen LRU counts here and leaves lru_zone_size alone: [generation][anon,
	 * file][zone]; see headroom.bpf.c. */
	if (!bpf_core_field_exists(info->lruvec.lrugen.nr_pages))
		return;
	size = bpf_core_field_size(info->lruvec.lrugen.nr_pages);
	zones = size / (sizeof(__s64) * GENERATIONS * 2);
	if (size > sizeof(generation_sizes))
		return;
	bpf_probe_read_kernel(generation_sizes, size,
			      (void *)info + bpf_core_field_offset(struct mem_cgroup_per_node,
								   lruvec.lrugen.nr_pages));
	for (__u32 generation = 0; generation < GENERATIONS; generation++) {
		for (__u32 zone = 0; zone < ZONES_MAX && zone < zones; zone++) {
			__u32 anon = (generation * 2) * zones + zone;
			__u32 file = (generation * 2 + 1) * zones + zone;

			if (anon >= GENERATIONS * 2 * ZONES_MAX ||
			    file >= GENERATIONS * 2 * ZONES_MAX)
				break;
			if (generation_sizes[anon] > 0)
				memory->anon += generation_sizes[anon];
			if (generation_sizes[file] > 0)
				memory->file += generation_sizes[file];
		}
	}
}

/* What it was said to have is no negative number. */
static __always_inline __u64 no_less_than_none(__u64 pages)
{
	return (__s64)pages > 0 ? pages : 0;
}

static __always_inline int measure(struct cgroup *cgroup, struct memory *memory)
{
	int slot = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct cgroup_subsys_state *css;
	struct mem_cgroup *memcg, *typed;

	/* The cgroup is typed: a load will do. */
	css = *(struct cgroup_subsys_state **)((void *)cgroup +
					       bpf_core_field_offset(cgroup->subsys) +
					       slot * sizeof(css));
	if (!css)
		return -1;
	memcg = (void *)css - bpf_core_field_offset(struct mem_cgroup, css);
	if (COMPAT__CAN_CAST) {
		typed = bpf_rdonly_cast(memcg, bpf_core_type_id_kernel(struct mem_cgroup));
		memory->usage = typed->memory.usage.counter;
		memory->max = typed->memory.max;
	} else {
		memory->usage = BPF_CORE_READ(memcg, memory.usage.counter);
		memory->max = BPF_CORE_READ(memcg, memory.max);
	}
	for (__u32 node = 0; node < NODES_MAX && node < cfg_nodes_cnt; node++) {
		struct mem_cgroup_per_node *info = NULL;

		bpf_core_read(&info, sizeof(info), &memcg->nodeinfo[node]);
		if (!info)
			continue;
		if (COMPAT__CAN_CAST)
			add_node_directly(
				bpf_rdonly_cast(
					info, bpf_core_type_id_kernel(struct mem_cgroup_per_node)),
				memory);
		else
			add_node(info, memory);
	}
	memory->anon = no_less_than_none(memory->anon);
	memory->file = no_less_than_none(memory->file);
	return 0;
}

static __always_inline void sum_up(struct cgroup *cgroup, struct memory *memory)
{
	__u32 level = cgroup->level;

	if (level > LEVELS_MAX)
		level = LEVELS_MAX;
	memory->anon += anon_below[level + 1];
	memory->file += file_below[level + 1];
	anon_below[level + 1] = file_below[level + 1] = 0;
	anon_below[level] += memory->anon;
	file_below[level] += memory->file;
}

static __always_inline void record(struct cgbpf_usage *seen, const struct memory *memory)
{
	__u64 bytes = memory->usage << PAGE_SHIFT;

	if (!seen->sample_cnt) {
		seen->first_ns = pass_ns;
		seen->min_bytes = bytes;
	}
	if (bytes < seen->min_bytes)
		seen->min_bytes = bytes;
	if (bytes > seen->max_bytes)
		seen->max_bytes = bytes;
	seen->last_ns = pass_ns;
	seen->sample_cnt++;
	seen->usage_bytes = bytes;
	seen->anon_bytes = memory->anon << PAGE_SHIFT;
	seen->file_bytes = memory->file << PAGE_SHIFT;
	seen->limit_bytes = pages_to_bytes(memory->max);
	count(seen->usage, CGBPF_FINE_BUCKETS, memory->usage, CGBPF_FINE_BITS);
	count(seen->anon, CGBPF_COARSE_BUCKETS, memory->anon, CGBPF_COARSE_BITS);
	count(seen->file, CGBPF_COARSE_BUCKETS, memory->file, CGBPF_COARSE_BITS);
}

/* Its first sample goes along: it may be gone before the next walk. */
static __always_inline void tell_fresh(__u64 id, const struct memory *memory)
{
	struct cgbpf_fresh seen = {
		.id = id,
		.usage_bytes = memory->usage << PAGE_SHIFT,
		.limit_bytes = pages_to_bytes(memory->max),
		.anon_bytes = memory->anon << PAGE_SHIFT,
		.file_bytes = memory->file << PAGE_SHIFT,
	};

	bpf_ringbuf_output(&fresh, &seen, sizeof(seen), BPF_RB_NO_WAKEUP);
}

SEC("?iter/cgroup")
int on_sample(struct bpf_iter__cgroup *ctx)
{
	struct cgroup *cgroup = ctx->cgroup;
	struct memory memory = {};
	struct cgbpf_usage *seen;
	__u64 id;

	if (!cgroup || measure(cgroup, &memory))
		return 0;
	sum_up(cgroup, &memory);
	visited_cnt++;
	id = cgroup->kn->id;
	seen = bpf_map_lookup_elem(&usage, &id);
	if (seen) {
		record(seen, &memory);
		watched_cnt++;
	} else if (tells_fresh && !bpf_map_lookup_elem(&ignored, &id)) {
		tell_fresh(id, &memory);
	}
	return 0;
}

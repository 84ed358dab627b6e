// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The three lines of defence at memory.max: watermark on the charge path, hold at OOM, witness of
 * kills. It never throttles and never decides how much to give.
 */
#include "bpf/cgbpf.bpf.h"
#include "bpf/compat.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define DEPTH_MAX 16
#define PPM 1000000ULL
#define GROWTH_WINDOW_NS (500 * 1000ULL)
/* Growth older than this says nothing about now. */
#define GROWTH_STALE_NS NSEC_PER_SEC
#define BACKOFF_FIRST_NS (10 * NSEC_PER_MSEC)
#define BACKOFF_MOST_NS NSEC_PER_SEC
/* An OOM at the same limit is told again after this long: enough for the slowest answer, rare in a
 * kill storm. */
#define OOM_AGAIN_NS NSEC_PER_MSEC

/* How long an answer takes here, from the kernel's moment to the limit's effect; learned by user
 * space. */
__u64 reaction_us = 1000;

/* Which limit the task in mem_cgroup_out_of_memory() ran into, for the witness; keyed by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} oom_owner SEC(".maps");

static __always_inline void measure_growth(struct cgbpf_cgroup *seen, __u64 usage, __u64 now_ns)
{
	__u64 passed_ns = now_ns - seen->window_ns, rate = 0;

	if (passed_ns < GROWTH_WINDOW_NS)
		return;
	if (usage > seen->window_pages && passed_ns < GROWTH_STALE_NS)
		rate = ((usage - seen->window_pages) << PAGE_SHIFT) * NSEC_PER_MSEC / passed_ns;
	seen->growth_bytes_per_ms = (seen->growth_bytes_per_ms + rate) / 2;
	seen->window_ns = now_ns;
	seen->window_pages = usage;
}

static __always_inline int kind_of(struct cgbpf_rule *rule, struct cgbpf_cgroup *seen, __u64 need,
				   __u64 max)
{
	__u64 room = need < max ? max - need : 0;

	if (need >= max * rule->watermark_ppm / PPM)
		return CGBPF_EVENT_WATERMARK;
	if ((room << PAGE_SHIFT) < seen->growth_bytes_per_ms * reaction_us / 1000)
		return CGBPF_EVENT_TIME_TO_LIMIT;
	return CGBPF_EVENT_NONE;
}

/* One event for each limit value; then, should the limit stay, again after 10 ms, 20 ms, … 1 s. */
static __always_inline bool take_turn(struct cgbpf_cgroup *seen, __u64 max, __u64 now_ns)
{
	__u64 said_ns = seen->said_ns;
	bool is_again = seen->said_pages == max;

	if (is_again && now_ns - said_ns < seen->backoff_ns)
		return false;
	if (__sync_val_compare_and_swap(&seen->said_ns, said_ns, now_ns) != said_ns)
		return false;
	if (!is_again)
		seen->backoff_ns = BACKOFF_FIRST_NS;
	else if (seen->backoff_ns < BACKOFF_MOST_NS)
		seen->backoff_ns *= 2;
	seen->said_pages = max;
	return true;
}

/* Use ends there: at memory.high, where that is lower and follows the limit, else at memory.max. */
static __always_inline __u64 reach_of(struct cgbpf_rule *rule, __u64 counter, __u64 max)
{
	struct page_counter *pages = (void *)counter;
	__u64 high;

	if (!(rule->knobs & 1U << CGBPF_KNOB_MEMORY_HIGH))
		return max;
	high = BPF_CORE_READ(pages, high);
	return high < max ? high : max;
}

static __always_inline __u64 memcg_of(__u64 counter)
{
	return counter - bpf_core_field_offset(struct mem_cgroup, memory);
}

static __always_inline void see(struct cgbpf_cgroup *seen, struct cgbpf_event *event)
{
	seen->usage_bytes = event->memory.usage_bytes;
	seen->limit_bytes = event->memory.limit_bytes;
	seen->file_bytes = event->memory.file_bytes;
	seen->seen_ns = event->kernel_ns;
}

/*
 * COUNTER (a struct page_counter *) is at least half full. LEAF is the one that is charged: COUNTER
 * or below it. Global, so that the verifier checks it once and not for every turn of the loop that
 * calls it.
 */
__noinline int look_closer(__u64 counter, __u64 leaf, __u64 usage, __u64 trying_pages, __u64 max)
{
	struct cgbpf_event event = {};
	struct cgbpf_stats *stats;
	struct cgbpf_cgroup *seen;
	struct cgbpf_rule *rule;
	__u64 file, reach;

	event.cgroup_id = headroom__memcg_id(counter);
	rule = state__rule_for(event.cgroup_id, CGBPF_KNOB_MEMORY_MAX);
	seen = state__cgroup(event.cgroup_id);
	stats = state__stats();
	if (!rule || !seen || !stats)
		return 0;

	event.kernel_ns = bpf_ktime_get_ns();
	measure_growth(seen, usage, event.kernel_ns);
	reach = reach_of(rule, counter, max);
	if (kind_of(rule, seen, usage, reach) == CGBPF_EVENT_NONE)
		return 0;
	/* What reclaim can take back is no need. */
	file = headroom__file_pages(memcg_of(counter));
	if (leaf != counter)
		file += headroom__file_pages(memcg_of(leaf));
	event.kind = kind_of(rule, seen, usage > file ? usage - file : 0, reach);
	if (event.kind == CGBPF_EVENT_NONE || !take_turn(seen, max, event.kernel_ns))
		return 0;

	event.memory.usage_bytes = pages_to_bytes(usage);
	event.memory.limit_bytes = pages_to_bytes(max);
	event.memory.file_bytes = pages_to_bytes(file);
	event.memory.growth_bytes_per_ms = seen->growth_bytes_per_ms;
	event.memory.free_bytes = headroom__free_bytes(memcg_of(counter));
	headroom__of_ancestors(counter, trying_pages, &event.memory);
	see(seen, &event);
	if (event.kind == CGBPF_EVENT_WATERMARK) {
		__sync_fetch_and_add(&seen->watermark_cnt, 1);
		__sync_fetch_and_add(&stats->watermark_cnt, 1);
	} else {
		__sync_fetch_and_add(&seen->time_to_limit_cnt, 1);
		__sync_fetch_and_add(&stats->time_to_limit_cnt, 1);
	}
	emit__urgent(&event);
	return 0;
}

struct level {
	__u64 usage, max, high;
	struct page_counter *parent;
};

static __always_inline struct level read_level(struct page_counter *counter)
{
	struct page_counter *typed;

	if (COMPAT__CAN_CAST) {
		typed = bpf_rdonly_cast(counter, bpf_core_type_id_kernel(struct page_counter));
		return (struct level){typed->usage.counter, typed->max, typed->high, typed->parent};
	}
	return (struct level){BPF_CORE_READ(counter, usage.counter), BPF_CORE_READ(counter, max),
			      BPF_CORE_READ(counter, high), BPF_CORE_READ(counter, parent)};
}

/*
 * Once for each batch of 64 pages (try_charge_memcg() in mm/memcontrol.c), with the leaf's counter;
 * the kernel then walks the parents as we do. Counters less than half full are left at four
 * loads each.
 *
 * This one and on_oom sit on fprobes, whose programs run with preemption off
 * (ftrace_test_recursion_trylock() in include/linux/trace_recursion.h, since 5.16). An fentry
 * program is preempted where the kernel is (7.x; others with preempt=full), first of all by the
 * rescuer that it wakes, and until its task runs again the kernel leaves the program out for every
 * other task on that CPU (prog->active). A single kprobe would do as well, but wants
 * perf_event_open(), for which Debian's kernels want more than CAP_PERFMON.
 */
static __always_inline int look_at_charge(struct page_counter *counter, unsigned long nr_pages)
{
	struct page_counter *each = counter;

	for (int i = 0; i < DEPTH_MAX && each; i++) {
		struct level level = read_level(each);
		__u64 usage = level.usage + nr_pages;

		if (usage >= (level.high < level.max ? level.high : level.max) / 2)
			look_closer(address_of(each), address_of(counter), usage, nr_pages,
				    level.max);
		each = level.parent;
	}
	return 0;
}

SEC("?kprobe.multi/page_counter_try_charge")
int BPF_KPROBE(on_charge, struct page_counter *counter, unsigned long nr_pages)
{
	return look_at_charge(counter, nr_pages);
}

/* For kernels without fprobes, such as Debian's 6.1, which does not preempt itself. */
SEC("?fentry/page_counter_try_charge")
int BPF_PROG(on_charge_older, struct page_counter *counter, unsigned long nr_pages)
{
	return look_at_charge(counter, nr_pages);
}

static __always_inline int look_at_oom(struct mem_cgroup *memcg)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_OOM};
	__u32 tid = bpf_get_current_pid_tgid();
	struct cgbpf_cgroup *seen;
	struct cgbpf_stats *stats;
	struct cgbpf_rule *rule;
	bool is_held;
	__u64 max;

	event.kernel_ns = bpf_ktime_get_ns();
	event.cgroup_id = BPF_CORE_READ(memcg, css.cgroup, kn, id);
	bpf_map_update_elem(&oom_owner, &tid, &event.cgroup_id, BPF_ANY);

	rule = state__rule_for(event.cgroup_id, CGBPF_KNOB_MEMORY_MAX);
	seen = state__cgroup(event.cgroup_id);
	stats = state__stats();
	if (!rule || !seen || !stats)
		return 0;
	max = BPF_CORE_READ(memcg, memory.max);
	__sync_fetch_and_add(&seen->oom_cnt, 1);
	__sync_fetch_and_add(&stats->oom_cnt, 1);

	is_held = hold__may_begin(rule, seen, max, event.kernel_ns);
	if (seen->oom_said_pages != max || event.kernel_ns - seen->oom_said_ns >= OOM_AGAIN_NS) {
		seen->oom_said_pages = max;
		seen->oom_said_ns = event.kernel_ns;
		event.memory.usage_bytes =
			pages_to_bytes(BPF_CORE_READ(memcg, memory.usage.counter));
		event.memory.limit_bytes = pages_to_bytes(max);
		event.memory.file_bytes = pages_to_bytes(headroom__file_pages(address_of(memcg)));
		event.memory.growth_bytes_per_ms = seen->growth_bytes_per_ms;
		event.memory.free_bytes = headroom__free_bytes(address_of(memcg));
		headroom__of_ancestors(address_of(&memcg->memory), 0, &event.memory);
		see(seen, &event);
		emit__urgent(&event);
	}
	if (is_held)
		hold__wait(memcg, rule, seen, max, event.kernel_ns);
	return 0;
}

SEC("?kprobe.multi/mem_cgroup_out_of_memory")
int BPF_KPROBE(on_oom, struct mem_cgroup *memcg)
{
	return look_at_oom(memcg);
}

/* As on_charge_older. */
SEC("?fentry/mem_cgroup_out_of_memory")
int BPF_PROG(on_oom_older, struct mem_cgroup *memcg)
{
	return look_at_oom(memcg);
}

SEC("?fexit/mem_cgroup_out_of_memory")
int BPF_PROG(on_oom_done)
{
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&oom_owner, &tid);
	return 0;
}

static __always_inline int witness(struct task_struct *victim)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_KILL};
	__u32 tid = bpf_get_current_pid_tgid();
	struct cgbpf_stats *stats = state__stats();
	struct cgbpf_cgroup *seen;
	struct mm_struct *mm;
	__u64 *owner;

	if (!stats)
		return 0;
	event.kernel_ns = bpf_ktime_get_ns();
	owner = bpf_map_lookup_elem(&oom_owner, &tid);
	event.cgroup_id = owner ? *owner : 0;
	event.kill.victim_pid = BPF_CORE_READ(victim, tgid);
	event.kill.victim_cgroup_id = BPF_CORE_READ(victim, cgroups, dfl_cgrp, kn, id);
	event.kill.victim_oom_score_adj = BPF_CORE_READ(victim, signal, oom_score_adj);
	mm = BPF_CORE_READ(victim, mm);
	if (mm)
		event.kill.victim_rss_bytes = pages_to_bytes(compat__rss_pages(mm, MM_FILEPAGES) +
							     compat__rss_pages(mm, MM_ANONPAGES) +
							     compat__rss_pages(mm, MM_SHMEMPAGES));
	bpf_core_read_str(event.kill.victim_comm, sizeof(event.kill.victim_comm), &victim->comm);
	victim__remember(event.kill.victim_pid, event.cgroup_id, event.kill.victim_cgroup_id);
	__sync_fetch_and_add(&stats->kill_cnt, 1);
	seen = state__cgroup(event.cgroup_id);
	if (seen)
		__sync_fetch_and_add(&seen->kill_cnt, 1);
	emit__note(&event);
	return 0;
}

/* The tracepoint carries the task since 6.9 (72ba14deb40a "mm: update mark_victim tracepoints
 * fields"). */
SEC("?tp_btf/mark_victim")
int BPF_PROG(on_kill, struct task_struct *victim)
{
	return witness(victim);
}

/* The function round that tracepoint, for kernels in which it carries a pid alone. */
SEC("?fentry/mark_oom_victim")
int BPF_PROG(on_kill_by_function, struct task_struct *victim)
{
	return witness(victim);
}

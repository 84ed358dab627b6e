// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Keeps a task that is about to see the OOM killer waiting, for a bounded time, until its limit
 * moves. It never prevents what the kernel would do after that.
 *
 * The task spins: mem_cgroup_out_of_memory() may not sleep in a BPF program. So there are bounds in
 * time (the rule's hold), in patience (a limit at which a hold ran out is not held at again), in
 * what holds that run out may cost the machine, and in holders: one for each CPU, because
 * an fprobe's program runs with preemption off. Whoever spins on the CPU on which the rescuer waits
 * makes room at once: oom_lock's mutex_lock_killable(), which comes next, is a point where the
 * kernel may schedule.
 */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A turn of the loop takes at least 20 ns, so that time, not this, ends the longest hold (100 ms).
 */
#define TURNS_MAX (1 << 23)
/* Pages that became free below the limit and let the charge pass without us: one batch
 * (MEMCG_CHARGE_BATCH). */
#define ROOM_ENOUGH_PAGES 64
/* Where nobody answered in time, nobody is held for this long. */
#define UNANSWERED_REST_NS NSEC_PER_SEC
/*
 * What holds that ran out cost is paid back a tenth of the time. None begins while more than this
 * is owed, and no more than twice as much is remembered. At hard, where only what others free
 * helps, it is owed apart, so that a leak there takes no hold from those who can be given
 * something.
 */
#define OWED_MOST_NS (50 * NSEC_PER_MSEC)
#define PAID_BACK_PART 10
#define OWE_TRIES 4

const volatile __u64 cfg_heartbeat_stale_ns = 15 * NSEC_PER_SEC;

__u32 rescuer_tid = 0; /* set by user space */
static __u64 paid_ns[2]; /* when all is paid back: below hard, at hard */
static __u64 rescuer_task; /* address of its task_struct, only ever read through probe reads */

struct hold {
	__u64 memcg;
	__u64 until_ns;
	__u64 max_pages;
	__u32 cpu;
	__u32 is_released;
};

__hidden int hold__note_rescuer(void)
{
	if ((__u32)bpf_get_current_pid_tgid() == rescuer_tid)
		rescuer_task = bpf_get_current_task();
	return 0;
}

/* Is the rescuer ready to run here, and not running? Then it is this CPU that it waits for. */
static __always_inline bool rescuer_waits_for(__u32 cpu)
{
	struct task_struct *task = (void *)rescuer_task;

	if (!task || BPF_CORE_READ(task, __state) || BPF_CORE_READ(task, on_cpu))
		return false;
	return BPF_CORE_READ(task, thread_info.cpu) == cpu;
}

static long still_held(__u32 turn, struct hold *hold)
{
	struct mem_cgroup *memcg = (void *)hold->memcg;
	__u64 max = BPF_CORE_READ(memcg, memory.max);
	__u64 usage = BPF_CORE_READ(memcg, memory.usage.counter);

	if (max != hold->max_pages || usage + ROOM_ENOUGH_PAGES <= max ||
	    rescuer_waits_for(hold->cpu)) {
		hold->is_released = 1;
		return 1;
	}
	return bpf_ktime_get_ns() >= hold->until_ns;
}

static __always_inline bool is_at_hard(const struct cgbpf_rule *rule, __u64 max_pages)
{
	return max_pages >= rule->hard_bytes >> PAGE_SHIFT;
}

static __always_inline void owe(__u64 *paid_at_ns, __u64 held_ns, __u64 now_ns)
{
	for (int i = 0; i < OWE_TRIES; i++) {
		__u64 before = *paid_at_ns, after = before > now_ns ? before : now_ns;

		after += held_ns * PAID_BACK_PART;
		if (after > now_ns + 2 * OWED_MOST_NS * PAID_BACK_PART)
			after = now_ns + 2 * OWED_MOST_NS * PAID_BACK_PART;
		if (__sync_val_compare_and_swap(paid_at_ns, before, after) == before)
			return;
	}
}

__hidden int hold__may_begin(struct cgbpf_rule *rule, struct cgbpf_cgroup *seen, __u64 max_pages,
			     __u64 now_ns)
{
	struct cgbpf_stats *stats = state__stats();
	bool at_hard = is_at_hard(rule, max_pages);

	if (!stats || !rule->hold_ns)
		return 0;
	if ((seen->unanswered_pages == max_pages &&
	     now_ns - seen->unanswered_ns < UNANSWERED_REST_NS) ||
	    (at_hard && seen->holders > 0) ||
	    stats->heartbeat_ns + cfg_heartbeat_stale_ns < now_ns ||
	    paid_ns[at_hard] > now_ns + OWED_MOST_NS * PAID_BACK_PART) {
		__sync_fetch_and_add(&stats->hold_refused_cnt, 1);
		return 0;
	}
	__sync_fetch_and_add(&stats->holders, 1);
	__sync_fetch_and_add(&seen->holders, 1);
	return 1;
}

__hidden int hold__wait(struct mem_cgroup *memcg, struct cgbpf_rule *rule,
			struct cgbpf_cgroup *seen, __u64 max_pages, __u64 now_ns)
{
	struct cgbpf_stats *stats = state__stats();
	struct hold hold = {
		.memcg = (__u64)memcg,
		.until_ns = now_ns + rule->hold_ns,
		.max_pages = max_pages,
		.cpu = bpf_get_smp_processor_id(),
	};
	__u64 held_ns;

	if (!stats)
		return 0;
	bpf_loop(TURNS_MAX, still_held, &hold, 0);
	held_ns = bpf_ktime_get_ns() - now_ns;

	__sync_fetch_and_add(&seen->holders, -1);
	__sync_fetch_and_add(&stats->holders, -1);
	__sync_fetch_and_add(&seen->hold_cnt, 1);
	__sync_fetch_and_add(&stats->hold_cnt, 1);
	__sync_fetch_and_add(&stats->hold_total_ns, held_ns);
	if (held_ns > seen->hold_longest_ns)
		seen->hold_longest_ns = held_ns;
	if (held_ns > stats->hold_longest_ns)
		stats->hold_longest_ns = held_ns;
	if (hold.is_released)
		__sync_fetch_and_add(&stats->hold_released_cnt, 1);
	else {
		seen->unanswered_pages = max_pages;
		seen->unanswered_ns = now_ns;
		owe(&paid_ns[is_at_hard(rule, max_pages)], held_ns, now_ns + held_ns);
	}
	return 0;
}

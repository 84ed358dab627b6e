// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Says when a governed cgroup runs out of CPU quota, and what it lost once it runs again. It never
 * decides how much to give.
 *
 * A quota is used up run queue by run queue: one cgroup on four CPUs is throttled up to four times
 * a period. It is said once for each quota and period. Begin and end do not pair (from 6.18 on
 * tasks are throttled one by one on their way to user space), so that time lost is the kernel's own
 * sum.
 */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define DEPTH_MAX 16
#define PPM 1000000ULL
#define RUNTIME_INF (~0ULL) /* kernel/sched/sched.h: no limit */
/* What was lost is told this often at most. */
#define NOTE_EVERY_NS NSEC_PER_SEC

static __always_inline __u64 id_of(struct task_group *tg)
{
	return BPF_CORE_READ(tg, css.cgroup, kn, id);
}

static __always_inline void read_ancestors(struct task_group *tg, struct cgbpf_cpu_event *cpu)
{
	struct task_group *ancestor = BPF_CORE_READ(tg, parent);

	cpu->ancestor_ppm = ~0ULL;
	for (int i = 0; i < DEPTH_MAX && ancestor; i++) {
		__u64 quota = BPF_CORE_READ(ancestor, cfs_bandwidth.quota);
		__u64 period = BPF_CORE_READ(ancestor, cfs_bandwidth.period);

		if (quota != RUNTIME_INF && period) {
			/* Microseconds, so that no quota overflows. */
			__u64 ppm = quota / 1000 * PPM / (period / 1000 ?: 1);

			if (ppm < cpu->ancestor_ppm) {
				cpu->ancestor_ppm = ppm;
				cpu->binder_id = id_of(ancestor);
			}
		}
		ancestor = BPF_CORE_READ(ancestor, parent);
	}
}

static __always_inline void read_bandwidth(struct task_group *tg, __u64 now_ns,
					   struct cgbpf_cpu_event *cpu)
{
	__u64 end_ns = BPF_CORE_READ(tg, cfs_bandwidth.period_timer.node.expires);

	cpu->quota_ns = BPF_CORE_READ(tg, cfs_bandwidth.quota);
	cpu->period_ns = BPF_CORE_READ(tg, cfs_bandwidth.period);
	cpu->period_left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
	cpu->throttled_ns = BPF_CORE_READ(tg, cfs_bandwidth.throttled_time);
	cpu->periods_cnt = BPF_CORE_READ(tg, cfs_bandwidth.nr_periods);
	cpu->throttled_cnt = BPF_CORE_READ(tg, cfs_bandwidth.nr_throttled);
}

/*
 * Once for each quota; then, should it stay, once a period, and not at all where hard is reached.
 * What an ancestor's quota does is said once a period, and takes no turn of the group's own.
 */
static __always_inline bool take_turn(struct cgbpf_rule *rule, struct cgbpf_cgroup *seen,
				      const struct cgbpf_event *event)
{
	const struct cgbpf_cpu_event *cpu = &event->cpu;
	__u64 said_ns = seen->cpu_said_ns, period_us = cpu->period_ns / 1000 ?: 1;
	/* Rounded as the rule is: quotas are whole microseconds. */
	bool is_hard =
		cpu->quota_ns != RUNTIME_INF &&
		(cpu->quota_ns / 1000 * PPM + period_us / 2) / period_us >= rule->cpu_hard_ppm;

	if (cpu->flags & CGBPF_CPU_BY_ANCESTOR) {
		said_ns = seen->cpu_ancestor_said_ns;
		return event->kernel_ns - said_ns >= cpu->period_ns && !is_hard &&
		       __sync_val_compare_and_swap(&seen->cpu_ancestor_said_ns, said_ns,
						   event->kernel_ns) == said_ns;
	}
	/* A reload may have made hard what was none. */
	if (seen->cpu_said_quota_ns == cpu->quota_ns &&
	    ((is_hard && seen->cpu_said_hard_ppm == rule->cpu_hard_ppm) ||
	     event->kernel_ns - said_ns < cpu->period_ns))
		return false;
	if (__sync_val_compare_and_swap(&seen->cpu_said_ns, said_ns, event->kernel_ns) != said_ns)
		return false;
	seen->cpu_said_quota_ns = cpu->quota_ns;
	seen->cpu_said_hard_ppm = rule->cpu_hard_ppm;
	return true;
}

/*
 * The group whose tasks an ANCESTOR's quota keeps waiting, as far as the task that runs tells:
 * where a task is woken (check_enqueue_throttle() in kernel/sched/fair.c), the waker's has nothing
 * to do with it.
 */
static __always_inline struct task_group *running_below(struct task_group *ancestor)
{
	struct task_group *own = bpf_get_current_task_btf()->sched_task_group, *tg = own;

	for (int i = 0; i < DEPTH_MAX && tg; i++) {
		tg = BPF_CORE_READ(tg, parent);
		if (tg == ancestor)
			return own;
	}
	return NULL;
}

/* RESULT is a bool: its upper bits are anything. */
SEC("?fexit/throttle_cfs_rq")
int BPF_PROG(on_throttle, struct cfs_rq *cfs_rq, __u64 result)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_CPU_THROTTLED};
	struct task_group *tg = cfs_rq->tg;
	struct cgbpf_cgroup *seen;
	struct cgbpf_stats *stats;
	struct cgbpf_rule *rule;

	if (!(result & 0xff))
		return 0;
	event.cgroup_id = id_of(tg);
	rule = state__rule_for(event.cgroup_id, CGBPF_KNOB_CPU_MAX);
	if (!rule) {
		/* It may be the quota of somebody whom nobody governs that keeps a governed cgroup
		 * waiting. */
		tg = running_below(tg);
		if (!tg)
			return 0;
		event.cgroup_id = id_of(tg);
		rule = state__rule_for(event.cgroup_id, CGBPF_KNOB_CPU_MAX);
		event.cpu.flags = CGBPF_CPU_BY_ANCESTOR;
	}
	seen = state__cgroup(event.cgroup_id);
	stats = state__stats();
	if (!rule || !seen || !stats)
		return 0;
	event.kernel_ns = bpf_ktime_get_ns();
	__sync_fetch_and_add(&seen->cpu_throttled_cnt, 1);
	__sync_fetch_and_add(&stats->cpu_throttled_cnt, 1);
	read_bandwidth(tg, event.kernel_ns, &event.cpu);
	if (!take_turn(rule, seen, &event))
		return 0;
	read_ancestors(tg, &event.cpu);
	emit__urgent(&event);
	return 0;
}

SEC("?fexit/unthrottle_cfs_rq")
int BPF_PROG(on_unthrottle, struct cfs_rq *cfs_rq)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_CPU_RELEASED};
	struct task_group *tg = cfs_rq->tg;
	struct cgbpf_cgroup *seen;
	__u64 noted_ns;

	event.cgroup_id = id_of(tg);
	if (!state__rule_for(event.cgroup_id, CGBPF_KNOB_CPU_MAX))
		return 0;
	seen = state__cgroup(event.cgroup_id);
	if (!seen)
		return 0;
	event.kernel_ns = bpf_ktime_get_ns();
	noted_ns = seen->cpu_noted_ns;
	if (event.kernel_ns - noted_ns < NOTE_EVERY_NS)
		return 0;
	read_bandwidth(tg, event.kernel_ns, &event.cpu);
	if (event.cpu.throttled_ns == seen->cpu_noted_throttled_ns ||
	    __sync_val_compare_and_swap(&seen->cpu_noted_ns, noted_ns, event.kernel_ns) != noted_ns)
		return 0;
	seen->cpu_noted_throttled_ns = event.cpu.throttled_ns;
	emit__note(&event);
	return 0;
}

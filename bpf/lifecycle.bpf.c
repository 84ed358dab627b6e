// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Says when a cgroup of the v2 hierarchy comes and goes, and when a task comes into one whose tasks
 * have a priority. It never looks at what the cgroup is. */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The default hierarchy is the first that cgroup_init() sets up (kernel/cgroup/cgroup.c): "0::" in
 * /proc. */
#define DEFAULT_HIERARCHY 0
#define NICE_0_PRIO 120 /* DEFAULT_PRIO in include/linux/sched/prio.h */
/* include/uapi/linux/sched.h */
#define SCHED_FIFO 1
#define SCHED_RR 2

/* What the thread in cgroup_mkdir() has made. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} made SEC(".maps");

static __always_inline int tell(__u64 cgroup_id, __u32 kind, __u64 *count)
{
	struct cgbpf_event event = {.kind = kind, .cgroup_id = cgroup_id};

	__sync_fetch_and_add(count, 1);
	event.kernel_ns = bpf_ktime_get_ns();
	emit__note(&event);
	return 0;
}

/* The one place that knows the cgroup; its folder cannot be opened yet: kernfs_activate() comes
 * last in cgroup_mkdir() (kernel/cgroup/cgroup.c). */
SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(on_mkdir, struct cgroup *cgroup)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct cgbpf_stats *stats = state__stats();
	__u64 id = cgroup->kn->id;

	/* What cannot be remembered is a note that is lost, and looked for. */
	if (stats && cgroup->root->hierarchy_id == DEFAULT_HIERARCHY &&
	    bpf_map_update_elem(&made, &tid, &id, BPF_ANY))
		__sync_fetch_and_add(&stats->note_lost_cnt, 1);
	return 0;
}

SEC("?fexit/cgroup_mkdir")
int BPF_PROG(on_made)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct cgbpf_stats *stats = state__stats();
	__u64 *id = bpf_map_lookup_elem(&made, &tid);

	if (!id || !stats)
		return 0;
	tell(*id, CGBPF_EVENT_CGROUP_NEW, &stats->cgroup_new_cnt);
	bpf_map_delete_elem(&made, &tid);
	return 0;
}

SEC("?tp_btf/cgroup_rmdir")
int BPF_PROG(on_rmdir, struct cgroup *cgroup)
{
	struct cgbpf_stats *stats = state__stats();

	if (!stats || cgroup->root->hierarchy_id != DEFAULT_HIERARCHY)
		return 0;
	return tell(cgroup->kn->id, CGBPF_EVENT_CGROUP_GONE, &stats->cgroup_gone_cnt);
}

static __always_inline int tell_task(__u64 cgroup_id, struct task_struct *task, __u32 had_knobs,
				     __u32 threads_cnt)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_TASK, .cgroup_id = cgroup_id};

	event.kernel_ns = bpf_ktime_get_ns();
	event.task.tid = task->pid;
	event.task.had_knobs = had_knobs;
	event.task.threads_cnt = threads_cnt;
	return emit__note(&event);
}

/* Once for a whole process (THREADGROUP), with its leader, when all of its threads have moved:
 * cgroup_attach_task() in kernel/cgroup/cgroup.c. */
SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(on_attach_task, struct cgroup *cgroup, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	struct cgbpf_rule *rule = state__rule(cgroup->kn->id);
	__u32 had_knobs = 0;

	if (!rule || cgroup->root->hierarchy_id != DEFAULT_HIERARCHY ||
	    !(rule->knobs & (1U << CGBPF_KNOB_NICE | 1U << CGBPF_KNOB_POLICY)))
		return 0;
	if (rule->knobs & 1U << CGBPF_KNOB_NICE && task->static_prio == NICE_0_PRIO + rule->nice)
		had_knobs |= 1U << CGBPF_KNOB_NICE;
	if (rule->knobs & 1U << CGBPF_KNOB_POLICY && task->policy == rule->policy)
		had_knobs |= 1U << CGBPF_KNOB_POLICY;
	tell_task(cgroup->kn->id, task, had_knobs, threadgroup ? task->signal->nr_threads : 1);
	return 0;
}

/* A child has its parent's values, but for one that is forked into another cgroup
 * (CLONE_INTO_CGROUP) or whose parent gives its own away (SCHED_RESET_ON_FORK). */
SEC("?tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u64 id = child->cgroups->dfl_cgrp->kn->id;
	struct cgbpf_rule *rule = state__rule(id);

	if (!rule || !(rule->knobs & (1U << CGBPF_KNOB_NICE | 1U << CGBPF_KNOB_POLICY)))
		return 0;
	if ((rule->knobs & 1U << CGBPF_KNOB_NICE && child->policy != SCHED_FIFO &&
	     child->policy != SCHED_RR && child->static_prio != NICE_0_PRIO + rule->nice) ||
	    (rule->knobs & 1U << CGBPF_KNOB_POLICY && child->policy != rule->policy))
		tell_task(id, child, 0, 1);
	return 0;
}

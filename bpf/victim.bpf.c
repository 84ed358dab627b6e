// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Says how those ended whom the OOM killer chose. It never looks at any other process. */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct victim {
	__u64 owner_id; /* of the limit; 0: the machine */
	__u64 cgroup_id;
};

/* By thread group; the oldest goes where more die at once. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct victim);
} victims SEC(".maps");

__hidden int victim__remember(__u32 tgid, __u64 owner_id, __u64 cgroup_id)
{
	struct victim victim = {owner_id, cgroup_id};

	return bpf_map_update_elem(&victims, &tgid, &victim, BPF_ANY);
}

/* Of each thread; the last one is the process's end (do_exit() in kernel/exit.c counts `live` down
 * before this). */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(on_victim_exit, struct task_struct *task)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_VICTIM_EXIT};
	__u32 tgid = task->tgid;
	struct victim *victim = bpf_map_lookup_elem(&victims, &tgid);

	if (!victim || BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	event.kernel_ns = bpf_ktime_get_ns();
	event.cgroup_id = victim->owner_id;
	event.kill.victim_cgroup_id = victim->cgroup_id;
	event.kill.victim_pid = tgid;
	event.kill.exit_code = task->exit_code;
	bpf_core_read_str(event.kill.victim_comm, sizeof(event.kill.victim_comm),
			  &task->group_leader->comm);
	bpf_map_delete_elem(&victims, &tgid);
	emit__note(&event);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Says who else wrote a cgroup file that is a knob, and feels our own heartbeat. It never keeps a
 * write from happening. */
#include "bpf/cgbpf.bpf.h"
#include "bpf/compat.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 cfg_own_tgid = 0;

static __always_inline int knob_of(struct kernfs_node *kn)
{
	const char *kernel_name = BPF_CORE_READ(kn, name);
	char name[sizeof("cgroup.subtree_control") + 1] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), kernel_name);
	if (!bpf_strncmp(name, sizeof(name), "memory.max"))
		return CGBPF_KNOB_MEMORY_MAX;
	if (!bpf_strncmp(name, sizeof(name), "memory.high"))
		return CGBPF_KNOB_MEMORY_HIGH;
	if (!bpf_strncmp(name, sizeof(name), "cpu.max"))
		return CGBPF_KNOB_CPU_MAX;
	if (!bpf_strncmp(name, sizeof(name), "cpu.max.burst"))
		return CGBPF_KNOB_CPU_MAX_BURST;
	if (!bpf_strncmp(name, sizeof(name), "cpu.weight"))
		return CGBPF_KNOB_CPU_WEIGHT;
	/* The same weight by another name. */
	if (!bpf_strncmp(name, sizeof(name), "cpu.weight.nice"))
		return CGBPF_KNOB_CPU_WEIGHT;
	if (!bpf_strncmp(name, sizeof(name), "io.max"))
		return CGBPF_KNOB_IO_MAX;
	if (!bpf_strncmp(name, sizeof(name), "cgroup.subtree_control"))
		return CGBPF_KNOB_SUBTREE_CONTROL;
	return CGBPF_KNOB_NONE;
}

static __always_inline int feel_heartbeat(const char *buf)
{
	char word[sizeof(CGBPF_HEARTBEAT_WORD)] = {};
	struct cgbpf_stats *stats = state__stats();

	bpf_probe_read_kernel_str(word, sizeof(word), buf);
	if (!stats || bpf_strncmp(word, sizeof(word), CGBPF_HEARTBEAT_WORD))
		return 0;
	stats->heartbeat_ns = bpf_ktime_get_ns();
	__sync_fetch_and_add(&stats->heartbeat_cnt, 1);
	return hold__note_rescuer();
}

/* The same for every writer of a governed cgroup, ourselves above all. */
static __always_inline void rearm(struct kernfs_node *kn, __u32 knob, ssize_t result)
{
	__u64 cgroup_id = BPF_CORE_READ(compat__kernfs_parent(kn), id);

	if (knob == CGBPF_KNOB_IO_MAX && result >= 0 && state__rule_for(cgroup_id, knob))
		io__rearm(cgroup_id);
}

/*
 * cgroup_file_write() is what kernfs calls for every file of a cgroup (kernel/cgroup/cgroup.c),
 * below vfs_write() and with the text already in the kernel: no other write on the machine pays for
 * this program.
 */
SEC("?fexit/cgroup_file_write")
int BPF_PROG(on_write, struct kernfs_open_file *of, char *buf, size_t nbytes, loff_t off,
	     ssize_t result)
{
	struct cgbpf_event event = {.kind = CGBPF_EVENT_WRITE};
	struct kernfs_node *kn = of->kn;
	struct cgbpf_stats *stats;

	event.write.knob = knob_of(kn);
	rearm(kn, event.write.knob, result);
	if (bpf_get_current_pid_tgid() >> 32 == cfg_own_tgid)
		return feel_heartbeat(buf);
	stats = state__stats();
	if (event.write.knob == CGBPF_KNOB_NONE || !stats)
		return 0;
	event.kernel_ns = bpf_ktime_get_ns();
	event.cgroup_id = BPF_CORE_READ(compat__kernfs_parent(kn), id);
	event.write.result = result;
	event.write.is_governed = state__rule_for(event.cgroup_id, event.write.knob) != NULL;
	bpf_probe_read_kernel_str(event.write.value, sizeof(event.write.value), buf);
	if (event.write.is_governed)
		__sync_fetch_and_add(&stats->foreign_write_cnt, 1);
	emit__note(&event);
	return 0;
}

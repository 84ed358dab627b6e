// SPDX-License-Identifier: BSD-2-Clause
/* Sends one stamped record through a ring buffer each time it is run; it is attached to nothing. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

SEC("syscall")
int ping(void *unused)
{
	__u64 now_ns = bpf_ktime_get_ns();

	return bpf_ringbuf_output(&ring, &now_ns, sizeof(now_ns), BPF_RB_FORCE_WAKEUP);
}

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Owns the two ring buffers, their sequence and their losses. It never filters. */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only what a rescue depends on: a flood of notes cannot fill it. 64 KiB hold 500 records. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} urgent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 << 10);
} notes SEC(".maps");

static __always_inline void sign(struct cgbpf_event *event, __u64 seq)
{
	event->version = CGBPF_ABI_VERSION;
	event->size = CGBPF_EVENT_LEN(event->kind);
	event->seq = seq;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

__hidden int emit__urgent(struct cgbpf_event *event)
{
	struct cgbpf_stats *stats = state__stats();
	int err;

	if (!stats)
		return 0;
	sign(event, __sync_fetch_and_add(&stats->urgent_cnt, 1));
	err = bpf_ringbuf_output(&urgent, event, CGBPF_SHORT_EVENT_LEN, BPF_RB_FORCE_WAKEUP);
	if (err)
		__sync_fetch_and_add(&stats->urgent_lost_cnt, 1);
	return err;
}

__hidden int emit__note(struct cgbpf_event *event)
{
	struct cgbpf_stats *stats = state__stats();
	int err;

	if (!stats)
		return 0;
	sign(event, __sync_fetch_and_add(&stats->note_cnt, 1));
	err = bpf_ringbuf_output(&notes, event, CGBPF_EVENT_LEN(event->kind), 0);
	if (err)
		__sync_fetch_and_add(&stats->note_lost_cnt, 1);
	return err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Stamps when a limit of one cgroup begins to keep somebody waiting, and when the next write of
 * that limit has taken effect. It never knows who writes. */
#include "bpf/compat.bpf.h"

#include "bench/witness.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u64 cfg_cgroup_id = 0;
const volatile __u64 cfg_hard_ns = ~0ULL; /* nobody answers a quota from here on */
const volatile char cfg_file[16] = "";

struct witness_answer answers[WITNESS_MAX];
struct witness_write writes[WITNESS_MAX];
__u32 answers_cnt, writes_cnt, throttled_cnt;

__u64 begun_ns, left_ns, task_group;

SEC("fexit/throttle_cfs_rq")
int BPF_PROG(on_throttle, struct cfs_rq *cfs_rq, __u64 result)
{
	struct task_group *tg = cfs_rq->tg;
	__u64 now_ns = bpf_ktime_get_ns(), end_ns;

	if (!(result & 0xff) || BPF_CORE_READ(tg, css.cgroup, kn, id) != cfg_cgroup_id ||
	    BPF_CORE_READ(tg, cfs_bandwidth.quota) >= cfg_hard_ns)
		return 0;
	__sync_fetch_and_add(&throttled_cnt, 1);
	task_group = (__u64)tg;
	if (__sync_val_compare_and_swap(&begun_ns, 0, now_ns))
		return 0;
	end_ns = BPF_CORE_READ(tg, cfs_bandwidth.period_timer.node.expires);
	left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
	return 0;
}

SEC("fexit/__blk_throtl_bio")
int BPF_PROG(on_bio, struct bio *bio, __u64 result)
{
	if (!(result & 0xff) ||
	    BPF_CORE_READ(bio, bi_blkg, blkcg, css.cgroup, kn, id) != cfg_cgroup_id)
		return 0;
	__sync_fetch_and_add(&throttled_cnt, 1);
	__sync_val_compare_and_swap(&begun_ns, 0, bpf_ktime_get_ns());
	return 0;
}

static __always_inline bool is_watched(struct kernfs_node *kn)
{
	const char *kernel_name = BPF_CORE_READ(kn, name);
	char name[sizeof(cfg_file)] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), kernel_name);
	for (unsigned int i = 0; i < sizeof(name); i++)
		if (name[i] != cfg_file[i])
			return false;
	return BPF_CORE_READ(compat__kernfs_parent(kn), id) == cfg_cgroup_id;
}

/* When it returns, the kernel has let every run queue go and has timed the waiting bios anew. */
SEC("fexit/cgroup_file_write")
int BPF_PROG(on_write, struct kernfs_open_file *of, char *buf, size_t nbytes, loff_t off,
	     ssize_t result)
{
	__u64 now_ns = bpf_ktime_get_ns(), was_ns;
	struct task_group *tg = (void *)task_group;
	__u32 at;

	if (result < 0 || !is_watched(of->kn))
		return 0;
	at = __sync_fetch_and_add(&writes_cnt, 1);
	if (at < WITNESS_MAX) {
		writes[at].at_ns = now_ns;
		writes[at].quota_ns = tg ? BPF_CORE_READ(tg, cfs_bandwidth.quota) : 0;
		writes[at].period_ns = tg ? BPF_CORE_READ(tg, cfs_bandwidth.period) : 0;
	}
	was_ns = __sync_lock_test_and_set(&begun_ns, 0);
	if (!was_ns)
		return 0;
	at = __sync_fetch_and_add(&answers_cnt, 1);
	if (at < WITNESS_MAX) {
		answers[at].latency_ns = now_ns - was_ns;
		answers[at].left_ns = left_ns;
	}
	return 0;
}

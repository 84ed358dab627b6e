// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * An object of its own, for bench-latency: stamps the moments on a limit's road through daemons and
 * runtimes into the kernel. It never changes anything, and is not loaded by run.
 *
 * Whoever is not on the road pays one look-up: by inode for a write of a cgroup file, by process
 * for the rest.
 */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* An inode number alone is not enough. */
const volatile __u32 cfg_cgroup_dev = 0;
const volatile __u32 cfg_own_tgid = 0;

/* The Engine's socket; a new one when the Engine starts again. */
__u64 socket_inode = 0;
__u32 socket_dev = 0;
__u64 lost_cnt = 0; /* stamps for which the ring had no room */
__u64 foreign_cnt = 0; /* writes of the watched limits by nobody on the road */

/* Inodes of the limits that are watched; 0, which no file has, where there are fewer. */
__u64 limit_inodes[CGBPF_LATENCY_LIMITS] = {};

/* Thread groups on the road; value: enum cgbpf_latency_role. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} actors SEC(".maps");

/* When a thread entered the write that it is in. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} begun SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} stamps SEC(".maps");

static __always_inline __u32 role_of(__u32 tgid)
{
	__u32 *role = bpf_map_lookup_elem(&actors, &tgid);

	return role ? *role : CGBPF_LATENCY_NOBODY;
}

/* A client or a runtime is known by who started it. */
static __always_inline __u32 role_of_task(struct task_struct *task)
{
	__u32 role = role_of(BPF_CORE_READ(task, tgid));

	return role ? role : role_of(BPF_CORE_READ(task, real_parent, tgid));
}

static __always_inline int emit(struct cgbpf_latency_event *event)
{
	/* The bench looks by itself after its own writes; a wake-up would cost the next one. */
	__u64 flags = event->kind == CGBPF_LATENCY_WRITE && event->pid == cfg_own_tgid
			      ? BPF_RB_NO_WAKEUP
			      : 0;

	bpf_get_current_comm(event->comm, sizeof(event->comm));
	if (bpf_ringbuf_output(&stamps, event, sizeof(*event), flags))
		__sync_fetch_and_add(&lost_cnt, 1);
	return 0;
}

/* A few comparisons and no call: who writes another cgroup's limit comes so far, twice. */
static __always_inline bool is_watched(struct file *file)
{
	struct inode *inode = file->f_inode;
	__u64 number = inode->i_ino;

	for (int i = 0; i < CGBPF_LATENCY_LIMITS; i++)
		if (number == limit_inodes[i])
			return inode->i_sb->s_dev == cfg_cgroup_dev;
	return false;
}

static __always_inline int enter_write(struct file *file)
{
	__u64 thread, zero = 0, *slot;

	if (!is_watched(file))
		return 0;
	thread = bpf_get_current_pid_tgid();
	slot = bpf_map_lookup_elem(&begun, &thread);
	if (!slot) {
		bpf_map_update_elem(&begun, &thread, &zero, BPF_ANY);
		slot = bpf_map_lookup_elem(&begun, &thread);
	}
	/* Last, so that none of this is counted. */
	if (slot)
		*slot = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int leave_write(struct file *file, __s64 result)
{
	struct cgbpf_latency_event event;
	__u64 thread, end_ns, *slot;

	if (!is_watched(file))
		return 0;
	end_ns = bpf_ktime_get_ns(); /* before all else: the same */
	thread = bpf_get_current_pid_tgid();
	event = (struct cgbpf_latency_event){
		.end_ns = end_ns,
		.kind = CGBPF_LATENCY_WRITE,
		.inode = file->f_inode->i_ino,
		.role = role_of_task(bpf_get_current_task_btf()),
		.result = result,
		.pid = thread >> 32,
	};
	if (event.role == CGBPF_LATENCY_NOBODY) {
		__sync_fetch_and_add(&foreign_cnt, 1);
		return 0;
	}
	slot = bpf_map_lookup_elem(&begun, &thread);
	if (!slot)
		return 0;
	event.begin_ns = *slot;
	return emit(&event);
}

/*
 * What vfs_write() calls for a file of kernfs, cgroup files among them (fs/kernfs/file.c): no other
 * write on the machine enters a program at all.
 */
SEC("?fentry/kernfs_fop_write_iter")
int BPF_PROG(on_limit_write, struct kiocb *iocb, struct iov_iter *iter)
{
	return enter_write(iocb->ki_filp);
}

SEC("?fexit/kernfs_fop_write_iter")
int BPF_PROG(on_limit_written, struct kiocb *iocb, struct iov_iter *iter, ssize_t result)
{
	return leave_write(iocb->ki_filp, result);
}

/* Where that one is not there or not wanted: every write enters, and leaves after a look-up. */
SEC("?fentry/vfs_write")
int BPF_PROG(on_vfs_write, struct file *file, const char *buf, size_t count, loff_t *pos)
{
	return enter_write(file);
}

SEC("?fexit/vfs_write")
int BPF_PROG(on_vfs_written, struct file *file, const char *buf, size_t count, loff_t *pos,
	     ssize_t result)
{
	return leave_write(file, result);
}

/*
 * recvmsg, recvmmsg and read (which Go's runtime uses) of a unix stream socket all come down to
 * this (net/unix/af_unix.c). A connection that a daemon accepted has its listener's address and
 * path (unix_stream_connect()); one it opened itself has none.
 */
SEC("?fexit/unix_stream_recvmsg")
int BPF_PROG(on_receive, struct socket *sock, struct msghdr *msg, size_t size, int flags,
	     int result)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, role = role_of(tgid);
	struct cgbpf_latency_event event;
	struct unix_sock *unix_sock;
	struct inode *inode;

	if (role <= CGBPF_LATENCY_SELF || result <= 0)
		return 0;
	event = (struct cgbpf_latency_event){.kind = CGBPF_LATENCY_RECEIVE,
					     .role = role,
					     .end_ns = bpf_ktime_get_ns(),
					     .pid = tgid,
					     .result = result};
	event.begin_ns = event.end_ns;
	unix_sock = (struct unix_sock *)sock->sk;
	if (!BPF_CORE_READ(unix_sock, addr))
		return 0;
	if (event.role == CGBPF_LATENCY_DOCKERD) {
		inode = BPF_CORE_READ(unix_sock, path.dentry, d_inode);
		if (BPF_CORE_READ(inode, i_ino) != socket_inode ||
		    BPF_CORE_READ(inode, i_sb, s_dev) != socket_dev)
			return 0;
	}
	event.peer_pid = BPF_CORE_READ(unix_sock, sk.sk_peer_pid, numbers[0].nr);
	return emit(&event);
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(on_start, struct task_struct *parent, struct task_struct *child)
{
	struct cgbpf_latency_event event = {.kind = CGBPF_LATENCY_START};

	event.role = role_of(parent->tgid);
	if (!event.role || parent->tgid == child->tgid)
		return 0;
	event.begin_ns = event.end_ns = bpf_ktime_get_ns();
	event.pid = child->tgid;
	return emit(&event);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct cgbpf_latency_event event = {.kind = CGBPF_LATENCY_EXEC};

	event.role = role_of_task(task);
	if (!event.role)
		return 0;
	event.begin_ns = event.end_ns = bpf_ktime_get_ns();
	event.pid = task->tgid;
	return emit(&event);
}

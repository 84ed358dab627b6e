/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The words both sides of cgbpf use: records, rules, statistics, pin paths. It holds no storage and
 * no code.
 *
 * Values of enums are append-only. 0 is never a valid kind. Every size is asserted, so that a
 * change of layout is a decision and not an accident.
 */
#ifndef CGBPF_ABI_H
#define CGBPF_ABI_H

#ifndef __bpf__
#include <linux/bpf.h>
#include <linux/types.h>
#endif

#define CGBPF_ABI_VERSION 1

#define CGBPF_PIN_DIR "/sys/fs/bpf/cgbpf"
#define CGBPF_PIN_RULES CGBPF_PIN_DIR "/rules"
#define CGBPF_PIN_CGROUPS CGBPF_PIN_DIR "/cgroups"
#define CGBPF_PIN_LEDGER CGBPF_PIN_DIR "/ledger"
#define CGBPF_PIN_STATS CGBPF_PIN_DIR "/stats"
#define CGBPF_PIN_USAGE CGBPF_PIN_DIR "/usage"

/* How many cgroups may be governed at once. The hash maps allocate as they fill. */
#define CGBPF_MAX_GOVERNED 16384

/* Length of TASK_COMM_LEN in include/linux/sched.h. */
#define CGBPF_COMM_LEN 16
/* A limit as text; io.max's line for one device needs up to 100 bytes. */
#define CGBPF_VALUE_LEN 104
#define CGBPF_TARGET_LEN 64

/* A written value that makes the kernel's file handler answer EINVAL and change nothing: see
 * canary. */
#define CGBPF_HEARTBEAT_WORD "cgbpf-heartbeat"

/* What cgbpf may change, or whose writers it wants to know of: a cgroup file, or a task. */
enum cgbpf_knob {
	CGBPF_KNOB_NONE = 0,
	CGBPF_KNOB_MEMORY_MAX = 1,
	CGBPF_KNOB_SUBTREE_CONTROL = 2, /* gives the cgroups below their files; ledger: what we
					   added, as "+cpu +io" */
	CGBPF_KNOB_CPU_MAX = 3,
	CGBPF_KNOB_CPU_MAX_BURST = 4,
	CGBPF_KNOB_CPU_WEIGHT = 5,
	CGBPF_KNOB_IO_MAX = 6, /* one device's line */
	CGBPF_KNOB_FOLDER = 7, /* a cgroup that we made */
	CGBPF_KNOB_TASK_CGROUP = 8, /* of a process; its value is a cgroup id */
	CGBPF_KNOB_NICE = 9, /* of a thread; of a cgroup: what its later threads would have */
	CGBPF_KNOB_POLICY = 10, /* the same for the scheduling policy */
	CGBPF_KNOB_MEMORY_HIGH = 11, /* follows memory.max where the cgroup has one */
	CGBPF_KNOB_MAX
};

/* What the kernel said. */
enum cgbpf_event_kind {
	CGBPF_EVENT_NONE = 0,
	CGBPF_EVENT_WATERMARK =
		1, /* what cannot be reclaimed passed the rule's watermark of memory.max */
	CGBPF_EVENT_TIME_TO_LIMIT = 2, /* at this growth the limit comes before our answer would */
	CGBPF_EVENT_OOM = 3, /* mem_cgroup_out_of_memory() was entered */
	CGBPF_EVENT_KILL = 4, /* the OOM killer chose a victim */
	CGBPF_EVENT_CGROUP_NEW = 5,
	CGBPF_EVENT_CGROUP_GONE = 6,
	CGBPF_EVENT_WRITE = 7, /* somebody else wrote a cgroup file that is a knob */
	CGBPF_EVENT_CPU_THROTTLED = 20, /* a run queue of the cgroup is out of quota */
	CGBPF_EVENT_CPU_RELEASED = 21, /* it runs again: what was lost until now */
	CGBPF_EVENT_IO_THROTTLED = 22, /* io.max keeps a bio waiting */
	CGBPF_EVENT_TASK = 23, /* a task came into a cgroup whose tasks have a priority */
	CGBPF_EVENT_VICTIM_EXIT = 30, /* a process that the OOM killer chose has ended */
};

/* Kinds 1 to 3. */
struct cgbpf_memory_event {
	__u64 usage_bytes; /* with the charge that is being tried */
	__u64 limit_bytes;
	__u64 file_bytes; /* page cache on the LRU lists of the charged cgroup and of this one */
	__u64 growth_bytes_per_ms;
	__u64 reach_bytes; /* how far its use can grow: least (limit - use of others) over the
			      ancestors; all ones where none has a limit */
	__u64 binder_id; /* the ancestor with that least; 0 where none has a limit */
	__u64 free_bytes; /* the machine's free pages and page cache, as MemFree + Active(file) +
			     Inactive(file) */
};

/* CGBPF_EVENT_KILL, _VICTIM_EXIT. The limit's owner is cgbpf_event.cgroup_id, 0 for the machine;
 * the trigger is .pid. */
struct cgbpf_kill_event {
	__u64 victim_cgroup_id;
	__u32 victim_pid;
	__s32 victim_oom_score_adj;
	union {
		__u64 victim_rss_bytes; /* KILL: anonymous, file and shared, as the kernel counts
					   then */
		__s64 exit_code; /* VICTIM_EXIT: as wait(2) has it: status << 8 | signal */
	};
	char victim_comm[CGBPF_COMM_LEN];
};

/* CGBPF_EVENT_WRITE. */
struct cgbpf_write_event {
	__u32 knob;
	__s32 result; /* what the kernel's handler returned: bytes or a negative errno */
	__u32 is_governed;
	__u32 reserved;
	char value[CGBPF_VALUE_LEN]; /* what was written, cut, with a NUL at the end */
};

/* Bits of cgbpf_cpu_event.flags. */
enum cgbpf_cpu_flag {
	CGBPF_CPU_BY_ANCESTOR = 1 << 0, /* it is the ancestor's quota that is used up */
};

/* CGBPF_EVENT_CPU_THROTTLED, _RELEASED. Counters are the kernel's, of all time. */
struct cgbpf_cpu_event {
	__u64 quota_ns; /* all ones: no limit */
	__u64 period_ns;
	__u64 period_left_ns; /* until the quota would have been filled again */
	__u64 ancestor_ppm; /* least quota of an ancestor, in parts per million of one CPU; all
			       ones where none has one */
	__u64 binder_id; /* that ancestor */
	__u64 throttled_ns;
	__u32 periods_cnt;
	__u32 throttled_cnt;
	__u32 flags;
	__u32 reserved;
};

/* CGBPF_EVENT_IO_THROTTLED. */
struct cgbpf_io_event {
	__u32 device; /* major << 20 | minor */
	__u32 is_write;
	__u64 bytes; /* asked for in this direction since it was said last, */
	__u64 ops; /* and in how many bios */
	__u64 throttled_cnt; /* bios, since governing began */
};

/* CGBPF_EVENT_TASK. */
struct cgbpf_task_event {
	__u32 tid;
	__u32 had_knobs; /* bit (1 << enum cgbpf_knob): it came with what the rule says */
	__u32 threads_cnt; /* of the whole process, where that came; else 1 */
};

/* CGBPF_EVENT_CGROUP_NEW, _GONE. */
struct cgbpf_life_event {
	__u64 parent_id;
};

struct cgbpf_event {
	__u16 version;
	__u16 size;
	__u32 kind;
	__u64 seq; /* per ring, without gaps but for lost records */
	__u64 kernel_ns; /* CLOCK_MONOTONIC */
	__u64 cgroup_id;
	__u32 pid; /* thread group that caused it */
	__u32 reserved;
	char comm[CGBPF_COMM_LEN];
	union {
		struct cgbpf_memory_event memory;
		struct cgbpf_kill_event kill;
		struct cgbpf_write_event write;
		struct cgbpf_life_event life;
		struct cgbpf_cpu_event cpu;
		struct cgbpf_io_event io;
		struct cgbpf_task_event task;
	};
};

/* A record of any kind but CGBPF_EVENT_WRITE ends here: the rings hold more of them. */
#define CGBPF_SHORT_EVENT_LEN 120
#define CGBPF_EVENT_LEN(kind)                                                                      \
	((kind) == CGBPF_EVENT_WRITE ? sizeof(struct cgbpf_event) : CGBPF_SHORT_EVENT_LEN)

/* Map `rules`, by cgroup id: what a governed cgroup may do. */
struct cgbpf_rule {
	__u64 soft_bytes;
	__u64 hard_bytes;
	__u64 step_bytes;
	__u64 hold_ns; /* 0: never hold */
	__u32 watermark_ppm; /* of memory.max */
	__u32 knobs; /* bit (1 << enum cgbpf_knob): governed knobs */
	char target[CGBPF_TARGET_LEN];
	__u64 cpu_soft_ppm; /* of one CPU */
	__u64 cpu_hard_ppm;
	__u32 io_device; /* as in the ledger's keys */
	__u32 io_quiet; /* bit 0: reads, bit 1: writes have reached hard and are not told */
	__s32 nice; /* what its tasks have, where knobs says so */
	__u32 policy; /* the same */
};

/* Map `cgroups`, by cgroup id: what was seen last, and what keeps events rare. */
struct cgbpf_cgroup {
	__u64 usage_bytes;
	__u64 limit_bytes;
	__u64 file_bytes;
	__u64 seen_ns;
	__u64 growth_bytes_per_ms;
	__u64 window_ns; /* growth is measured from here */
	__u64 window_pages;
	__u64 said_pages; /* the limit for which an event was sent; armed again when the limit
			     differs */
	__u64 said_ns;
	__u64 backoff_ns; /* the same limit is spoken of again after this long */
	__u64 oom_said_ns;
	__u64 oom_said_pages;
	__u64 watermark_cnt;
	__u64 time_to_limit_cnt;
	__u64 oom_cnt;
	__u64 kill_cnt;
	__u64 hold_cnt;
	__u64 hold_longest_ns;
	__u64 unanswered_pages; /* the limit at which a hold ran out, and when: no hold there for a
				   while */
	__u64 unanswered_ns;
	__s32 holders;
	__u32 reserved;
	__u64 cpu_throttled_cnt; /* run queues throttled, as told by the kernel */
	__u64 cpu_said_ns; /* when, and at which quota, it was said last */
	__u64 cpu_said_quota_ns;
	__u64 cpu_said_hard_ppm; /* hard was that then */
	__u64 cpu_noted_ns; /* when what was lost was said last, and what it was */
	__u64 cpu_noted_throttled_ns;
	__u64 io_throttled_cnt; /* bios */
	__u64 io_bytes[2]; /* reads, writes; asked for since it was said last */
	__u64 io_ops[2];
	__u64 io_said_ns[2];
	__u64 io_noted_ns[2];
	__u64 cpu_ancestor_said_ns; /* when it was said last that another's quota keeps it */
};

/* Map `stats`, one element. Counters only grow. */
struct cgbpf_stats {
	__u64 abi_version;
	__u64 urgent_cnt; /* records for the rescuing thread */
	__u64 urgent_lost_cnt;
	__u64 note_cnt; /* records for the main thread */
	__u64 note_lost_cnt;
	__u64 watermark_cnt;
	__u64 time_to_limit_cnt;
	__u64 oom_cnt;
	__u64 kill_cnt;
	__u64 hold_cnt;
	__u64 hold_released_cnt; /* the limit moved, or the controller was let in, in time */
	__u64 hold_refused_cnt; /* an unanswered limit, too much owed, or no heartbeat */
	__u64 hold_total_ns;
	__u64 hold_longest_ns;
	__u64 heartbeat_cnt;
	__u64 heartbeat_ns;
	__u64 cgroup_new_cnt;
	__u64 cgroup_gone_cnt;
	__u64 foreign_write_cnt;
	__s64 holders; /* tasks held at this moment, on the whole machine */
	__u64 cpu_throttled_cnt;
	__u64 io_throttled_cnt;
};

/* Map `ledger`: original values of every file cgbpf has changed or is about to. */
struct cgbpf_ledger_key {
	__u64 cgroup_id; /* of a task's: its start time, in clock ticks since boot */
	__u32 knob;
	__u32 device; /* io.max: major << 20 | minor; of a task's: its id; else 0 */
};

/* The lock makes an update happen in place: no allocation where memory is short (BPF_F_LOCK). */
struct cgbpf_ledger_entry {
	struct bpf_spin_lock lock;
	__u32 version;
	__u32 writer_pid;
	__u32 reserved;
	__u64 changed_ns; /* CLOCK_REALTIME of the last change */
	char original[CGBPF_VALUE_LEN]; /* goes back at exit */
	char previous[CGBPF_VALUE_LEN]; /* ours before the write that is recorded in `current` */
	char current[CGBPF_VALUE_LEN]; /* ours; recorded before it is written */
	char target[CGBPF_TARGET_LEN];
	char lower[24]; /* a lower memory.max that may be written beside `current`: the main thread
			   is in the kernel with it while the rescuer raises; "": none */
};

/* A moment that bench-latency's own programs stamp (latency.bpf.c). */
enum cgbpf_latency_kind {
	CGBPF_LATENCY_NONE = 0,
	CGBPF_LATENCY_RECEIVE = 1, /* a daemon took bytes from a client's connection */
	CGBPF_LATENCY_WRITE = 2, /* a limit of the bench's containers was written */
	CGBPF_LATENCY_START = 3, /* an actor started the process .pid */
	CGBPF_LATENCY_EXEC = 4, /* the process .pid is at a new program's first instruction */
};

/* Who acts on the road of a change. Others' moments are not stamped. */
enum cgbpf_latency_role {
	CGBPF_LATENCY_NOBODY = 0,
	CGBPF_LATENCY_SELF = 1, /* the bench */
	CGBPF_LATENCY_DOCKERD = 2,
	CGBPF_LATENCY_CONTAINERD = 3,
	CGBPF_LATENCY_SHIM = 4,
	CGBPF_LATENCY_SYSTEMD = 5,
};

/* So many limits can be watched: two of each of two containers. */
#define CGBPF_LATENCY_LIMITS 4

struct cgbpf_latency_event {
	__u32 kind;
	__u32 role; /* of the process or, where it has none, of its parent */
	__u64 begin_ns; /* CLOCK_MONOTONIC; only a write has both ends */
	__u64 end_ns;
	__u64 inode; /* WRITE: of the file */
	__s64 result; /* bytes, or a negative errno */
	__u32 pid; /* thread group; START: of the child */
	__u32 peer_pid; /* RECEIVE: of the client, when it connected */
	char comm[CGBPF_COMM_LEN];
};

/*
 * Buckets of a distribution, in pages, log-linear: values below 2^(bits+1) have one each, every
 * octave above has 2^bits. With SHIFT = max(log2(pages) - bits, 0) the bucket is
 * (SHIFT << bits) + (pages >> SHIFT). What is above CGBPF_USAGE_OCTAVES octaves (2 TiB) falls into
 * the last. A bucket's middle is at most 1 / 2^(bits+1) from every value in it: 0.8 % of fine ones,
 * 6.3 % of coarse ones.
 */
#define CGBPF_USAGE_OCTAVES 29
#define CGBPF_FINE_BITS 6
#define CGBPF_COARSE_BITS 3
#define CGBPF_FINE_BUCKETS ((CGBPF_USAGE_OCTAVES - CGBPF_FINE_BITS + 1) << CGBPF_FINE_BITS)
#define CGBPF_COARSE_BUCKETS ((CGBPF_USAGE_OCTAVES - CGBPF_COARSE_BITS + 1) << CGBPF_COARSE_BITS)

/* Map `usage`, by cgroup id: the distribution of a cgroup's memory. Constant in size: with the
 * map's own words it fits 8 KiB. */
struct cgbpf_usage {
	__u64 first_ns; /* CLOCK_MONOTONIC of the first sample, and of the last */
	__u64 last_ns;
	__u64 sample_cnt;
	__u64 min_bytes;
	__u64 max_bytes;
	__u64 usage_bytes; /* of the last sample */
	__u64 anon_bytes;
	__u64 file_bytes;
	__u64 limit_bytes;
	__u32 usage[CGBPF_FINE_BUCKETS];
	__u32 anon[CGBPF_COARSE_BUCKETS]; /* on the LRU lists for anonymous and shared memory */
	__u32 file[CGBPF_COARSE_BUCKETS]; /* page cache */
};

/* Ring `fresh`: a cgroup that a walk met and that is not watched, with the sample it would have
 * got. */
struct cgbpf_fresh {
	__u64 id;
	__u64 usage_bytes;
	__u64 limit_bytes;
	__u64 anon_bytes;
	__u64 file_bytes;
};

_Static_assert(sizeof(struct cgbpf_usage) == 7944, "usage");
_Static_assert(sizeof(struct cgbpf_fresh) == 40, "fresh");
_Static_assert(sizeof(struct cgbpf_memory_event) == 56, "memory event");
_Static_assert(sizeof(struct cgbpf_kill_event) == 40, "kill event");
_Static_assert(sizeof(struct cgbpf_write_event) == 120, "write event");
_Static_assert(sizeof(struct cgbpf_cpu_event) == 64, "cpu event");
_Static_assert(sizeof(struct cgbpf_io_event) == 32, "io event");
_Static_assert(sizeof(struct cgbpf_event) == 176, "event");
_Static_assert(sizeof(struct cgbpf_event) - sizeof(struct cgbpf_write_event) +
			       sizeof(struct cgbpf_cpu_event) ==
		       CGBPF_SHORT_EVENT_LEN,
	       "short event");
_Static_assert(sizeof(struct cgbpf_rule) == 136, "rule");
_Static_assert(sizeof(struct cgbpf_cgroup) == 296, "cgroup");
_Static_assert(sizeof(struct cgbpf_stats) == 176, "stats");
_Static_assert(sizeof(struct cgbpf_ledger_key) == 16, "ledger key");
_Static_assert(sizeof(struct cgbpf_latency_event) == 64, "latency event");
_Static_assert(sizeof(struct cgbpf_ledger_entry) == 424, "ledger entry");

#endif

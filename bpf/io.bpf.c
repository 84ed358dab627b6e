// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Says when io.max of a governed cgroup keeps a bio waiting. It never decides how much to give, and
 * never knows which of the four limits it was: the direction and what was asked for tell.
 */
#include "bpf/cgbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define DEPTH_MAX 8
#define REQ_OP_WRITE_BIT 1 /* op_is_write() in include/linux/blk_types.h */
#define MINOR_BITS 20
/* Once for each limit; then, should it stay, so often: less than a slice of blk-throttle (20 to
 * 100 ms), and enough for an answer. */
#define SAY_EVERY_NS (20 * NSEC_PER_MSEC)
#define NOTE_EVERY_NS NSEC_PER_SEC

static __always_inline bool is_due(__u64 *last_ns, __u64 every_ns, __u64 now_ns)
{
	__u64 said_ns = *last_ns;

	return now_ns - said_ns >= every_ns &&
	       __sync_val_compare_and_swap(last_ns, said_ns, now_ns) == said_ns;
}

/* What of one level's limit is still to be told: not where it has reached hard. */
static __always_inline bool is_news(struct cgbpf_rule *rule, struct cgbpf_cgroup *level, __u32 way,
				    __u64 now_ns)
{
	return !(rule->io_quiet & 1U << way) &&
	       is_due(&level->io_said_ns[way & 1], SAY_EVERY_NS, now_ns);
}

static __always_inline void say(struct cgbpf_cgroup *seen, struct cgbpf_event *event,
				bool is_wanted)
{
	struct cgbpf_stats *stats = state__stats();
	__u32 way = event->io.is_write & 1;

	if (!stats)
		return;
	__sync_fetch_and_add(&stats->io_throttled_cnt, 1);
	event->io.throttled_cnt = __sync_add_and_fetch(&seen->io_throttled_cnt, 1);
	event->io.bytes = seen->io_bytes[way];
	event->io.ops = seen->io_ops[way];
	if (is_due(&seen->io_noted_ns[way], NOTE_EVERY_NS, event->kernel_ns))
		emit__note(event);
	if (!is_wanted)
		return;
	seen->io_bytes[way] = 0;
	seen->io_ops[way] = 0;
	emit__urgent(event);
}

/* What was asked for tells only which limit binds: a count, or a start from 0, that two CPUs lose
 * between them is told anew with the next word; an atomic one would be paid by each bio. */
static __always_inline void count(struct cgbpf_cgroup *seen, struct bio *bio)
{
	__u32 way = bio->bi_opf & REQ_OP_WRITE_BIT;

	seen->io_bytes[way & 1] += bio->bi_iter.bi_size;
	seen->io_ops[way & 1]++;
}

/*
 * About the nearest governed cgroup at or above the one that the bio is charged to. At which level
 * a bio waits is not known: it is told where any governed one may still be raised. BIO is typed, so
 * that loads will do: this runs for each bio of every cgroup with a limit, and looks up what is
 * above only where it waits.
 */
static __always_inline int look(struct bio *bio, bool is_throttled)
{
	struct gendisk *disk = bio->bi_bdev->bd_disk;
	__u32 device = (__u32)disk->major << MINOR_BITS | (__u32)disk->first_minor;
	__u32 way = bio->bi_opf & REQ_OP_WRITE_BIT;
	struct blkcg_gq *blkg = bio->bi_blkg;
	__u64 nearest_id = 0, now_ns = 0;
	struct cgbpf_cgroup *seen = NULL;
	bool is_wanted = false;

	for (int i = 0; i < DEPTH_MAX && blkg; i++, blkg = blkg->parent) {
		__u64 id = blkg->blkcg->css.cgroup->kn->id;
		struct cgbpf_rule *rule = state__rule_for(id, CGBPF_KNOB_IO_MAX);
		struct cgbpf_cgroup *level;

		if (!rule || rule->io_device != device)
			continue;
		level = state__cgroup(id);
		if (!level)
			break;
		if (!seen) {
			count(level, bio);
			if (!is_throttled)
				return 0;
			seen = level;
			nearest_id = id;
			now_ns = bpf_ktime_get_ns();
		}
		is_wanted |= is_news(rule, level, way, now_ns);
	}
	if (seen) {
		struct cgbpf_event event = {.kind = CGBPF_EVENT_IO_THROTTLED,
					    .kernel_ns = now_ns,
					    .cgroup_id = nearest_id,
					    .io.device = device,
					    .io.is_write = way};

		say(seen, &event, is_wanted);
	}
	return 0;
}

/* The first bio after a raise may be as good as the last of a writer that waits for its end:
 * unsaid, it would wait for all of its time. */
int io__rearm(__u64 cgroup_id)
{
	struct cgbpf_cgroup *seen = state__cgroup(cgroup_id);

	if (!seen)
		return 0;
	seen->io_said_ns[0] = 0;
	seen->io_said_ns[1] = 0;
	return 0;
}

/* Only bios to which a limit may apply come here (blk_should_throtl() in block/blk-throttle.h).
 * RESULT is a bool: its upper bits are anything. */
SEC("?fexit/__blk_throtl_bio")
int BPF_PROG(on_bio, struct bio *bio, __u64 result)
{
	return look(bio, result & 0xff);
}

/* Its name on older kernels, where there was no inline part before it. */
SEC("?fexit/blk_throtl_bio")
int BPF_PROG(on_bio_older, struct bio *bio, __u64 result)
{
	return look(bio, result & 0xff);
}

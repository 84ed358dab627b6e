/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only writer of the limits that run and squeeze govern. Every write is in the ledger before it
 * happens, is one pwrite(2) of a whole value, and is read back. It never decides.
 */
#ifndef CGBPF_APPLY_H
#define CGBPF_APPLY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "user/group.h"

struct apply {
	int ledger_fd;
	bool is_dry_run; /* everything happens but the writes */
	unsigned int cpus;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; reclaim ends here. 0: only its own bound */
};

/* All return 0 or a negative errno; a vanished cgroup is cgfs_is_gone(). */

/* Opens memory.max for apply__raise. */
int apply__open_limit(int dir_fd, int *ret_fd);

/* Puts the value from before us into the ledger, unless one is there already. */
int apply__remember(const struct apply *apply, const struct group *group, const char *original);
/* Somebody else's word becomes what goes back in the end. */
void apply__amend(const struct apply *apply, uint64_t id, uint64_t original_bytes);
void apply__forget(const struct apply *apply, uint64_t id);

/* The limit that stands, read through the descriptor kept for raises. */
int apply__standing(const struct group *group, uint64_t *ret_bytes);

/*
 * Raises GROUP's limit; no allocation, no reclaim, nothing to wait for. Sets group->limit_bytes.
 * *RET_WRITTEN_NS: when the kernel had taken it. -EAGAIN: a higher one stands already, nothing was
 * changed; -EIO: read back, it was another value.
 */
int apply__raise(const struct apply *apply, struct group *group, uint64_t limit_bytes,
		 uint64_t *ret_written_ns);

/*
 * Brings memory.high to what belongs beside the limit that stands, where it follows, as far as the
 * kernel has nothing to reclaim for it. Under the table's lock. -EBUSY: it has, or the main thread
 * is at it: see high__follow; -EAGAIN: another value than ours stands. It is left then.
 */
int apply__follow_high(const struct apply *apply, struct group *group, bool may_lower);
/* Writes it, whatever is in use: the kernel may reclaim first. */
int apply__write_high(const struct apply *apply, const struct group *group, uint64_t high_bytes);

/*
 * Lowers GROUP's limit where it is not in use, in the rescuing thread's hands: never under what
 * USAGE_FD (its memory.current) says plus MARGIN, so that the kernel has nothing to reclaim.
 * -EAGAIN: in use, grew meanwhile, or another limit stands; the old one is in force.
 */
int apply__lower_unused(const struct apply *apply, struct group *group, uint64_t limit_bytes,
			int usage_fd, uint64_t margin_bytes);

/*
 * Before a limit is lowered: takes page cache until LIMIT leaves the margin above what is in use.
 * -EBUSY: it cannot, and the limit is not to be written. May take long: not for the rescuing
 * thread.
 */
int apply__make_room(const struct apply *apply, int dir_fd, uint64_t limit_bytes);

/*
 * Writes a limit without care, after apply__make_room, while the rescuing thread may raise it: what
 * each of them writes is ours all the while, until apply__lowered says which of the two stands.
 * -ENODEV: memory.max is another file by now than GROUP's.
 */
int apply__lower(const struct apply *apply, const struct group *group, uint64_t limit_bytes);
void apply__lowered(const struct apply *apply, uint64_t id, uint64_t limit_bytes, bool is_standing);

/* Writes a text from the ledger byte for byte, without care: after apply__make_room, or when
 * forced. */
int apply__write(const struct apply *apply, uint64_t id, int dir_fd, const char *value);

/*
 * The same for any knob, named by its KEY in the ledger, with values as knob__read gives them.
 * apply__set writes VALUE to FD (knob__open) and reads it back; nothing to wait for but what the
 * kernel's own handler waits for. *RET_WRITTEN_NS (may be NULL): when the kernel had taken it.
 * -ENXIO: the cgroup is there, the device is not; -EIO: read back, it was another value.
 */
int apply__remember_knob(const struct apply *apply, const struct cgbpf_ledger_key *key,
			 const char *original, const char *target);
void apply__amend_knob(const struct apply *apply, const struct cgbpf_ledger_key *key,
		       const char *original);
void apply__forget_knob(const struct apply *apply, const struct cgbpf_ledger_key *key);
/* What is about to be written where apply__set does not write: of tasks. */
int apply__intend(const struct apply *apply, const struct cgbpf_ledger_key *key, const char *value);
int apply__set(const struct apply *apply, const struct cgbpf_ledger_key *key, int fd,
	       const char *value, uint64_t *ret_written_ns);
/* The same in the place of OURS. -EAGAIN: somebody else's value stands, which is to be answered
 * first; nothing was changed. */
int apply__replace(const struct apply *apply, const struct cgbpf_ledger_key *key, int fd,
		   const char *ours, const char *value, uint64_t *ret_written_ns);

/* How a write that takes long is ended from outside. */
struct apply_end {
	const sigset_t *open_mask; /* in force for the write alone */
	const volatile sig_atomic_t *is_asked; /* set by the handlers of what that lets in */
};

/*
 * For squeeze alone: the kernel reclaims, and kills where that is not enough, before this returns.
 * A signal ends it early, with the limit written; -ECANCELED: one had come before, nothing was.
 */
int apply__press(const struct apply *apply, uint64_t id, int dir_fd, uint64_t limit_bytes,
		 const struct apply_end *end);

/* How each value gets to the kernel: one pwrite, tried again where a signal came in between.
 * Nothing is recorded; for the others here, and for bench-latency, which measures it. */
int apply_write_whole(int fd, const char *value);

uint64_t apply_now_ns(void); /* CLOCK_MONOTONIC, as the kernel side stamps */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of what happened: JSON, one object a line, append-only. It never decides and never
 * stops the controller. */
#ifndef CGBPF_JOURNAL_H
#define CGBPF_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct advice; /* advise.h */

enum journal_event {
	JOURNAL_SOFT_LIMIT_RAISED = 1,
	JOURNAL_HARD_LIMIT_REACHED = 2,
	JOURNAL_LIMIT_RETURNED = 3,
	JOURNAL_OOM_ADJUSTMENT = 4,
	JOURNAL_OOM_KILL = 5,
	JOURNAL_FOREIGN_WRITE = 6,
	JOURNAL_CGROUP_GONE = 7,
	JOURNAL_EVENTS_LOST = 8,
	JOURNAL_RESTORED = 9,
	JOURNAL_STARTED = 10,
	JOURNAL_STOPPED = 11,
	JOURNAL_GOVERNED = 12, /* a cgroup came under a rule; soft was written where it differs */
	JOURNAL_NOT_RAISED = 13, /* asked for, refused: reason says why */
	JOURNAL_BLIND = 14, /* the kernel no longer tells us; falling back */
	JOURNAL_SIGHTED = 15, /* it tells us again */
	JOURNAL_RELOADED = 16,
	JOURNAL_WRITE_FAILED = 17,
	JOURNAL_CPU_THROTTLED = 18,
	JOURNAL_IO_THROTTLED = 19,
	JOURNAL_PSI_SPIKE = 20,
	JOURNAL_OBSERVED = 21, /* a cgroup is looked at, and not governed */
	JOURNAL_LIMIT_LENT = 22, /* lowered for another cgroup */
	JOURNAL_OOM_EXIT = 23, /* the end of one whom the kernel killed */
	JOURNAL_ML_ADJUSTMENT = 24,
	JOURNAL_ML_EFFECTIVE = 25,
	JOURNAL_ML_NO_IMPROVEMENT = 26,
	JOURNAL_NOT_GOVERNED = 27, /* there was no room for it */
	JOURNAL_EVENT_MAX
};

/* Nanoseconds since the kernel event; 0: not reached. */
struct journal_times {
	uint64_t received_ns, decided_ns, written_ns, effective_ns;
};

/* Shares of time, in parts per million. */
struct journal_pressure {
	const char *resource; /* "cpu", "memory", "io" */
	uint32_t threshold_ppm, some_ppm, full_ppm;
	uint64_t interval_ns; /* in which it was measured */
	bool is_brief; /* it was over before that: some_ppm is the least it was */
	bool has_split; /* of some_ppm, so much is due to the cgroup's own limit */
	uint32_t own_ppm;
};

/* A cgroup whose limit was lowered for another. */
struct journal_part {
	const char *name; /* path below the root, raw bytes */
	uint64_t reduced_bytes;
};

/* All strings are raw (untrusted) and borrowed for the call; NULL or 0: the key is left out. */
struct journal_record {
	enum journal_event event;
	bool is_dry_run; /* adds "dry_run": true */
	const char *cgroup; /* path below the root, raw bytes */
	uint64_t cgroup_id;
	const char *target;
	const char *knob; /* "memory.max"; with it old and new are always written */
	uint64_t old_bytes, new_bytes; /* UINT64_MAX becomes the string "max" */
	const char *reason; /* from explain.h */
	const char *detail; /* a sentence, or NULL */
	bool has_times;
	struct journal_times times; /* becomes "t": {received, decided, written, effective} */
	/* In place of old_bytes and new_bytes, where a knob's value is no number of bytes: "50000
	 * 100000". */
	const char *old_text, *new_text;
	const char *limit; /* which part of the knob: "rbps" */
	const char *device; /* "8:0" */
	/* cpu_throttled, io_throttled: since the last such record of this cgroup */
	uint64_t lost_ns; /* time in which tasks were kept waiting, summed over CPUs */
	uint64_t periods_cnt, throttled_cnt;
	/* oom_adjustment: oom_cgroup is .cgroup */
	uint64_t added_bytes; /* "added_memory", written for oom_adjustment even when 0 */
	const struct journal_part *adjusted; /* "adjusted_cgroups" of oom_adjustment */
	size_t adjusted_cnt;
	/* oom_kill */
	const char *limit_cgroup; /* path; "/" for the machine */
	uint32_t trigger_pid, victim_pid;
	const char *victim_comm;
	const char *would_have_saved; /* a sentence */
	bool has_exit; /* oom_exit: adds exit_status, as a shell has it: 137 for SIGKILL */
	int exit_status;
	/* foreign_write */
	uint32_t pid;
	const char *comm;
	const char *value; /* what was written */
	const char *answer; /* "obey", "reassert", "adopt" */
	const struct journal_pressure *pressure; /* psi_spike; borrowed; NULL: none */
	const struct advice *advice; /* "ml"; borrowed; NULL: none */
	/* events_lost, not_governed, started, stopped */
	uint64_t count;
	bool has_count;
};

struct journal;

/*
 * Opens FILE for appending (O_CLOEXEC, mode 0640; "-" is standard output; NULL: records go
 * nowhere). A symbolic link at the end of the path is refused (-ELOOP). A torn last line (no
 * newline at the end) is closed with a newline first, so that every later line is whole. Returns 0
 * or a negative errno.
 */
int journal__open(const char *file, struct journal **ret_journal);
/* Closes and opens the same path again (log rotation). On failure the old one stays. */
int journal__reopen(struct journal *journal);
/*
 * Writes one record in one write(2). A failure (full disk) is said once by log_warning with ",
 * ignoring", then counted; once writing works again a record events_lost {reason: "journal_full",
 * count} precedes the next one. A record cut by a full disk is never continued on: the next begins
 * on a line of its own.
 */
void journal__write(struct journal *journal, const struct journal_record *record);
uint64_t journal__dropped(const struct journal *journal);
void journal__close(struct journal *journal);

/* The time of now, as every record has it: RFC 3339, UTC, microseconds. */
#define JOURNAL_STAMP_LEN 64
void journal_stamp(char stamp[JOURNAL_STAMP_LEN]);

const char *journal_event_name(enum journal_event event); /* "soft_limit_raised" … */

#endif

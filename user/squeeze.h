/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The drill: memory.max lowered step by step under what is in use, and a record of what the kernel
 * did. The only room that means to make the kernel kill; it never touches a cgroup that was not
 * named, and puts the limit back.
 */
#ifndef CGBPF_SQUEEZE_H
#define CGBPF_SQUEEZE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/abi.h"

/* More levels than this are a slip of the pen. */
#define SQUEEZE_MAX_LEVELS 4096
#define SQUEEZE_NO_LEVEL SIZE_MAX

struct squeeze_plan {
	uint64_t from_bytes, to_bytes, step_bytes; /* whole pages; from >= to, step > 0 */
	uint64_t interval_ns; /* so long without a kill means that a level has settled */
};

/* What was named, found. */
struct squeeze_target {
	char *path; /* below the cgroup root, raw */
	uint64_t id;
	int dir_fd;
	char *container; /* as named; NULL: a cgroup */
	char container_id[65]; /* "": a cgroup */
	pid_t first_pid; /* the container's first process, or the cgroup's oldest; 0: none */
	char first_comm[CGBPF_COMM_LEN];
};

/* Counters of a cgroup at one moment. */
struct squeeze_look {
	uint64_t usage_bytes, swap_bytes;
	uint64_t scanned_pages, reclaimed_pages;
	uint64_t psi_some_us, psi_full_us;
	uint64_t max_cnt, oom_cnt, kill_cnt, group_kill_cnt;
	uint32_t process_cnt;
	bool is_populated;
};

struct squeeze_level {
	uint64_t limit_bytes;
	struct squeeze_look before, after;
	uint64_t write_ns; /* the kernel reclaims and kills within it */
	uint64_t lasted_ns;
	bool is_settled; /* false: still killing when it was left */
	bool is_first_alive;
};

struct squeeze_kill {
	uint64_t at_ns; /* since the drill began */
	size_t level;
	uint32_t victim_pid, trigger_pid;
	int32_t victim_oom_score_adj;
	uint64_t victim_rss_bytes;
	char victim_comm[CGBPF_COMM_LEN], trigger_comm[CGBPF_COMM_LEN];
	char *limit_path; /* whose limit it was; NULL: the machine's, or gone */
	char *victim_path;
};

enum squeeze_end {
	SQUEEZE_DONE = 1, /* all levels */
	SQUEEZE_EMPTY = 2, /* nothing left to squeeze */
	SQUEEZE_INTERRUPTED = 3,
	SQUEEZE_GONE = 4, /* the cgroup vanished */
	SQUEEZE_FAILED = 5, /* a limit could not be written */
};

enum squeeze_manner {
	SQUEEZE_NONE = 1, /* nothing was killed */
	SQUEEZE_SINGLY = 2, /* one process */
	SQUEEZE_IN_SEQUENCE = 3, /* several, one after the other, and others lived on */
	SQUEEZE_AT_ONCE = 4, /* all of them within one level */
};

struct squeeze_record {
	struct squeeze_plan plan;
	uint64_t began_ns;
	uint64_t original_bytes;
	struct squeeze_level *levels;
	size_t level_cnt;
	struct squeeze_kill *kills;
	size_t kill_cnt, kill_room;
	bool is_first_dead;
	uint64_t first_died_ns; /* since the drill began */
	size_t first_died_level;
	bool has_exit_code; /* of the container */
	int exit_code;
	bool is_oom_killed; /* as the Engine says */
	bool has_log; /* the kernel's log could be read */
	char **log; /* its lines that belong to the drill */
	size_t log_cnt;
	enum squeeze_end end;
	int err; /* SQUEEZE_FAILED */
	bool is_put_back;
};

/* squeeze_target.c. -ENOENT, -EINVAL and so on, after one line on standard error; -EHOSTDOWN: the
 * Engine cannot be asked. */
int squeeze_target__find(int root_fd, const char *cgroup, const char *container,
			 struct squeeze_target *ret_target);
void squeeze_target__free(struct squeeze_target *target);
/* Is the cgroup ABOVE the one at BELOW, or the same? */
bool squeeze_is_above(const char *above, const char *below);

/* squeeze_container.c. __find fills path, container, container_id and first_pid. */
int squeeze_container__find(const char *name, struct squeeze_target *target);
/* After its first process died: exit code, and what the Engine takes for the cause. */
void squeeze_container__end(const struct squeeze_target *target, struct squeeze_record *record);

/* squeeze_plot.c: limit, use and kills over the levels. */
int squeeze_plot(const struct squeeze_target *target, const struct squeeze_record *record,
		 const char *file);

/* squeeze_look.c */
int squeeze_look(int dir_fd, struct squeeze_look *ret_look);

/*
 * squeeze_log.c: the kernel's log from now on. Lines of an OOM report are held until the report
 * names the cgroup whose limit it was; where the kernel leaves that out, the record's kills tell.
 */
struct squeeze_log;
int squeeze_log__open(struct squeeze_log **ret_log);
int squeeze_log__fd(const struct squeeze_log *log);
/* Takes what is there; lines that belong to PATH go to the end of *LINES. */
void squeeze_log__take(struct squeeze_log *log, const char *path, struct squeeze_record *record);
void squeeze_log__close(struct squeeze_log *log);
/* One record of /dev/kmsg, for the reader above and for tests. */
void squeeze_log__feed(struct squeeze_log *log, const char *path, const char *text,
		       struct squeeze_record *record);
int squeeze_log__new(int fd, struct squeeze_log **ret_log);

/* squeeze_witness.c: kills in the target or under its limit go into the record as the kernel tells
 * them. Returns 0 or an exit status, after one line; __close in any case. */
struct squeeze_witness;
int squeeze_witness__open(int root_fd, const struct squeeze_target *target,
			  struct squeeze_record *record, struct squeeze_witness **ret_witness);
int squeeze_witness__ledger_fd(const struct squeeze_witness *witness);
int squeeze_witness__fd(const struct squeeze_witness *witness);
void squeeze_witness__take(struct squeeze_witness *witness);
uint64_t squeeze_witness__last_kill_ns(const struct squeeze_witness *witness); /* 0: none yet */
void squeeze_witness__close(struct squeeze_witness *witness);

/* squeeze_drill.c: takes the lock, does it all, puts the limit back. Returns the exit status. */
int squeeze_drill(int root_fd, const struct squeeze_target *target, struct squeeze_record *record);

/* squeeze_words.c: pure. */
size_t squeeze_level_cnt(const struct squeeze_plan *plan);
uint64_t squeeze_limit(const struct squeeze_plan *plan, size_t level);
enum squeeze_manner squeeze_manner(const struct squeeze_record *record);
const char *squeeze_manner_name(enum squeeze_manner manner);
/* How it went, in one sentence; the caller frees. */
char *squeeze_sentence(const struct squeeze_record *record, bool is_container);

/* squeeze_report.c */
void squeeze_print(const struct squeeze_target *target, const struct squeeze_record *record);
json_t *squeeze_json(const struct squeeze_target *target, const struct squeeze_record *record);
void squeeze_record__free(struct squeeze_record *record);

#endif

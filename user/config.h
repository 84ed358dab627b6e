/* SPDX-License-Identifier: BSD-2-Clause */
/* What we were told: the configuration as plain data. It reads one file and never looks at a
 * cgroup. */
#ifndef CGBPF_CONFIG_H
#define CGBPF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/calibration.h"
#include "user/policy.h"
#include "user/psi.h"

#define CONFIG_MAX_FILE_BYTES (1U << 20)
#define CONFIG_TARGETS_MAX 4096 /* their names and matches are compared pairwise */
#define CONFIG_NAME_MAX 63 /* bytes of a target's name; fits CGBPF_TARGET_LEN */

enum target_kind {
	TARGET_NONE = 0,
	TARGET_CGROUP = 1, /* path or glob below the cgroup root */
	TARGET_DOCKER = 2, /* name, id or key[=value] of a label */
	TARGET_PID = 3,
	TARGET_UNIT = 4, /* systemd unit */
	TARGET_ALL_FINITE = 5, /* built-in default: every cgroup with a finite limit */
	TARGET_TREE = 6, /* a service of a hierarchy made of a file */
};

enum foreign_policy {
	FOREIGN_OBEY = 1,
	FOREIGN_REASSERT = 2,
	FOREIGN_ADOPT = 3,
};

enum donor_policy {
	DONOR_AUTO = 1,
	DONOR_NEVER = 2,
};

/* 0 in soft_bytes or hard_bytes: not given (soft: the present limit; hard: hard_times_soft). */
struct memory_config {
	bool is_given;
	uint64_t soft_bytes;
	uint64_t hard_bytes;
	uint64_t step_bytes;
	uint64_t hold_ns;
	uint64_t return_after_ns;
	uint32_t watermark_ppm;
};

/* Of a second's time in which some task waited; 0: not watched. */
struct psi_config {
	uint32_t some_ppm[PSI_RESOURCES];
};

struct samples_config {
	uint64_t interval_ns;
	uint64_t rotate_bytes; /* a file that is this long is moved away */
	uint64_t keep; /* so many old ones */
};

/* How CPU limits are raised. */
struct ml_config {
	char *model_path; /* owned; NULL: not given */
	enum policy_kind policy;
};

enum cpu_mode {
	CPU_MODE_QUOTA = 1, /* cpu.max */
	CPU_MODE_WEIGHT = 2, /* cpu.weight alone */
};

/* One of the two, by mode; 0: not given. */
struct cpu_amount {
	uint64_t cores_ppm; /* of one CPU */
	uint64_t weight;
};

struct cpu_config {
	bool is_given;
	enum cpu_mode mode;
	struct cpu_amount soft, hard, step;
	uint64_t return_after_ns;
	uint64_t burst_ppm; /* of one CPU */
	bool has_burst;
};

/* What io.max limits, in the order in which the kernel prints it. */
enum io_kind { IO_RBPS = 0, IO_WBPS, IO_RIOPS, IO_WIOPS, IO_KINDS };

/* Bytes or operations a second; 0: not given. */
struct io_rate_config {
	bool is_given;
	uint64_t soft, hard, step;
};

struct io_config {
	bool is_given;
	uint32_t device; /* as the ledger's keys have it; 0: not given */
	struct io_rate_config rates[IO_KINDS];
	uint64_t return_after_ns;
};

enum sched_choice {
	SCHED_CHOICE_OTHER = 1,
	SCHED_CHOICE_BATCH = 2,
	SCHED_CHOICE_IDLE = 3,
	SCHED_CHOICE_RR = 4,
	SCHED_CHOICE_FIFO = 5,
};

struct priority_config {
	bool is_given;
	uint64_t weight; /* 0: not given */
	int nice;
	bool has_nice;
	enum sched_choice sched; /* 0: not given */
};

/* A process to be put into the target's cgroup. */
struct pid_config {
	uint32_t pid;
	unsigned int line, column;
};

struct target_config {
	char name[CONFIG_NAME_MAX + 1];
	enum target_kind kind;
	char *match; /* the path, glob, container, pid or unit as written; owned */
	char *service; /* of TARGET_TREE, whose match is the file; owned */
	enum foreign_policy on_foreign_write;
	enum donor_policy donor;
	struct memory_config memory; /* with the defaults filled in */
	struct psi_config psi; /* as the machine's, where not given */
	struct cpu_config cpu; /* the same */
	struct io_config io; /* the same */
	struct priority_config priority;
	struct pid_config *pids; /* owned */
	size_t pids_cnt;
	bool has_pids; /* also an empty list: the cgroup is made where it is missing */
	unsigned int line, column; /* where the target stands in the file, from 1 */
};

struct config {
	char *file; /* owned; NULL: built in */
	uint32_t reserve_ppm; /* of the machine's memory; used when reserve_bytes is 0 */
	uint64_t reserve_bytes;
	char *calibration_file; /* owned; NULL: none */
	struct calibration calibration; /* what it says */
	struct memory_config memory_defaults;
	struct psi_config psi; /* of the machine, and of targets that say nothing else */
	struct samples_config samples;
	struct ml_config ml;
	struct cpu_config cpu_defaults;
	struct io_config io_defaults;
	struct target_config *targets; /* owned */
	size_t targets_cnt;
};

/*
 * Reads and checks FILE. On success *RET_CONFIG is filled and owned by the caller (config__free).
 * On failure returns a negative errno (-EINVAL for anything wrong in the file), leaves *RET_CONFIG
 * untouched and writes one line "FILE:LINE:COLUMN: what" (NUL-terminated, control bytes escaped) to
 * ERROR. The file must be a regular file of at most CONFIG_MAX_FILE_BYTES, no symbolic link at its
 * end, and not writable by others.
 */
int config__load(const char *file, struct config *ret_config, char *error, size_t error_len);

/* The built-in configuration: every cgroup with a finite limit, soft as it is, hard twice that. */
int config__default(struct config *ret_config);

void config__free(struct config *config);

/* Prints the reference of all keys, made from the schema table, as Markdown to standard output. */
void config__print_reference(void);

#endif

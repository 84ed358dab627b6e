/* SPDX-License-Identifier: BSD-2-Clause */
/* What we were told: the configuration as plain data. It reads one file and never looks at a
 * cgroup. */
#ifndef CGBPF_CONFIG_H
#define CGBPF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/psi.h"

#define CONFIG_MAX_FILE_BYTES (1U << 20)
#define CONFIG_NAME_MAX 63 /* bytes of a target's name; fits CGBPF_TARGET_LEN */

enum target_kind {
	TARGET_NONE = 0,
	TARGET_CGROUP = 1, /* path or glob below the cgroup root */
	TARGET_DOCKER = 2, /* name, id or key[=value] of a label */
	TARGET_PID = 3,
	TARGET_UNIT = 4, /* systemd unit */
	TARGET_ALL_FINITE = 5, /* built-in default: every cgroup with a finite limit */
};

enum foreign_policy {
	FOREIGN_OBEY = 1,
	FOREIGN_REASSERT = 2,
	FOREIGN_ADOPT = 3,
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

struct target_config {
	char name[CONFIG_NAME_MAX + 1];
	enum target_kind kind;
	char *match; /* the path, glob, container, pid or unit as written; owned */
	enum foreign_policy on_foreign_write;
	struct memory_config memory; /* with the defaults filled in */
	struct psi_config psi; /* as the machine's, where not given */
	unsigned int line, column; /* where the target stands in the file, from 1 */
};

struct config {
	char *file; /* owned; NULL: built in */
	uint32_t reserve_ppm; /* of the machine's memory; used when reserve_bytes is 0 */
	uint64_t reserve_bytes;
	struct memory_config memory_defaults;
	struct psi_config psi; /* of the machine, and of targets that say nothing else */
	struct samples_config samples;
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

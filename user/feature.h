/* SPDX-License-Identifier: BSD-2-Clause */
/* The one table of what cgbpf can use of a kernel and a host; loader, doctor and tests read it. It
 * never loads a program. */
#ifndef CGBPF_FEATURE_H
#define CGBPF_FEATURE_H

#include <stdbool.h>
#include <stddef.h>

enum feature {
	FEATURE_ROOT = 0,
	FEATURE_CAP_BPF,
	FEATURE_CAP_PERFMON,
	FEATURE_CAP_READ,
	FEATURE_CGROUP2,
	FEATURE_CGROUP2_WRITABLE,
	FEATURE_MEMORY_CONTROLLER,
	FEATURE_BTF,
	FEATURE_BPFFS,
	FEATURE_FTRACE,
	FEATURE_FPROBE,
	FEATURE_BPF_LOOP,
	FEATURE_CHARGE,
	FEATURE_OOM,
	FEATURE_KILL_TASK,
	FEATURE_KILL_FUNCTION,
	FEATURE_LIFE,
	FEATURE_WRITE,
	FEATURE_RECLAIM,
	FEATURE_PSI,
	FEATURE_CPU_CONTROLLER,
	FEATURE_IO_CONTROLLER,
	FEATURE_CPU_THROTTLE,
	FEATURE_CPU_RELEASE,
	FEATURE_LIMIT_WRITE,
	FEATURE_VFS_WRITE,
	FEATURE_RECEIVE,
	FEATURE_PROCESS,
	FEATURE_SAMPLE,
	FEATURE_IO_THROTTLE,
	FEATURE_IO_THROTTLE_OLDER,
	FEATURE_IO_CARRY,
	FEATURE_TASKS,
	FEATURE_MAX
};

struct feature_row {
	const char *name; /* for --json and for tests */
	const char *what; /* what was looked for */
	const char *lost; /* what is lost without it */
	const char *cure; /* what to do about it */
	bool is_required; /* `run` cannot do without */
};

/* A BPF program: off until its feature is there and a better one is not. */
struct program_row {
	const char *name;
	enum feature needs;
	enum feature unless; /* FEATURE_MAX: none is better */
	const char *command; /* that loads it */
};

struct features {
	bool has[FEATURE_MAX];
	int err[FEATURE_MAX]; /* negative errno where asking failed */
};

const struct feature_row *feature_row(enum feature feature);
/* One after another from 0; NULL ends. A program that has two ways to be wanted has two rows. */
const struct program_row *feature_program(size_t i);
/* Asks this kernel and host. Needs no privilege, but sees less without. */
void features_probe(struct features *ret_features);
/* The first required feature that is missing, or FEATURE_MAX. */
enum feature features_missing(const struct features *features);
/* Programs whose feature is there, and whose better alternative is not. */
bool features_want_program(const struct features *features, const char *program);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of CPUs as the kernel writes them ("0-3,8") as sets and back. It never asks what a CPU is.
 */
#ifndef CGBPF_CPUSET_H
#define CGBPF_CPUSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NR_CPUS at its largest (arch/x86/Kconfig, NR_CPUS_RANGE_END). */
#define CPUSET_CPUS 8192
/* A list of every second CPU, with its NUL. */
#define CPUSET_TEXT_LEN 20480

struct cpuset {
	uint64_t words[CPUSET_CPUS / 64];
};

/*
 * The whole of TEXT, without blanks, one newline at its end aside. 0; -EINVAL: not such a list, or
 * an empty one; -EEXIST: it names a CPU twice; -ERANGE: a CPU beyond CPUSET_CPUS. *RET is untouched
 * on failure.
 */
int cpuset_parse(const char *text, struct cpuset *ret);
/* "0-3,8"; cut where it does not fit; returns BUF. */
char *cpuset_format(const struct cpuset *set, char *buf, size_t len);

void cpuset_add(struct cpuset *set, const struct cpuset *other);
bool cpuset_is_empty(const struct cpuset *set);
bool cpuset_is_equal(const struct cpuset *a, const struct cpuset *b);
/* The lowest CPU of A that is not in B, that is in B, or -1. */
int cpuset_first_outside(const struct cpuset *a, const struct cpuset *b);
int cpuset_first_shared(const struct cpuset *a, const struct cpuset *b);
/* From a file of one line such as /sys/devices/system/cpu/online. */
int cpuset_read(const char *file, struct cpuset *ret);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.max as numbers: quota and period, and cores as parts per million of one CPU. Pure; it never
 * reads a file. */
#ifndef CGBPF_QUOTA_H
#define CGBPF_QUOTA_H

#include <stddef.h>
#include <stdint.h>

/* tg_set_cfs_bandwidth() in kernel/sched/core.c: min_cfs_quota_period, max_cfs_quota_period. */
#define QUOTA_LEAST_US 1000ULL
#define PERIOD_LEAST_US 1000ULL
#define PERIOD_MOST_US 1000000ULL

struct quota {
	uint64_t quota_us; /* UINT64_MAX: no limit */
	uint64_t period_us;
};

/* "50000 100000" or "max 100000", as the kernel prints it. 0 or -EINVAL. */
int quota_parse(const char *text, struct quota *ret_quota);
/* The same text; returns BUF. 48 bytes suffice. */
char *quota_format(const struct quota *quota, char *buf, size_t len);
/* Of one CPU, in parts per million; UINT64_MAX: no limit. */
uint64_t quota_cores_ppm(const struct quota *quota);
/* The quota that is CORES_PPM in this period: no less than the kernel takes. */
uint64_t quota_for(uint64_t cores_ppm, uint64_t period_us);
/* CORES_PPM as that quota says it. */
uint64_t quota_rounded_ppm(uint64_t cores_ppm, uint64_t period_us);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of a task in /proc/PID/stat (man 5 proc). It never changes a task. */
#ifndef CGBPF_PROC_STAT_H
#define CGBPF_PROC_STAT_H

#include <stdint.h>

#include "bpf/abi.h"

#define PROC_STAT_STATE 3
#define PROC_STAT_FLAGS 9
#define PROC_STAT_START 22 /* in clock ticks since boot */
#define PROC_STAT_LEN 1024

/* Where FIELD, 3 or more, begins in TEXT, which is filled; NULL if there is none. */
const char *proc_stat_read(uint32_t pid, int field, char text[PROC_STAT_LEN]);
/* A field that is a number. -ESRCH: there is no such task. */
int proc_stat_number(uint32_t pid, int field, uint64_t *ret);
/* The name in a TEXT that was read. */
void proc_stat_comm(const char *text, char ret_comm[CGBPF_COMM_LEN]);

#endif

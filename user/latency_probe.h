/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of bench-latency's own BPF object. It never decides what a stamp means. */
#ifndef CGBPF_LATENCY_PROBE_H
#define CGBPF_LATENCY_PROBE_H

#include <stdint.h>
#include <sys/types.h>

#include "user/feature.h"
#include "user/latency_trace.h"

struct latency_probe;

/*
 * Loads and attaches what FEATURES allow. CGROUP_DEV: st_dev of the cgroup file system. -EPERM: not
 * permitted; else a negative errno, and *RET_PROGRAM (NULL: none) names the program that was in the
 * way.
 */
int latency_probe__open(const struct features *features, dev_t cgroup_dev,
			struct latency_probe **ret_probe, const char **ret_program);
/* Detaches and frees. NULL is allowed. */
void latency_probe__close(struct latency_probe *probe);

/* The writes of this file are stamped from here on. */
int latency_probe__watch(struct latency_probe *probe, uint64_t inode);
/* This process is on the road from here on; role NOBODY: no longer. */
int latency_probe__actor(struct latency_probe *probe, uint32_t pid, enum cgbpf_latency_role role);
/* Only what dockerd receives on this socket is a request. */
int latency_probe__socket(struct latency_probe *probe, const char *path);

/* Adds the stamps that are there to TRACE; waits at most TIMEOUT_MS for the first. */
void latency_probe__take(struct latency_probe *probe, struct latency_trace *trace, int timeout_ms);

/* Stamps lost; writes of the watched files by others. */
uint64_t latency_probe__lost_cnt(const struct latency_probe *probe);
uint64_t latency_probe__foreign_cnt(const struct latency_probe *probe);

#endif

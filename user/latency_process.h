/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the processes on a limit's road, and where runtimes keep their state. It only reads /proc
 * and /run. */
#ifndef CGBPF_LATENCY_PROCESS_H
#define CGBPF_LATENCY_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/* The process called COMM that PARENT started; PARENT 0: the only one of that name. 0: none, or not
 * the only one. */
uint32_t latency_process_find(const char *comm, uint32_t parent);
/* 0: there is no such process. */
uint32_t latency_process_parent(uint32_t pid);
/* Who listens on the unix socket SOCKET, if it is called COMM; else the only process of that name;
 * else 0. */
uint32_t latency_process_listener(const char *socket, const char *comm);

/*
 * The folder whose ID/FILE exists, as a runtime's --root wants it, of the runtimes that the daemon
 * DOCKERD's containerd starts. -ENOENT.
 */
int latency_process_runtime_root(uint32_t dockerd, const char *id, const char *file, char *buf,
				 size_t len);

#endif

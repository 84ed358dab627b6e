/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs one client to its end. It never decides what a client's end means. */
#ifndef CGBPF_LATENCY_CHILD_H
#define CGBPF_LATENCY_CHILD_H

#include <stdint.h>

struct latency_child {
	uint32_t pid;
	int status; /* its exit status; 128 and the signal's number where one ended it */
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
	char words[200]; /* the last line of what it said on standard error, escaped */
};

/*
 * Runs ARGV (found on PATH) with DOCKER_HOST set to the Engine's socket. Returns 0 when it came to
 * an end; -EINTR: SIGNAL_FD told of a signal, which is left there; -ETIMEDOUT; the child is gone in
 * any case. -ENOENT: no such program.
 */
int latency_child_run(char *const argv[], int signal_fd, int timeout_ms,
		      struct latency_child *ret_child);

#endif

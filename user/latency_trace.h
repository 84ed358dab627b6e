/* SPDX-License-Identifier: BSD-2-Clause */
/* What one change's stamps mean. Pure: no file, no clock, no process. */
#ifndef CGBPF_LATENCY_TRACE_H
#define CGBPF_LATENCY_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "user/latency.h"

#define LATENCY_TRACE_LEN 1024

/* The stamps of one change, as the kernel gave them. */
struct latency_trace {
	struct cgbpf_latency_event events[LATENCY_TRACE_LEN];
	size_t cnt;
	bool is_cut; /* more came than there is room for */
};

/* What was done. */
struct latency_request {
	uint64_t start_ns, end_ns; /* of the client, or of the call */
	uint64_t inode; /* of the file that was to be written */
	uint64_t other_inode; /* of the other limit of the same cgroup */
	uint32_t client_pid; /* 0: no client, the request begins with .start_ns */
	enum cgbpf_latency_role daemon; /* that the client asks; NOBODY: it writes itself */
};

struct latency_moments {
	uint64_t request_ns; /* the daemon has the request, or the client its first instruction */
	uint64_t entered_ns, left_ns; /* the kernel's write */
};

/*
 * -ENODATA: no successful write of the file after the request was seen; -ENOMSG: a write, but no
 * request before it; -EOVERFLOW: the trace is cut.
 */
int latency_moments_of(const struct latency_trace *trace, const struct latency_request *request,
		       struct latency_moments *ret_moments);

/*
 * How long each stage took, for a request to dockerd. Where containerd was not seen, its stage is
 * UINT64_MAX and dockerd's lasts until the shim's. false: the road was another one.
 */
bool latency_stages_of(const struct latency_trace *trace, const struct latency_request *request,
		       uint64_t ret_ns[LATENCY_STAGES]);

#endif

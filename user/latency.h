/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of bench-latency: methods, clocks, limits, stages. It holds no storage and no code. */
#ifndef CGBPF_LATENCY_H
#define CGBPF_LATENCY_H

enum latency_method {
	LATENCY_DOCKER_UPDATE = 0,
	LATENCY_DOCKER_API,
	LATENCY_RUNC_UPDATE,
	LATENCY_CRUN_UPDATE,
	LATENCY_SYSTEMCTL,
	LATENCY_SHELL_ECHO,
	LATENCY_OPEN_WRITE,
	LATENCY_CGBPF,
	LATENCY_BARE_PWRITE, /* what cgbpf's way is held against */
	LATENCY_METHODS
};

enum latency_clock {
	LATENCY_CLI_WALL = 0, /* start of the client to its exit; of the call to its return */
	LATENCY_REQUEST_TO_KERNEL,
	LATENCY_WRITE_ONLY,
	LATENCY_CLOCKS
};

enum latency_knob { LATENCY_MEMORY = 0, LATENCY_CPU, LATENCY_KNOBS };

/* Where the time of a `docker update` goes; each ends where the next begins. */
enum latency_stage {
	LATENCY_STAGE_CLIENT = 0, /* from the client's start until dockerd has its request */
	LATENCY_STAGE_DOCKERD, /* until containerd has dockerd's */
	LATENCY_STAGE_CONTAINERD, /* until the shim has containerd's */
	LATENCY_STAGE_SHIM, /* until the shim starts a process */
	LATENCY_STAGE_START, /* until that is runc's first instruction */
	LATENCY_STAGE_RUNC, /* until runc enters its first write of a limit */
	LATENCY_STAGE_WRITES, /* until the kernel leaves the last */
	LATENCY_STAGE_RETURN, /* until the client has ended */
	LATENCY_STAGES
};

#endif

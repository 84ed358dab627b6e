/* SPDX-License-Identifier: BSD-2-Clause */
/* The cgroup whose two limits bench-latency changes: its files, its values, how it was before. It
 * never starts or ends a container (see latency_engine). */
#ifndef CGBPF_LATENCY_PLACE_H
#define CGBPF_LATENCY_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "user/latency.h"

/* What the Engine has written down of a container. */
struct latency_docker {
	int64_t memory, memory_swap, cpu_quota, cpu_period, nano_cpus;
};

struct latency_place {
	char *path; /* below the cgroup root; owned */
	int dir_fd;
	struct latency_limit {
		bool is_there;
		int fd; /* kept open */
		uint64_t inode;
		char original[CGBPF_VALUE_LEN];
		uint64_t base; /* bytes; microseconds of quota */
	} limits[LATENCY_KNOBS];
	uint64_t period_us;
	/* A container; of a plain cgroup all is empty. */
	char id[65];
	char name[128]; /* escaped */
	char runtime[32];
	char runtime_root[256]; /* where its runtime keeps its state; empty: not found */
	uint32_t init_pid, shim_pid;
	struct latency_docker docker;
};

/* A value that the limit has not. */
struct latency_value {
	uint64_t number;
	char text[48]; /* as the file takes it and shows it */
};

/* Opens the limits of the cgroup at PATH (kept by PLACE) and notes them. */
int latency_place__open(struct latency_place *place, int root_fd, char *path);
void latency_place__close(struct latency_place *place);

/* The SEQ'th; never under what the limit was at first, so that nothing can be killed. */
struct latency_value latency_place__value(const struct latency_place *place, enum latency_knob knob,
					  uint64_t seq);
/* What stands there now; 0 or a negative errno. */
int latency_place__standing(const struct latency_place *place, enum latency_knob knob,
			    char text[CGBPF_VALUE_LEN]);
/* Writes back, byte for byte, what is not as it was. */
int latency_place__restore(const struct latency_place *place);

/* "memory.max", "cpu.max" */
const char *latency_knob_name(enum latency_knob knob);

#endif

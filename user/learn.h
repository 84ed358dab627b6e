/* SPDX-License-Identifier: BSD-2-Clause */
/* What `run` knows of the memory that governed cgroups mostly use: calibrated, or learned while it
 * lives. Main thread only; it never changes a limit. */
#ifndef CGBPF_LEARN_H
#define CGBPF_LEARN_H

#include <stdbool.h>
#include <stdint.h>

struct controller;
struct group;
struct learn;

/* A controller without it goes on: what is lost is said, and *RET_LEARN is NULL. */
void learn__start(struct controller *controller, struct learn **ret_learn);
void learn__stop(struct learn *learn);
/* One sample of every governed cgroup; at the heartbeat, so that nothing wakes for it alone. */
void learn__tick(struct learn *learn, struct controller *controller);
void learn__forget(struct learn *learn, uint64_t id);

struct learned {
	bool is_known;
	bool is_calibrated; /* from the file, not from own samples */
	uint64_t min_bytes, median_bytes;
	uint64_t usage_bytes; /* at the last sample; 0: none yet */
};

/* Calibrated where the file names it, else learned from enough samples of our own. */
void learn__know(const struct learn *learn, const struct controller *controller,
		 const struct group *group, struct learned *ret_learned);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A cgroup below the root for bench-latency where nobody else makes one. It never opens its limits.
 */
#ifndef CGBPF_LATENCY_FOLDER_H
#define CGBPF_LATENCY_FOLDER_H

#include <stdbool.h>

/* Zeros: none. */
struct latency_folder {
	char name[32];
	bool is_made;
	unsigned int given; /* controllers that the root did not hand down before; a bit each */
};

/* 0 or a negative errno. A controller that is missing leaves out its limit. */
int latency_folder__make(struct latency_folder *folder, int root_fd);
/* With what was handed down for it. One of zeros, or gone already, is no failure. */
int latency_folder__remove(struct latency_folder *folder, int root_fd);

#endif

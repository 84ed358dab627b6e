/* SPDX-License-Identifier: BSD-2-Clause */
/* A slice of systemd's for bench-latency, where there is no container. It never changes a unit it
 * did not start. */
#ifndef CGBPF_LATENCY_UNIT_H
#define CGBPF_LATENCY_UNIT_H

#include <stdbool.h>
#include <stddef.h>

/* Does systemd run this machine? */
bool latency_unit_has_systemd(void);

/* Starts a slice with both limits below the root, and names it in UNIT. 0 or a negative errno. */
int latency_unit_make(int signal_fd, char *unit, size_t len);
/* Stops it and drops what was set. */
int latency_unit_remove(int signal_fd, const char *unit);

#endif

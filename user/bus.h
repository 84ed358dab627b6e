/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks systemd over D-Bus: slices made and stopped, units read again. It never runs a program. */
#ifndef CGBPF_BUS_H
#define CGBPF_BUS_H

#include <stdint.h>

#include "user/cpuset.h"

struct bus;

/* The calling user's manager, for root the system's. -ELIBACC: libsystemd is missing; -ENOENT: no
 * bus. Closed by the caller. */
int bus__open(struct bus **ret_bus);
void bus__close(struct bus *bus);

/* CPUS and 0 bytes may be left out. Returns once the slice is active. ERROR: systemd's own words.
 */
int bus__start_slice(struct bus *bus, const char *name, const char *description,
		     const struct cpuset *cpus, uint64_t memory_bytes, char *error,
		     size_t error_len);
int bus__stop_unit(struct bus *bus, const char *name, char *error, size_t error_len);
/* The cgroup of a slice, below the root; the caller frees. */
int bus__slice_cgroup(struct bus *bus, const char *name, char **ret_path);
/* As whoever made the unit described it; the caller frees. */
int bus__unit_description(struct bus *bus, const char *name, char **ret_text);
/* Reads all unit files again. */
int bus__reload(struct bus *bus, char *error, size_t error_len);

#endif

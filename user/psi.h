/* SPDX-License-Identifier: BSD-2-Clause */
/* Pressure stall information: the kernel's own totals of the machine and of a cgroup. It never
 * registers a trigger (see pressure) and keeps no state. */
#ifndef CGBPF_PSI_H
#define CGBPF_PSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum psi_resource { PSI_CPU = 0, PSI_MEMORY = 1, PSI_IO = 2, PSI_RESOURCES };

/* Time since boot, or since the cgroup was made, in which some, or all, tasks that were not idle
 * waited for the resource. */
struct psi_totals {
	uint64_t some_us, full_us;
};

struct psi {
	bool has[PSI_RESOURCES];
	struct psi_totals of[PSI_RESOURCES];
};

const char *psi_name(enum psi_resource resource); /* "memory" */
/* The text of a pressure file: lines "some avg10=… total=N" and, not on every kernel, "full …". 0
 * or -EINVAL. */
int psi_parse(const char *text, struct psi_totals *ret_totals);
/* What is not there is left out. */
void psi_read_cgroup(int dir_fd, struct psi *ret_psi);
void psi_read_machine(struct psi *ret_psi);

/* Where a reading is of the time since another one; resources that one of them lacks are left out.
 */
struct psi psi_since(const struct psi *now, const struct psi *before);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cgroup files that are knobs: their names, and the one text in which a value of each is kept
 * and compared. It never writes (see apply).
 */
#ifndef CGBPF_KNOB_H
#define CGBPF_KNOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

/* "8:0" needs less. */
#define KNOB_DEVICE_LEN 16

/* "cpu.max"; also for what is no file: "nice". "unknown" for what is no knob. */
const char *knob_name(uint32_t knob);

/* Opens the knob's file for reading and writing. 0 or a negative errno. */
int knob__open(int dir_fd, uint32_t knob, int *ret_fd);

/*
 * What stands there, without a newline; of io.max the line of KEY's device, also where the kernel
 * leaves it out because all of it is "max". Text like this can be written back as it is. 0 or a
 * negative errno; -E2BIG: longer than LEN.
 */
int knob__read_fd(int fd, const struct cgbpf_ledger_key *key, char *buf, size_t len);
int knob__read(int dir_fd, const struct cgbpf_ledger_key *key, char *buf, size_t len);

/*
 * Does what somebody WROTE leave STANDING (as knob__read gives it) as it is? Each word of it stands
 * there, the first in its place; what is not written the kernel leaves (a period, limits of
 * io.max).
 */
bool knob_agrees(const char *wrote, const char *standing);

/* "8:0"; returns BUF. */
char *knob_device(uint32_t device, char buf[KNOB_DEVICE_LEN]);
/* As the ledger's keys have it (MAJOR and MINOR of include/linux/kdev_t.h). */
uint32_t knob_device_of(unsigned int major, unsigned int minor);
/* Is it a block device of this machine, as far as sysfs tells? */
bool knob__has_device(uint32_t device);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments as people write and read them. It never asks the time. */
#ifndef CGBPF_WHEN_H
#define CGBPF_WHEN_H

#include <stddef.h>
#include <stdint.h>

/*
 * "2026-11-24T18:30:00Z", with a fraction, with an offset such as +01:00; "now"; "now+5m". NOW and
 * the result count ns since 1970. 0, -EINVAL (no moment) or -ERANGE (does not fit).
 */
int when_parse(const char *text, uint64_t now_ns, uint64_t *ret_ns);
/* "2026-11-24T18:30:00.000000Z"; returns BUF. 32 bytes always suffice. */
char *when_format(uint64_t ns, char *buf, size_t len);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Quantities as people write them, to numbers and back. It never guesses a unit. */
#ifndef CGBPF_UNITS_H
#define CGBPF_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* All parsers take the whole string, return 0, -EINVAL (not such a quantity) or -ERANGE (does not
 * fit), and leave *RET untouched on failure. */

/* "64M", "1.5G", "4096", "10KiB": binary multiples K M G T, optional "B" or "iB"; 0 to INT64_MAX
 * bytes. */
int units_parse_bytes(const char *text, uint64_t *ret_bytes);
/* "20ms", "1.5s", "60s", "2m", "1h", "500us", "100ns"; a unit is required; 0 to INT64_MAX ns. */
int units_parse_duration(const char *text, uint64_t *ret_ns);
/* "90%", "12.5%": 0 to 100 % in parts per million; the sign is required. */
int units_parse_percent(const char *text, uint32_t *ret_ppm);
/* "0.5", "50%", "2", "250%": CPUs, in parts per million of one. */
int units_parse_cores(const char *text, uint64_t *ret_ppm);
/* A limit as the kernel prints it: a decimal number or "max" (UINT64_MAX); one newline may follow.
 */
int units_parse_limit(const char *text, uint64_t *ret_bytes);

/* As units_parse_limit takes it; returns BUF. 24 bytes always suffice. */
char *units_format_limit(uint64_t bytes, char *buf, size_t len);
/* "64.0 MiB", "max" for UINT64_MAX; returns BUF. 16 bytes always suffice. */
char *units_format_bytes(uint64_t bytes, char *buf, size_t len);
/* "0.5 CPUs", "max" for UINT64_MAX; returns BUF. */
char *units_format_cores(uint64_t ppm, char *buf, size_t len);
/* "412 us", "20.0 ms", "1.5 s"; returns BUF. */
char *units_format_duration(uint64_t ns, char *buf, size_t len);

#endif

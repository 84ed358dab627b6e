/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes untrusted bytes (cgroup names, comm, labels) fit to be shown. It never changes what it is
 * given. */
#ifndef CGBPF_TEXT_H
#define CGBPF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * For a terminal: printable ASCII and valid printable UTF-8 stay; backslash becomes "\\", control
 * bytes, DEL, C1 controls and bytes of invalid UTF-8 become "\xNN". Always NUL-terminated; cut at
 * LEN with "…" at the end when it does not fit. Returns BUF.
 */
char *text_escape(const char *bytes, size_t bytes_len, char *buf, size_t len);
/* The same into fresh memory, never cut; the caller frees. NULL when memory is short. */
char *text_escape_dup(const char *bytes);
/* For JSON: valid UTF-8 stays, each invalid byte becomes U+FFFD; the caller frees. *RET_IS_EXACT
 * (may be NULL) says whether nothing was replaced. NULL when memory is short. */
char *text_to_utf8(const char *bytes, bool *ret_is_exact);
/* The same as a new JSON string; of NULL as null. NULL when memory is short. */
struct json_t *text_json(const char *bytes);
/* For YAML, in double quotes: what is not printable becomes \uNNNN, invalid bytes U+FFFD; the
 * caller frees. NULL when memory is short. */
char *text_yaml_dup(const char *bytes);
/* Two digits for each byte, for what JSON cannot hold; the caller frees. NULL when memory is short.
 */
char *text_hex_dup(const char *bytes);

#endif

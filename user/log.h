/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for people on standard error. It never ends the program and never blocks a rescue: see
 * journal for records. */
#ifndef CGBPF_LOG_H
#define CGBPF_LOG_H

/* "cgbpf: " + text + newline to standard error in one write(2). Untrusted text must come escaped
 * (text_escape). */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2))); /* only with -v */

enum log_level { LOG_LEVEL_QUIET = 1, LOG_LEVEL_NORMAL = 2, LOG_LEVEL_VERBOSE = 3 };
void log_set_level(enum log_level level);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of whole lines: appended to with one write(2) a line. It never knows what a line means and
 * never continues a torn one. */
#ifndef CGBPF_LINES_H
#define CGBPF_LINES_H

#include <stdint.h>

struct lines;

/*
 * Opens FILE for appending (O_CLOEXEC, mode 0640; "-" is standard output). A symbolic link at the
 * end of the path is refused (-ELOOP). A torn last line (no newline at the end) is closed with a
 * newline first, so that every later line is whole. Returns 0 or a negative errno.
 */
int lines__open(const char *file, struct lines **ret_lines);
/* Closes and opens the same path again (log rotation). On failure the old one stays. */
int lines__reopen(struct lines *lines);
/*
 * TEXT and a newline in one write(2). A negative errno when it was not written as a whole; a line
 * cut by a full disk is never continued on: the next begins on a line of its own.
 */
int lines__write(struct lines *lines, const char *text);
/*
 * Once the file holds MOST_BYTES or more: FILE becomes FILE.1, FILE.1 becomes FILE.2, up to KEEP of
 * them, and FILE begins anew. 1: rotated; 0: not yet, or no regular file; a negative errno: it
 * could not be, and the old one goes on.
 */
int lines__rotate(struct lines *lines, uint64_t most_bytes, unsigned int keep);
/* The name it was opened with. */
const char *lines__file(const struct lines *lines);
void lines__close(struct lines *lines);

#endif

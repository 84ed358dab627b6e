/* SPDX-License-Identifier: BSD-2-Clause */
/* One line of a file at a time, in bounded memory. It never knows what a line means. */
#ifndef CGBPF_LINE_READ_H
#define CGBPF_LINE_READ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A line of samples or of a journal that is longer is none of ours. */
#define LINE_MOST (1 << 20)

/*
 * The next line with its newline, which the last one may lack, into BUF as far as MOST bytes go; it
 * may have NULs in it and gets none. Returns the whole line's length, also where that is more than
 * MOST; 0 at the file's end or on an error (ferror(3)).
 */
uint64_t line_read(FILE *f, char *buf, size_t most);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A result file: known to be writable before the work begins, whole or as it was before. It never
 * leaves a torn one.
 */
#ifndef CGBPF_OUTFILE_H
#define CGBPF_OUTFILE_H

#include <stdio.h>

struct outfile {
	FILE *stream; /* to write to */
	char *path; /* owned; NULL: standard output */
	char *part; /* owned; what becomes PATH in the end; NULL: PATH is no regular file */
};

/*
 * 0 or a negative errno; what is there stays as it is until outfile__commit. A link stays a link:
 * what it leads to is replaced. A pipe or a device is written to directly. FILE "-" or NULL:
 * standard output.
 */
int outfile__open(const char *file, struct outfile *ret_out);
/* -EINVAL: FILE is a pipe or a device. No name stands for standard output. */
int outfile__open_regular(const char *file, struct outfile *ret_out);
/* Would that work? FILE is left as it is. */
int outfile_check(const char *file);
/* Puts what was written in its place. 0 or a negative errno; the outfile is closed either way. */
int outfile__commit(struct outfile *out);
/* Leaves what was there before. An outfile of zeros is allowed. */
void outfile__abandon(struct outfile *out);

#endif

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

/* FILE "-" or NULL: standard output. 0 or a negative errno. */
int outfile__open(const char *file, struct outfile *ret_out);
/* Puts what was written in its place. 0 or a negative errno; the outfile is closed either way. */
int outfile__commit(struct outfile *out);
/* Leaves what was there before. An outfile of zeros is allowed. */
void outfile__abandon(struct outfile *out);

#endif

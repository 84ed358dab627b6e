// SPDX-License-Identifier: BSD-2-Clause
/* Owns the way from a file to its next line. It never allocates. */
#include "user/line_read.h"

uint64_t line_read(FILE *f, char *buf, size_t most)
{
	uint64_t len = 0;
	int c = 0;

	while (c != '\n' && (c = getc_unlocked(f)) != EOF) {
		if (len < most)
			buf[len] = (char)c;
		len++;
	}
	return len;
}

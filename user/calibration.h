/* SPDX-License-Identifier: BSD-2-Clause */
/* What `calibrate` has written, read again: all or nothing. It never samples. */
#ifndef CGBPF_CALIBRATION_H
#define CGBPF_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

struct calibration_entry {
	char *path; /* below the root, raw bytes */
	uint64_t min_bytes, median_bytes, max_bytes;
	unsigned int line;
};

struct calibration {
	char *file; /* owned */
	struct calibration_entry *entries; /* owned, by path */
	size_t cnt;
};

/*
 * On failure returns a negative errno (-EINVAL for anything wrong in the file), leaves
 * *RET_CALIBRATION untouched and writes one line "FILE:LINE:COLUMN: what" to ERROR. FILE must be a
 * regular file, no symbolic link at its end, and not writable by others.
 */
int calibration__load(const char *file, struct calibration *ret_calibration, char *error,
		      size_t error_len);
/* NULL: it was not seen. */
const struct calibration_entry *calibration__find(const struct calibration *calibration,
						  const char *path);
void calibration__free(struct calibration *calibration);

#endif

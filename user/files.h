/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of JSON that are replaced as a whole, or not at all, or grow line by line. It never leaves
 * half of one. */
#ifndef CGBPF_FILES_H
#define CGBPF_FILES_H

#include <jansson.h>

#include "user/outfile.h"

/* As outfile__open_regular says; not in its place before outfile__commit. 0 or a negative errno. */
int files__write_json(const char *file, const json_t *root, struct outfile *ret_out);
/* Adds ROOT as one line to FILE, which is no link, in one write; none of it where that fails. A
 * last line that was cut is ended first. 0 or a negative errno. */
int files__append_json(const char *file, const json_t *root);

#endif

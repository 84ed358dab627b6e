/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are replaced as a whole, or not at all. It never follows a link at the end of a path.
 */
#ifndef CGBPF_FILES_H
#define CGBPF_FILES_H

#include <jansson.h>

/* Writes ROOT beside FILE, syncs it, and renames it over FILE. 0 or a negative errno. */
int files__replace_json(const char *file, const json_t *root);
/* Adds ROOT as one line to FILE, in one write. 0 or a negative errno. */
int files__append_json(const char *file, const json_t *root);

#endif

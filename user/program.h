/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that others have installed. It never runs one. */
#ifndef CGBPF_PROGRAM_H
#define CGBPF_PROGRAM_H

#include <stdbool.h>

/* Would execvp find it? */
bool program_is_on_path(const char *program);

#endif

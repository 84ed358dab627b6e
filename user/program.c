// SPDX-License-Identifier: BSD-2-Clause
/* Owns the look for a program on PATH. It never runs one. */
#include "user/program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool program_is_on_path(const char *program)
{
	const char *path = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";

	while (*path) {
		int len = (int)strcspn(path, ":");
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%.*s/%s", len, path, program);
		if (access(file, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

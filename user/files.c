// SPDX-License-Identifier: BSD-2-Clause
/* Replaces and extends small files of JSON. It never leaves half of one under its name. */
#include "user/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text), done = 0;

	while (done < len) {
		ssize_t written = write(fd, text + done, len - done);

		if (written < 0 && errno != EINTR)
			return -errno;
		done += written > 0 ? (size_t)written : 0;
	}
	return 0;
}

int files__write_json(const char *file, const json_t *root, struct outfile *ret_out)
{
	struct outfile out;
	int err = outfile__open_regular(file, &out);

	if (err)
		return err;
	if (json_dumpf(root, out.stream,
		       JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17)) < 0 ||
	    fputc('\n', out.stream) == EOF || fflush(out.stream) == EOF) {
		outfile__abandon(&out);
		return -EIO;
	}
	*ret_out = out;
	return 0;
}

int files__append_json(const char *file, const json_t *root)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644), err;
	char *text, *line = NULL;

	if (fd < 0)
		return -errno;
	text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
	err = !text || asprintf(&line, "%s\n", text) < 0 ? -ENOMEM : write_all(fd, line);
	free(line);
	free(text);
	close(fd);
	return err;
}

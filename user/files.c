// SPDX-License-Identifier: BSD-2-Clause
/* Replaces and extends small files of JSON. It never leaves half of one under its name. */
#include "user/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* *RET_DONE: how much of it, also where it fails. */
static int write_all(int fd, const char *text, size_t *ret_done)
{
	size_t len = strlen(text);

	*ret_done = 0;
	while (*ret_done < len) {
		ssize_t written = write(fd, text + *ret_done, len - *ret_done);

		if (written < 0 && errno != EINTR)
			return -errno;
		*ret_done += written > 0 ? (size_t)written : 0;
	}
	return 0;
}

/* Was the last line cut, by a death, or where take_back() failed? */
static bool is_torn(int fd, off_t size)
{
	char last = '\n';

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* Half a line would be lost, and the next one with it. What others have added meanwhile stays. */
static void take_back(int fd, off_t size, size_t done)
{
	struct stat st;

	if (done && !fstat(fd, &st) && st.st_size == size + (off_t)done && ftruncate(fd, size) < 0)
		return; /* it is torn, and the next line begins with a newline */
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
	/* Readable too, for the look at the last byte. */
	int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644), err;
	char *text, *line = NULL;
	size_t done = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		st.st_size = 0;
	text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
	err = -ENOMEM;
	if (text && asprintf(&line, "%s%s\n", is_torn(fd, st.st_size) ? "\n" : "", text) >= 0)
		err = write_all(fd, line, &done);
	if (err)
		take_back(fd, st.st_size, done);
	free(line);
	free(text);
	close(fd);
	return err;
}

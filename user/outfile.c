// SPDX-License-Identifier: BSD-2-Clause
/* Owns the way of a result from a part file to its place. It never leaves a torn file. */
#include "user/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_stream(int fd, FILE **ret_stream)
{
	if (fd < 0)
		return -errno;
	*ret_stream = fdopen(fd, "w");
	if (*ret_stream)
		return 0;
	close(fd);
	return -ENOMEM;
}

/* What is there and no regular file (a pipe, a device) is written to directly. */
static int open_directly(struct outfile *out)
{
	return open_stream(open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY), &out->stream);
}

static int open_part(struct outfile *out)
{
	int fd;

	if (asprintf(&out->part, "%s.part.%d", out->path, getpid()) < 0) {
		out->part = NULL;
		return -ENOMEM;
	}
	fd = open(out->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return open_stream(fd, &out->stream);
}

int outfile__open(const char *file, struct outfile *ret_out)
{
	struct outfile out = {};
	struct stat st;
	int err;

	if (!file || strcmp(file, "-") == 0) {
		ret_out->stream = stdout;
		ret_out->path = ret_out->part = NULL;
		return 0;
	}
	out.path = strdup(file);
	if (!out.path)
		return -ENOMEM;
	if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		err = open_directly(&out);
	else if (access(file, F_OK) == 0 && access(file, W_OK) < 0)
		err = -errno;
	else
		err = open_part(&out);
	if (err) {
		outfile__abandon(&out);
		return err;
	}
	*ret_out = out;
	return 0;
}

int outfile__commit(struct outfile *out)
{
	int err = fflush(out->stream) || ferror(out->stream) ? -errno : 0;

	if (!err && out->part && rename(out->part, out->path) < 0)
		err = -errno;
	if (!err) {
		free(out->part);
		out->part = NULL;
	}
	outfile__abandon(out);
	return err;
}

void outfile__abandon(struct outfile *out)
{
	if (out->part)
		unlink(out->part);
	if (out->stream && out->stream != stdout)
		fclose(out->stream);
	free(out->part);
	free(out->path);
	*out = (struct outfile){};
}

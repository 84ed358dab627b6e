// SPDX-License-Identifier: BSD-2-Clause
/* Owns the way of a result from a part file to its place. It never leaves a torn file. */
#include "user/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

/* May what is there be replaced or written to? *RET_TYPE: of it; 0: nothing is there. */
static int look(const char *file, mode_t *ret_type)
{
	struct stat st;

	/* As open: it obeys fs.protected_symlinks too (may_follow_link() in fs/namei.c). */
	if (stat(file, &st) < 0) {
		if (errno != ENOENT)
			return -errno;
		/* Nobody asked for a file where a link leads nowhere. */
		*ret_type = 0;
		return lstat(file, &st) == 0 ? -ENOENT : 0;
	}
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (access(file, W_OK) < 0)
		return -errno;
	*ret_type = st.st_mode & S_IFMT;
	return 0;
}

/* A pipe or a device. */
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

static int open_file(const char *file, bool wants_regular, struct outfile *ret_out)
{
	struct outfile out = {};
	mode_t type = 0;
	int err = look(file, &type);

	if (!err && wants_regular && type && type != S_IFREG)
		err = -EINVAL;
	if (err)
		return err;
	/* Links stay as they are: what they lead to is replaced. */
	out.path = type == S_IFREG ? realpath(file, NULL) : strdup(file);
	if (!out.path)
		return errno ? -errno : -ENOMEM;
	err = type && type != S_IFREG ? open_directly(&out) : open_part(&out);
	if (err) {
		/* The part, if there is one, is not ours. */
		free(out.part);
		free(out.path);
		return err;
	}
	*ret_out = out;
	return 0;
}

int outfile__open(const char *file, struct outfile *ret_out)
{
	if (file && strcmp(file, "-") != 0)
		return open_file(file, false, ret_out);
	*ret_out = (struct outfile){.stream = stdout};
	return 0;
}

int outfile__open_regular(const char *file, struct outfile *ret_out)
{
	return open_file(file, true, ret_out);
}

int outfile_check(const char *file)
{
	struct outfile out = {};
	int err = outfile__open_regular(file, &out);

	if (!err)
		outfile__abandon(&out);
	return err;
}

int outfile__commit(struct outfile *out)
{
	int err = fflush(out->stream) || ferror(out->stream) ? -(errno ?: EIO) : 0;

	if (!err && out->part && fsync(fileno(out->stream)) < 0)
		err = -errno;
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

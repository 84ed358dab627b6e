// SPDX-License-Identifier: BSD-2-Clause
/* Owns a file of whole lines: opening, appending, closing a torn tail, rotating. It never waits for
 * a reader and never reports a failure to people. */
#include "user/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lines {
	char *file; /* owned */
	int fd;
	bool is_torn; /* the last byte written is not a newline */
};

/*
 * O_NONBLOCK: a pipe whose reader stands still must not stop the controller. A pipe or terminal on
 * standard output gets a description of its own, so that the flag does not reach the programs that
 * share it; a file keeps the shared one, and with it the shared offset.
 */
static int open_standard_output(void)
{
	struct stat st;
	int fd = -1;

	if (fstat(STDOUT_FILENO, &st))
		return -errno;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return fd < 0 ? -errno : fd;
}

/* Readable too, for the look at the last byte. */
static int open_file(const char *file)
{
	int fd = open(file,
		      O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		      0640);

	return fd < 0 ? -errno : fd;
}

/* Takes FD in place of the one held. A torn tail that cannot be closed now waits for the next line.
 */
static void take_fd(struct lines *lines, int fd)
{
	struct stat st;
	char last = '\n';

	if (lines->fd >= 0)
		close(lines->fd);
	lines->fd = fd;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    pread(fd, &last, 1, st.st_size - 1) != 1)
		last = '\n';
	lines->is_torn = last != '\n' && write(fd, "\n", 1) != 1;
}

static bool is_standard_output(const char *file)
{
	return !strcmp(file, "-");
}

int lines__open(const char *file, struct lines **ret_lines)
{
	struct lines *lines = calloc(1, sizeof(*lines));
	int fd;

	if (!lines)
		return -ENOMEM;
	lines->fd = -1;
	lines->file = strdup(file);
	if (!lines->file) {
		free(lines);
		return -ENOMEM;
	}
	fd = is_standard_output(file) ? open_standard_output() : open_file(file);
	if (fd < 0) {
		lines__close(lines);
		return fd;
	}
	take_fd(lines, fd);
	/* A reader gone or a size limit reached is a failed write, not our end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	*ret_lines = lines;
	return 0;
}

int lines__reopen(struct lines *lines)
{
	int fd;

	if (is_standard_output(lines->file))
		return 0;
	fd = open_file(lines->file);
	if (fd < 0)
		return fd;
	take_fd(lines, fd);
	return 0;
}

int lines__write(struct lines *lines, const char *text)
{
	ssize_t written;
	char *line;
	int len, err = 0;

	len = asprintf(&line, "%s%s\n", lines->is_torn ? "\n" : "", text);
	if (len < 0)
		return -ENOMEM;
	do
		written = write(lines->fd, line, (size_t)len);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		err = -errno;
	else if (written < len)
		err = -ENOSPC; /* the disk filled up on the way */
	if (written > 0)
		lines->is_torn = line[written - 1] != '\n';
	free(line);
	return err;
}

/* FILE.n-1 becomes FILE.n; 0 stands for FILE itself. One that is not there is no failure. */
static int move_up(const char *file, unsigned int n)
{
	char *from, *to;
	int err = 0;

	if (n == 1)
		from = strdup(file);
	else if (asprintf(&from, "%s.%u", file, n - 1) < 0)
		from = NULL;
	if (!from)
		return -ENOMEM;
	if (asprintf(&to, "%s.%u", file, n) < 0) {
		free(from);
		return -ENOMEM;
	}
	if (rename(from, to) < 0 && errno != ENOENT)
		err = -errno;
	free(from);
	free(to);
	return err;
}

int lines__rotate(struct lines *lines, uint64_t most_bytes, unsigned int keep)
{
	struct stat st;
	int err = 0;

	if (is_standard_output(lines->file) || fstat(lines->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < most_bytes)
		return 0;
	for (unsigned int n = keep; n && !err; n--)
		err = move_up(lines->file, n);
	if (!err && !keep && unlink(lines->file) < 0)
		err = -errno;
	if (!err)
		err = lines__reopen(lines);
	return err ? err : 1;
}

const char *lines__file(const struct lines *lines)
{
	return lines->file;
}

void lines__close(struct lines *lines)
{
	if (!lines)
		return;
	if (lines->fd >= 0)
		close(lines->fd);
	free(lines->file);
	free(lines);
}

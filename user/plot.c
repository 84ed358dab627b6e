// SPDX-License-Identifier: BSD-2-Clause
/* Owns the child process that is gnuplot. It never decides what a picture
 * shows. */
#include "user/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/outfile.h"
#include "user/program.h"
#include "user/text.h"

#define GNUPLOT "gnuplot"
#define SHELL_NOT_FOUND 127

extern char **environ;

int plot_check(const char *file)
{
	return program_is_on_path(GNUPLOT) ? outfile_check(file) : -ENOPKG;
}

/* A file in memory to give a child as its input or to take its words from. */
static int memory_file(const char *text)
{
	int fd = memfd_create("plot", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s", text) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* gnuplot with these three descriptors; returns 0 when it ended with status 0. */
static int run_gnuplot(int in_fd, int out_fd, int error_fd)
{
	/* Neither its own settings nor a terminal's: -d, and a script on standard input. */
	char *argv[] = {GNUPLOT, "-d", "-", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int status, err;
	pid_t pid;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	err = posix_spawnp(&pid, GNUPLOT, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		return err == ENOENT ? -ENOPKG : -err;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == SHELL_NOT_FOUND)
		return -ENOPKG;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBADMSG;
}

/* The line that says what was wrong: gnuplot shows the place first. */
static void read_words(int fd, char *error, size_t error_len)
{
	char text[4096], *word = text;
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	for (char *line = text; (line = strstr(line, "line ")); line++)
		word = line;
	word[strcspn(word, "\n")] = '\0';
	text_escape(word, strlen(word), error, error_len);
}

int plot_svg(const char *script, const char *file, unsigned int width, unsigned int height,
	     char *error, size_t error_len)
{
	struct outfile out;
	char *whole = NULL;
	int in_fd = -1, error_fd = -1, err;

	*error = '\0';
	if (asprintf(&whole,
		     "set terminal svg size %u,%u dynamic noenhanced background rgb 'white' "
		     "font 'sans-serif,13'\n%s\n",
		     width, height, script) < 0)
		return -ENOMEM;
	err = outfile__open_regular(file, &out);
	if (err) {
		free(whole);
		return err;
	}
	in_fd = memory_file(whole);
	error_fd = memory_file("");
	err = in_fd < 0	     ? in_fd
	      : error_fd < 0 ? error_fd
			     : run_gnuplot(in_fd, fileno(out.stream), error_fd);
	if (err == -EBADMSG)
		read_words(error_fd, error, error_len);
	if (err)
		outfile__abandon(&out);
	else
		err = outfile__commit(&out);
	if (in_fd >= 0)
		close(in_fd);
	if (error_fd >= 0)
		close(error_fd);
	free(whole);
	return err;
}

const char *plot_error(int err)
{
	switch (err) {
	case -ENOPKG:
		return "gnuplot, which draws it, is not installed (package gnuplot-nox)";
	case -EBADMSG:
		return "gnuplot did not take its script";
	case -EINVAL:
		return "it is no regular file";
	default:
		return strerror(-err);
	}
}

/* In single quotes gnuplot knows no escape, no variable and no command; a quote is written twice.
 */
char *plot_quote(const char *text, char *buf, size_t len)
{
	size_t used = 0;

	if (len < sizeof("''"))
		return buf;
	buf[used++] = '\'';
	for (; *text && used + 4 <= len; text++) {
		unsigned char byte = *text;

		buf[used++] = byte < ' ' || byte == 0x7f ? ' ' : *text;
		if (byte == '\'')
			buf[used++] = '\'';
	}
	buf[used++] = '\'';
	buf[used] = '\0';
	return buf;
}

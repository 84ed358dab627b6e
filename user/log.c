/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the lines on standard error: one bounded buffer, one write each. It never waits for the
 * reader, never escapes and never ends the program. */
#include "user/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "cgbpf: "
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"
#define CUT "…"

/* What a pipe that polls as writable takes whole and at once (pipe_poll() in fs/pipe.c). */
#define LINE_MAX_BYTES PIPE_BUF
/* Room kept behind the text for what ends a line. */
#define TAIL_BYTES (sizeof(CUT PLAIN "\n"))

static enum log_level level = LOG_LEVEL_NORMAL;

void log_set_level(enum log_level new_level)
{
	level = new_level;
}

static bool wants_colour(void)
{
	return !getenv("NO_COLOR") && isatty(STDERR_FILENO);
}

/* Writes unless that could block, as on a full pipe or a stopped terminal, or raise SIGPIPE. */
static void write_line(const char *line, size_t len)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t written;

	if (poll(&out, 1, 0) != 1 || out.revents != POLLOUT)
		return;
	do
		written = write(STDERR_FILENO, line, len);
	while (written < 0 && errno == EINTR);
}

static bool is_utf8_continuation(char byte)
{
	return (byte & 0xc0) == 0x80;
}

static void print_line(const char *colour, const char *format, va_list args)
{
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	size_t len, room;
	int wanted;

	if (colour && !wants_colour())
		colour = NULL;
	len = (size_t)(stpcpy(stpcpy(line, colour ? colour : ""), PREFIX) - line);
	room = sizeof(line) - len - TAIL_BYTES;
	errno = saved_errno; /* for %m */
	wanted = vsnprintf(line + len, room, format, args);
	if (wanted >= 0 && (size_t)wanted < room) {
		len += (size_t)wanted;
	} else if (wanted >= 0) {
		len += room - 1;
		do
			len--; /* the last character, whole or torn */
		while (is_utf8_continuation(line[len]));
		len = (size_t)(stpcpy(line + len, CUT) - line);
	}
	len = (size_t)(stpcpy(line + len, colour ? PLAIN "\n" : "\n") - line);
	write_line(line, len);
	errno = saved_errno;
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(RED, format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(YELLOW, format, args);
	va_end(args);
}

void log_info(const char *format, ...)
{
	va_list args;

	if (level < LOG_LEVEL_NORMAL)
		return;
	va_start(args, format);
	print_line(NULL, format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (level < LOG_LEVEL_VERBOSE)
		return;
	va_start(args, format);
	print_line(NULL, format, args);
	va_end(args);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of user/log: what a reader of standard error gets. It never looks inside the room. */
#include "user/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int real_stderr;
static int reader = -1;
static char line[2 * PIPE_BUF];

static void put_stderr_back(void)
{
	dup2(real_stderr, STDERR_FILENO);
}

static int setup(void **state)
{
	(void)state;
	unsetenv("NO_COLOR");
	log_set_level(LOG_LEVEL_NORMAL);
	alarm(20); /* a log that blocks ends here */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	put_stderr_back();
	if (reader >= 0)
		close(reader);
	reader = -1;
	return 0;
}

/* From here on each write to standard error arrives as a message of its own. */
static void capture_messages(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
}

/* A pipe with its real blocking writes, as `cgbpf run 2>&1 | less` has. */
static void capture_pipe(void)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
}

/* A terminal that leaves the bytes as they are. */
static void capture_terminal(void)
{
	int writer;

	reader = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_int_equal(grantpt(reader), 0);
	assert_int_equal(unlockpt(reader), 0);
	writer = open(ptsname(reader), O_RDWR | O_NOCTTY);
	assert_true(writer >= 0);
	dup2(writer, STDERR_FILENO);
	close(writer);
}

/* The next message, or "" when there is none. */
static const char *next_message(void)
{
	ssize_t len = read(reader, line, sizeof(line) - 1);

	line[len > 0 ? len : 0] = '\0';
	return line;
}

static void each_line_is_one_write_with_the_name_in_front(void **state)
{
	(void)state;
	capture_messages();
	log_error("cannot read '%s': %s", "a", "no");
	log_warning("b");
	log_info("c %d", 3);
	assert_string_equal(next_message(), "cgbpf: cannot read 'a': no\n");
	assert_string_equal(next_message(), "cgbpf: b\n");
	assert_string_equal(next_message(), "cgbpf: c 3\n");
	assert_string_equal(next_message(), "");
}

static void debug_is_shown_only_when_verbose(void **state)
{
	(void)state;
	capture_messages();
	log_debug("hidden");
	log_set_level(LOG_LEVEL_VERBOSE);
	log_debug("shown");
	assert_string_equal(next_message(), "cgbpf: shown\n");
	assert_string_equal(next_message(), "");
}

static void quiet_keeps_errors_and_warnings(void **state)
{
	(void)state;
	capture_messages();
	log_set_level(LOG_LEVEL_QUIET);
	log_info("hidden");
	log_error("e");
	log_warning("w");
	assert_string_equal(next_message(), "cgbpf: e\n");
	assert_string_equal(next_message(), "cgbpf: w\n");
	assert_string_equal(next_message(), "");
}

static void a_long_line_is_cut_between_characters_and_says_so(void **state)
{
	char text[2 * PIPE_BUF + 1] = "";
	const char *end;

	(void)state;
	capture_messages();
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "€", 4);
		log_error("%s", text);
		next_message();
		assert_in_range(strlen(line), PIPE_BUF - 32, PIPE_BUF);
		end = line + strlen(line) - strlen("€…\n");
		assert_string_equal(end, "€…\n");
	}
}

static void a_file_or_pipe_gets_no_colour(void **state)
{
	(void)state;
	capture_pipe();
	log_error("plain");
	assert_string_equal(next_message(), "cgbpf: plain\n");
}

static void a_terminal_gets_colour_for_errors_and_warnings(void **state)
{
	(void)state;
	capture_terminal();
	log_error("bad");
	assert_non_null(strstr(next_message(), "\033[31mcgbpf: bad\033[0m"));
	log_warning("odd");
	assert_non_null(strstr(next_message(), "\033[33mcgbpf: odd\033[0m"));
	log_info("fine");
	assert_null(strchr(next_message(), '\033'));
}

static void no_color_wins_over_the_terminal(void **state)
{
	(void)state;
	setenv("NO_COLOR", "1", 1);
	capture_terminal();
	log_error("bad");
	assert_non_null(strstr(next_message(), "cgbpf: bad"));
	assert_null(strchr(line, '\033'));
}

static void a_full_pipe_drops_the_line_and_does_not_wait(void **state)
{
	int flags;

	(void)state;
	capture_pipe();
	flags = fcntl(STDERR_FILENO, F_GETFL);
	fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, line, sizeof(line)) > 0)
		;
	fcntl(STDERR_FILENO, F_SETFL, flags);
	log_error("nobody reads");
}

static void a_reader_that_left_does_not_end_the_program(void **state)
{
	(void)state;
	capture_pipe();
	close(reader);
	reader = -1;
	log_error("nobody is there");
}

static void a_closed_standard_error_is_borne(void **state)
{
	(void)state;
	close(STDERR_FILENO);
	log_error("nowhere");
}

static void errno_is_the_same_afterwards_and_serves_percent_m(void **state)
{
	(void)state;
	capture_messages();
	errno = ENOSPC;
	log_error("%m");
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(next_message(), "cgbpf: No space left on device\n");
	dup2(open("/dev/full", O_WRONLY), STDERR_FILENO);
	errno = EINTR;
	log_error("the write fails");
	assert_int_equal(errno, EINTR);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMISE(each_line_is_one_write_with_the_name_in_front),
		PROMISE(debug_is_shown_only_when_verbose),
		PROMISE(quiet_keeps_errors_and_warnings),
		PROMISE(a_long_line_is_cut_between_characters_and_says_so),
		PROMISE(a_file_or_pipe_gets_no_colour),
		PROMISE(a_terminal_gets_colour_for_errors_and_warnings),
		PROMISE(no_color_wins_over_the_terminal),
		PROMISE(a_full_pipe_drops_the_line_and_does_not_wait),
		PROMISE(a_reader_that_left_does_not_end_the_program),
		PROMISE(a_closed_standard_error_is_borne),
		PROMISE(errno_is_the_same_afterwards_and_serves_percent_m),
	};

	real_stderr = dup(STDERR_FILENO);
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

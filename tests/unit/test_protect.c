/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the lock of user/protect.c to whom it waits for. It never touches the machine's own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/protect.h"

#define LOOK_US 5000

static int looker_fd;

static void look_away(int signal)
{
	(void)signal;
	close(looker_fd);
}

/* A file that one who looks holds; the descriptor to lock it by. */
static int begin(void)
{
	char path[] = "/tmp/cgbpf-lock-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	looker_fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(looker_fd >= 0);
	assert_int_equal(flock(looker_fd, LOCK_SH), 0);
	unlink(path);
	return fd;
}

static void one_who_only_looks_keeps_nobody_out(void **state)
{
	const struct sigaction action = {.sa_handler = look_away};
	const struct itimerval soon = {.it_value.tv_usec = LOOK_US};
	int fd = begin();

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(protect_take_lock(fd), 0);
	close(fd);
}

static void one_who_stays_is_no_looker(void **state)
{
	int fd = begin();

	(void)state;
	assert_int_equal(protect_take_lock(fd), -EWOULDBLOCK);
	close(looker_fd);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_who_only_looks_keeps_nobody_out),
		cmocka_unit_test(one_who_stays_is_no_looker),
	};

	return cmocka_run_group_tests_name("protect", tests, NULL, NULL);
}

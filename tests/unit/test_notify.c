/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/notify.c to one datagram for who asked for it. It never speaks to a real manager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/notify.h"

/* Listens at NAME, where '@' stands for a name in no file system, and takes one word. */
static void takes_one_word_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char got[64] = {};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      offsetof(struct sockaddr_un, sun_path) + strlen(name)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	notify("READY=1");
	assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), strlen("READY=1"));
	assert_string_equal(got, "READY=1");
	assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), -1);
	close(fd);
}

static void a_manager_at_a_path_or_a_name_hears_each_word_once(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "/tmp/cgbpf-notify-%d", getpid());
	takes_one_word_at(name);
	assert_int_equal(unlink(name), 0);
	snprintf(name, sizeof(name), "@cgbpf-notify-%d", getpid());
	takes_one_word_at(name);
}

static void without_a_manager_or_with_one_that_is_gone_nothing_happens(void **state)
{
	static char too_long[200];

	(void)state;
	memset(too_long, '/', sizeof(too_long) - 1);
	unsetenv("NOTIFY_SOCKET");
	notify("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "/tmp/cgbpf-nobody-listens", 1), 0);
	notify("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", too_long, 1), 0);
	notify("READY=1");
	assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	notify("READY=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manager_at_a_path_or_a_name_hears_each_word_once),
		cmocka_unit_test(without_a_manager_or_with_one_that_is_gone_nothing_happens),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}

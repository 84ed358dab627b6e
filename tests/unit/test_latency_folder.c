/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/latency_folder.c to taking back what it handed down, and nothing else; a plain folder
 * stands for the cgroup root. It never touches a cgroup. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/latency_folder.h"

#define CONTROL "cgroup.subtree_control"
#define ANOTHER "cgbpf-bench-1"

static char root[] = "/tmp/cgbpf-folder.XXXXXX";
static int root_fd;

static int make_root(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root_fd < 0;
}

static int remove_root(void **state)
{
	(void)state;
	unlinkat(root_fd, CONTROL, 0);
	close(root_fd);
	return rmdir(root);
}

static void hand_down(const char *text)
{
	int fd = openat(root_fd, CONTROL, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Where the kernel would keep a set, a file keeps the last word. */
static void assert_last_word(const char *expected)
{
	int fd = openat(root_fd, CONTROL, O_RDONLY | O_CLOEXEC);
	char text[64] = "";

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	assert_string_equal(text, expected);
}

static void what_was_missing_is_taken_back(void **state)
{
	struct latency_folder folder = {};

	(void)state;
	hand_down("cpuset cpu\n");
	assert_int_equal(latency_folder__make(&folder, root_fd), 0);
	assert_int_equal(faccessat(root_fd, folder.name, F_OK, 0), 0);
	hand_down("");
	assert_int_equal(latency_folder__remove(&folder, root_fd), 0);
	assert_last_word("-memory");
	assert_int_equal(folder.is_made, false);
}

static void what_was_handed_down_before_stays(void **state)
{
	struct latency_folder folder = {};

	(void)state;
	hand_down("memory io cpu\n");
	assert_int_equal(latency_folder__make(&folder, root_fd), 0);
	assert_int_equal(latency_folder__remove(&folder, root_fd), 0);
	assert_last_word("memory io cpu\n");
}

static void what_another_bench_uses_stays(void **state)
{
	struct latency_folder folder = {};

	(void)state;
	hand_down("io\n");
	assert_int_equal(mkdirat(root_fd, ANOTHER, 0755), 0);
	assert_int_equal(latency_folder__make(&folder, root_fd), 0);
	hand_down("io memory cpu\n");
	assert_int_equal(latency_folder__remove(&folder, root_fd), 0);
	assert_last_word("io memory cpu\n");
	assert_int_equal(unlinkat(root_fd, ANOTHER, AT_REMOVEDIR), 0);
}

static void one_that_is_gone_or_was_never_made_is_no_failure(void **state)
{
	struct latency_folder folder = {};

	(void)state;
	hand_down("memory cpu\n");
	assert_int_equal(latency_folder__remove(&folder, root_fd), 0);
	assert_int_equal(latency_folder__make(&folder, root_fd), 0);
	assert_int_equal(unlinkat(root_fd, folder.name, AT_REMOVEDIR), 0);
	assert_int_equal(latency_folder__remove(&folder, root_fd), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_missing_is_taken_back),
		cmocka_unit_test(what_was_handed_down_before_stays),
		cmocka_unit_test(what_another_bench_uses_stays),
		cmocka_unit_test(one_that_is_gone_or_was_never_made_is_no_failure),
	};

	return cmocka_run_group_tests_name("latency_folder", tests, make_root, remove_root);
}

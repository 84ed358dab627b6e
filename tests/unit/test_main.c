/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of a call as a whole: its exit status, and what a wrong one is told. It never calls what
 * needs root. */
#define main cgbpf_main
#include "user/main.c"
#undef main

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define WORDS 4

static char out[16384], err[1024];

static void collect(int fd, char *buf, size_t len)
{
	ssize_t got = pread(fd, buf, len - 1, 0);

	buf[got > 0 ? got : 0] = '\0';
	close(fd);
}

/* In a process of its own; standard output is FILE, or what OUT gets; ERR gets the other. */
static int call_with(const char *file, char *const words[WORDS])
{
	int out_fd = file ? open(file, O_WRONLY | O_CLOEXEC) : memfd_create("out", MFD_CLOEXEC);
	int err_fd = memfd_create("err", MFD_CLOEXEC), argc = 1, status;
	char *argv[WORDS + 2] = {"cgbpf"};
	pid_t pid;

	assert_true(out_fd >= 0 && err_fd >= 0);
	for (; argc <= WORDS && words[argc - 1]; argc++)
		argv[argc] = words[argc - 1];
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(out_fd, STDOUT_FILENO);
		dup2(err_fd, STDERR_FILENO);
		status = cgbpf_main(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	collect(out_fd, out, sizeof(out));
	collect(err_fd, err, sizeof(err));
	return WEXITSTATUS(status);
}

#define CALL(file, ...) call_with(file, (char *const[WORDS]){__VA_ARGS__})

static void assert_said(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("'%s' does not say '%s'", text, words);
}

PROMISE(what_is_printed_to_a_full_disk_is_a_failure)
{
	static char *const calls[][WORDS] = {
		{"help"},
		{"--version"},
		{"config"},
		{"run", "--help"},
		{"help", "policy"},
		{"help", "tree", "apply"},
		{"tree", "docker-path", "/a"},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		assert_int_equal(call_with("/dev/full", calls[i]), EXIT_FAILED);
		assert_said(err, "cgbpf: standard output: ");
		assert_int_equal(call_with("/dev/null", calls[i]), EXIT_DONE);
		assert_string_equal(err, "");
	}
}

PROMISE(a_failure_of_its_own_keeps_its_status_and_its_one_line)
{
	assert_int_equal(CALL("/dev/full", "tree", "docker-path", "a/../b"), EXIT_WRONG_CALL);
	assert_null(strstr(err, "standard output"));
}

PROMISE(a_command_that_is_none_is_named_and_its_bytes_are_escaped)
{
	assert_int_equal(CALL(NULL, "non\x9bsense"), EXIT_WRONG_CALL);
	assert_string_equal(err, "cgbpf: no such command: 'non\\x9bsense' (see 'cgbpf help')\n");
	assert_int_equal(CALL(NULL, "help", "nonsense"), EXIT_WRONG_CALL);
	assert_said(err, "no such command: 'nonsense'");
	assert_string_equal(out, "");
}

PROMISE(help_takes_a_verb_and_drops_no_word)
{
	assert_int_equal(CALL(NULL, "help", "tree", "apply"), EXIT_DONE);
	assert_said(out, "Usage: cgbpf tree apply ");
	assert_int_equal(CALL(NULL, "help", "policy", "train"), EXIT_DONE);
	assert_said(out, "Usage: cgbpf policy train ");
	assert_int_equal(CALL(NULL, "help", "tree"), EXIT_DONE);
	assert_said(out, "Usage: cgbpf tree VERB ");
	assert_int_equal(CALL(NULL, "help", "--help"), EXIT_DONE);
	assert_int_equal(CALL(NULL, "help", "tree", "grow"), EXIT_WRONG_CALL);
	assert_said(err, "'grow'");
	assert_int_equal(CALL(NULL, "help", "tree", "apply", "more"), EXIT_WRONG_CALL);
	assert_said(err, "'more'");
	assert_int_equal(CALL(NULL, "help", "run", "more"), EXIT_WRONG_CALL);
	assert_said(err, "'more'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_to_a_full_disk_is_a_failure),
		cmocka_unit_test(a_failure_of_its_own_keeps_its_status_and_its_one_line),
		cmocka_unit_test(a_command_that_is_none_is_named_and_its_bytes_are_escaped),
		cmocka_unit_test(help_takes_a_verb_and_drops_no_word),
	};

	return cmocka_run_group_tests_name("main", tests, NULL, NULL);
}

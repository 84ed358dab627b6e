/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of user/params: what a command line means, and what a wrong one is told. It never looks
 * inside the room. */
#include "user/params.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define MAX_ARGS 8
#define SECOND_NS 1000000000ULL

/* What the options fill; UNTOUCHED before. */
struct values {
	bool is_kept;
	const char *config, *journal;
	uint64_t duration_ns, cpus;
};

static const struct values UNTOUCHED = {false, "before", "before", 11, 22};
static struct values values;

static const struct param params[] = {
	{"config", 'c', PARAM_STRING, "FILE", "Read the rules from FILE.", &values.config, 0, 0},
	{"duration", 0, PARAM_SECONDS, "SEC", "Stop after SEC seconds.", &values.duration_ns, 0, 0},
	{"journal", 0, PARAM_STRING, "FILE",
	 "Append one line of JSON for each thing that happens to FILE, or to standard output when "
	 "FILE is -.",
	 &values.journal, 0, 0},
	{"keep", 'k', PARAM_FLAG, NULL, "Leave the limits as they are at exit.", &values.is_kept, 0,
	 0},
	{"cpus", 0, PARAM_UINT, "N", "Use N CPUs.", &values.cpus, 1, 64},
	{0},
};

static const struct command command = {
	.name = "run",
	.summary = "Raise limits before they hurt.",
	.description = "Watches the cgroups that the configuration names, and raises each limit in "
		       "steps toward its hard value when it is needed.\n\nEverything is put back "
		       "at exit.",
};

static int real_stdout, real_stderr;
static char out[8192], err[8192];

static int start(__attribute__((unused)) void **state)
{
	values = UNTOUCHED;
	return 0;
}

static int finish(__attribute__((unused)) void **state)
{
	dup2(real_stdout, STDOUT_FILENO);
	dup2(real_stderr, STDERR_FILENO);
	return 0;
}

static int capture(int target)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	assert_true(fd >= 0);
	dup2(fd, target);
	return fd;
}

static void collect(int fd, char *buf, size_t len)
{
	ssize_t got = pread(fd, buf, len - 1, 0);

	buf[got > 0 ? got : 0] = '\0';
	close(fd);
}

/* Parses "cgbpf run ARGS…"; what it prints is in `out` and `err`. */
static int parse(const char *const args[MAX_ARGS])
{
	char *argv[MAX_ARGS + 2] = {"run"};
	int argc = 1, out_fd, err_fd, result;

	while (args[argc - 1]) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	fflush(stdout);
	out_fd = capture(STDOUT_FILENO);
	err_fd = capture(STDERR_FILENO);
	result = params_parse(&command, params, argc, argv);
	fflush(stdout);
	finish(NULL);
	collect(out_fd, out, sizeof(out));
	collect(err_fd, err, sizeof(err));
	return result;
}

#define PARSE(...) parse((const char *const[MAX_ARGS]){__VA_ARGS__})

/* A call that is wrong, and what it is told. */
struct wrong {
	const char *promise;
	const char *args[MAX_ARGS];
	const char *told;
};

#define SEE " (see 'cgbpf help run')"
#define VALUE_WANTED "needs a value; one that begins with '-' goes behind '='" SEE

static const struct wrong wrongs[] = {
	{"an unknown option is named", {"--jornal", "x"}, "unknown option '--jornal'" SEE},
	{"an unknown option is named without its value", {"--x=y"}, "unknown option '--x'" SEE},
	{"an unknown letter is named", {"-x"}, "unknown option '-x'" SEE},
	{"an abbreviation is refused", {"--jour", "x"}, "unknown option '--jour'" SEE},
	{"a longer name is refused", {"--keeps"}, "unknown option '--keeps'" SEE},
	{"upper case is another name", {"--KEEP"}, "unknown option '--KEEP'" SEE},
	{"letters do not join", {"-kc", "x"}, "unknown option '-kc'" SEE},
	{"a letter's value stands alone", {"-cfile"}, "unknown option '-cfile'" SEE},
	{"one dash is no name", {"-keep"}, "unknown option '-keep'" SEE},
	{"a name alone behind two dashes is no letter", {"--c", "x"}, "unknown option '--c'" SEE},
	{"two dashes alone are no option", {"--"}, "unknown option '--'" SEE},
	{"an argument without a dash is refused", {"x"}, "unexpected argument 'x'" SEE},
	{"a dash alone is an argument", {"-"}, "unexpected argument '-'" SEE},
	{"an empty argument is refused", {""}, "unexpected argument ''" SEE},
	{"a missing value is told", {"--journal"}, "option '--journal' needs a value" SEE},
	{"an option is no value", {"-c", "--keep"}, "option '-c' " VALUE_WANTED},
	{"an empty value is told", {"--journal", ""}, "option '--journal' has an empty value" SEE},
	{"an empty value behind = is told", {"--cpus="}, "option '--cpus' has an empty value" SEE},
	{"a flag takes no value", {"--keep=yes"}, "option '--keep' takes no value" SEE},
	{"a repeat is refused", {"-c", "a", "--config=a"}, "option '--config' is given twice" SEE},
	{"a repeated flag is refused", {"-k", "--keep"}, "option '--keep' is given twice" SEE},
	{"too small a number is told",
	 {"--cpus", "0"},
	 "option '--cpus': '0' is not a whole number from 1 to 64"},
	{"too great a number is told",
	 {"--cpus", "18446744073709551617"},
	 "option '--cpus': '18446744073709551617' is not a whole number from 1 to 64"},
	{"a number has no sign",
	 {"--cpus=+2"},
	 "option '--cpus': '+2' is not a whole number from 1 to 64"},
	{"a number has digits only",
	 {"--cpus=2k"},
	 "option '--cpus': '2k' is not a whole number from 1 to 64"},
	{"a time is no word",
	 {"--duration=soon"},
	 "option '--duration': 'soon' is not a time like 2.5 or 500ms"},
	{"a time is not negative",
	 {"--duration=-1"},
	 "option '--duration': '-1' is not a time like 2.5 or 500ms"},
	{"a time fits",
	 {"--duration=99999999999"},
	 "option '--duration': '99999999999' is not a time like 2.5 or 500ms"},
	{"hostile bytes are escaped", {"--\033[2J"}, "unknown option '--\\x1b[2J'" SEE},
};

static void a_wrong_call_is_told_in_one_line_and_fills_nothing(void **state)
{
	const struct wrong *wrong = *state;
	char expected[256];

	assert_int_equal(parse(wrong->args), -EINVAL);
	snprintf(expected, sizeof(expected), "cgbpf: run: %s\n", wrong->told);
	assert_string_equal(err, expected);
	assert_string_equal(out, "");
	assert_memory_equal(&values, &UNTOUCHED, sizeof(values));
}

PROMISE(without_options_every_value_stays)
{
	assert_int_equal(PARSE(NULL), 0);
	assert_memory_equal(&values, &UNTOUCHED, sizeof(values));
}

PROMISE(every_type_is_filled)
{
	assert_int_equal(
		PARSE("--keep", "-c", "a", "--duration", "2.5", "--cpus=64", "--journal=b"), 0);
	assert_true(values.is_kept);
	assert_string_equal(values.config, "a");
	assert_string_equal(values.journal, "b");
	assert_int_equal(values.duration_ns, 5 * SECOND_NS / 2);
	assert_int_equal(values.cpus, 64);
	assert_string_equal(err, "");
}

PROMISE(a_value_keeps_its_equals_signs_and_a_dash_is_standard_output)
{
	assert_int_equal(PARSE("--config=a=b=c", "--journal", "-"), 0);
	assert_string_equal(values.config, "a=b=c");
	assert_string_equal(values.journal, "-");
}

PROMISE(a_value_behind_equals_may_begin_with_dashes)
{
	assert_int_equal(PARSE("--config=--keep"), 0);
	assert_string_equal(values.config, "--keep");
	assert_false(values.is_kept);
}

PROMISE(seconds_may_carry_a_unit)
{
	assert_int_equal(PARSE("--duration", "500ms"), 0);
	assert_int_equal(values.duration_ns, SECOND_NS / 2);
	assert_int_equal(PARSE("--duration=2m"), 0);
	assert_int_equal(values.duration_ns, 120 * SECOND_NS);
	assert_int_equal(PARSE("--duration=7"), 0);
	assert_int_equal(values.duration_ns, 7 * SECOND_NS);
}

PROMISE(nothing_is_filled_when_a_later_option_is_wrong)
{
	assert_int_equal(PARSE("--keep", "--cpus=3", "-c", "x", "--nope"), -EINVAL);
	assert_memory_equal(&values, &UNTOUCHED, sizeof(values));
}

PROMISE(help_wins_wherever_it_stands)
{
	assert_int_equal(PARSE("--help"), 1);
	assert_int_equal(strncmp(out, "Usage: cgbpf run [OPTIONS]\n", 27), 0);
	assert_int_equal(PARSE("--nope", "--keep", "-c", "--help"), 1);
	assert_int_equal(strncmp(out, "Usage: cgbpf run [OPTIONS]\n", 27), 0);
	assert_string_equal(err, "");
	assert_memory_equal(&values, &UNTOUCHED, sizeof(values));
}

PROMISE(the_help_is_aligned_and_at_most_100_wide)
{
	assert_int_equal(PARSE("--help"), 1);
	assert_string_equal(
		out,
		"Usage: cgbpf run [OPTIONS]\n"
		"\n"
		"Raise limits before they hurt.\n"
		"\n"
		"Watches the cgroups that the configuration names, and raises each limit in steps "
		"toward its hard\n"
		"value when it is needed.\n"
		"\n"
		"Everything is put back at exit.\n"
		"\n"
		"Options:\n"
		"  -c, --config FILE   Read the rules from FILE.\n"
		"      --duration SEC  Stop after SEC seconds.\n"
		"      --journal FILE  Append one line of JSON for each thing that happens to "
		"FILE, "
		"or to standard\n"
		"                      output when FILE is -.\n"
		"  -k, --keep          Leave the limits as they are at exit.\n"
		"      --cpus N        Use N CPUs.\n"
		"      --help          Print this help and exit.\n");
	for (char *rest = out, *line; (line = strsep(&rest, "\n"));)
		assert_in_range(strlen(line), 0, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
	struct CMUnitTest wrong_tests[COUNT(wrongs)];
	const struct CMUnitTest tests[] = {
		TEST(without_options_every_value_stays),
		TEST(every_type_is_filled),
		TEST(a_value_keeps_its_equals_signs_and_a_dash_is_standard_output),
		TEST(a_value_behind_equals_may_begin_with_dashes),
		TEST(seconds_may_carry_a_unit),
		TEST(nothing_is_filled_when_a_later_option_is_wrong),
		TEST(help_wins_wherever_it_stands),
		TEST(the_help_is_aligned_and_at_most_100_wide),
	};

	for (size_t i = 0; i < COUNT(wrongs); i++)
		wrong_tests[i] = (struct CMUnitTest){
			wrongs[i].promise, a_wrong_call_is_told_in_one_line_and_fills_nothing,
			start, finish, (void *)&wrongs[i]};
	real_stdout = dup(STDOUT_FILENO);
	real_stderr = dup(STDERR_FILENO);
	return cmocka_run_group_tests_name("wrong calls", wrong_tests, NULL, NULL) +
	       cmocka_run_group_tests_name("params", tests, NULL, NULL);
}

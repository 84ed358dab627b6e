/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines from typed option tables, exact names only. It never acts on what it reads. */
#ifndef CGBPF_PARAMS_H
#define CGBPF_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_type {
	PARAM_FLAG = 1, /* bool */
	PARAM_STRING = 2, /* const char * */
	PARAM_SECONDS =
		3, /* uint64_t ns, from a decimal number of seconds or a duration with a unit */
	PARAM_UINT = 4, /* uint64_t within min and max */
	PARAM_LIST = 5, /* struct param_list, from an option that may be given again */
};

#define PARAM_LIST_MAX 32

struct param_list {
	const char *texts[PARAM_LIST_MAX];
	size_t cnt;
};

struct param {
	const char *name; /* "journal", given as --journal FILE or --journal=FILE */
	char letter; /* 'c' for -c, 0 for none */
	enum param_type type;
	const char *placeholder; /* "FILE" */
	const char *help; /* one sentence */
	void *value;
	uint64_t min, max; /* PARAM_UINT */
};

struct command {
	const char *name;
	const char *summary; /* one sentence, for the list */
	const char *description; /* more, for cgbpf help COMMAND; may be NULL */
	int (*run)(int argc, char **argv); /* argv[0] is the command; returns the exit status */
};

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_WRONG_CALL = 2, EXIT_CANNOT = 3 };

/*
 * Fills the values of PARAMS (ended by an element without a name) from ARGV after argv[0]. No
 * abbreviations, no positional arguments. Returns 0; 1 when --help was asked for and printed to
 * standard output (exit 0); -EINVAL after one line on standard error naming what is wrong (exit 2).
 */
int params_parse(const struct command *command, const struct param *params, int argc, char **argv);
void params_print_help(const struct command *command, const struct param *params);

#endif

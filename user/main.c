// SPDX-License-Identifier: BSD-2-Clause
/* Finds the command that was named, by its exact name. It never does a command's work. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/commands.h"
#include "user/log.h"
#include "user/text.h"

#ifndef CGBPF_VERSION
#define CGBPF_VERSION "0"
#endif

static const struct command *const commands[] = {
	&cmd_run,  &cmd_restore, &cmd_status, &cmd_top,		  &cmd_doctor,	 &cmd_config,
	&cmd_tree, &cmd_squeeze, &cmd_policy, &cmd_bench_latency, &cmd_calibrate};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int help(void)
{
	printf("cgbpf " CGBPF_VERSION ": limits of cgroups, raised before the kernel kills\n\n"
	       "usage: cgbpf COMMAND [OPTIONS]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-14s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n'cgbpf help COMMAND' says more. Undo everything: end 'run', or 'cgbpf "
	       "restore'.\n");
	return EXIT_DONE;
}

/* Its words after `help` are a command, and where it has verbs one of them. */
static int help_on(int argc, char **argv)
{
	static char help_option[] = "--help";
	const struct command *command = find(argv[0]);
	bool has_verbs = command == &cmd_tree || command == &cmd_policy;
	const char *wrong = !command ? argv[0] : argc > 1 + has_verbs ? argv[1 + has_verbs] : NULL;
	char shown[64];

	if (wrong) {
		log_error(command ? "help: unexpected argument '%s' (see 'cgbpf help')"
				  : "no such command: '%s' (see 'cgbpf help')",
			  text_escape(wrong, strlen(wrong), shown, sizeof(shown)));
		return EXIT_WRONG_CALL;
	}
	if (argc > 1)
		return command->run(3, (char *[]){argv[0], argv[1], help_option, NULL});
	return command->run(2, (char *[]){argv[0], help_option, NULL});
}

static int call(int argc, char **argv)
{
	const struct command *command;
	char shown[64];

	if (argc < 2) {
		log_error("no command named (see 'cgbpf help')");
		return EXIT_WRONG_CALL;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("cgbpf " CGBPF_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--help") == 0)
		return help();
	if (strcmp(argv[1], "help") == 0)
		return argc == 2 || strcmp(argv[2], "--help") == 0 ? help()
								   : help_on(argc - 2, argv + 2);
	command = find(argv[1]);
	if (!command) {
		log_error("no such command: '%s' (see 'cgbpf help')",
			  text_escape(argv[1], strlen(argv[1]), shown, sizeof(shown)));
		return EXIT_WRONG_CALL;
	}
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = call(argc, argv);

	/* What was printed and did not arrive is not done. */
	errno = 0;
	if (status == EXIT_DONE && (fflush(stdout) || ferror(stdout))) {
		log_error("standard output: %s", errno ? strerror(errno) : "not all was written");
		return EXIT_FAILED;
	}
	return status;
}

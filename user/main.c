// SPDX-License-Identifier: BSD-2-Clause
/* Finds the command that was named, by its exact name. It never does a command's work. */
#include <stdio.h>
#include <string.h>

#include "user/commands.h"
#include "user/log.h"

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

int main(int argc, char **argv)
{
	static char help_option[] = "--help";
	const struct command *command;

	if (argc < 2) {
		log_error("no command named (see 'cgbpf help')");
		return EXIT_WRONG_CALL;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("cgbpf " CGBPF_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--help") == 0 || (strcmp(argv[1], "help") == 0 && argc == 2))
		return help();
	command = find(argv[strcmp(argv[1], "help") == 0 ? 2 : 1]);
	if (!command) {
		log_error("no such command (see 'cgbpf help')");
		return EXIT_WRONG_CALL;
	}
	if (strcmp(argv[1], "help") == 0)
		return command->run(2, (char *[]){argv[2], help_option, NULL});
	return command->run(argc - 1, argv + 1);
}

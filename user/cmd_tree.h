/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of the command `tree`, one or two a file, and what they share on a command line. It
 * holds no state. */
#ifndef CGBPF_CMD_TREE_H
#define CGBPF_CMD_TREE_H

#include <jansson.h>
#include <stdio.h>

#include "user/tree.h"

extern const struct command tree_apply, tree_verify, tree_show, tree_remove_command, tree_prune,
	tree_compose, tree_delegate, tree_docker_path_command;

/* Options that say which hierarchies, into a struct tree_filter; -c/--config for those verbs that
 * need no file. */
#define TREE_FILTER_PARAMS(filter)                                                                 \
	{"parent", 0, PARAM_STRING, "PATH", "those below PATH", &(filter).parent, 0, 0},           \
		{"project", 0, PARAM_STRING, "NAME", "those in a folder NAME", &(filter).project,  \
		 0,	    0},                                                                    \
		{"run-id", 0, PARAM_STRING, "ID", "those of this run", &(filter).run_id, 0, 0},    \
	{                                                                                          \
		"phase", 0, PARAM_STRING, "NAME", "those of this phase", &(filter).phase, 0, 0     \
	}
#define TREE_FILE_PARAM(filter)                                                                    \
	{                                                                                          \
		"config", 'c', PARAM_STRING, "FILE", "those made of FILE", &(filter).file, 0, 0    \
	}

/* Says ERROR with the verb's name; returns its exit status. */
int tree_say(const struct command *command, const struct tree_error *error);
/* The one argument that is no option, taken out of ARGV; NULL when there is none. */
const char *tree_take_argument(int *argc, char **argv);
/* FILE as it is recorded and compared: absolute, without links, valid UTF-8; the caller frees. */
char *tree_file_name(const char *file);
/* --parent as it is compared; the caller frees. NULL after an error was said. */
char *tree_parent_of(const struct command *command, const char *parent);
/* The hierarchies that FILTER wants, FILTER's file and parent as given by the user. Exit status. */
int tree_look_up(const struct command *command, const struct tree_filter *filter, int *ret_root_fd,
		 struct tree_list *ret_list);
/* Prints and drops JSON. */
void tree_print_json(json_t *json);

/* tree_docker.c: what the Docker Engine says. 0, or a negative errno as of engine_get(). */
int tree_docker_driver(enum tree_driver *ret_driver);
/* Why plain paths do not work with the driver systemd, and what to do. */
extern const char tree_docker_cure[];

#endif

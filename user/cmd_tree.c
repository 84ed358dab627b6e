/* SPDX-License-Identifier: BSD-2-Clause */
/* The command `tree`: finds the verb that was named, by its exact name. It never does a verb's
 * work, but for the conversion of a path. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/cmd_tree.h"
#include "user/commands.h"
#include "user/log.h"
#include "user/text.h"

#define VERB_OFFSET strlen("tree ")

static const struct command *const verbs[] = {
	&tree_apply, &tree_verify,  &tree_show,	    &tree_remove_command,
	&tree_prune, &tree_compose, &tree_delegate, &tree_docker_path_command};
#define VERBS (sizeof(verbs) / sizeof(*verbs))

int tree_say(const struct command *command, const struct tree_error *error)
{
	log_error("%s: %s", command->name, error->text);
	return error->status;
}

const char *tree_take_argument(int *argc, char **argv)
{
	const char *argument = *argc > 1 ? argv[1] : NULL;

	if (!argument || argument[0] == '-')
		return NULL;
	memmove(argv + 1, argv + 2, (*argc - 1) * sizeof(*argv));
	(*argc)--;
	return argument;
}

/* The absolute path of a file that is gone, as long as its folder is there. The caller frees. */
static char *where_it_was(const char *file)
{
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	char *folder = slash ? strndup(file, slash - file + 1) : strdup(".");
	char *real = folder ? realpath(folder, NULL) : NULL, *path;

	free(folder);
	if (!real || asprintf(&path, "%s/%s", strcmp(real, "/") ? real : "", name) < 0)
		path = NULL;
	free(real);
	return path;
}

char *tree_file_name(const char *file)
{
	char *path = realpath(file, NULL), *utf8;

	if (!path)
		path = where_it_was(file);
	utf8 = text_to_utf8(path ? path : file, NULL);
	free(path);
	return utf8;
}

char *tree_parent_of(const struct command *command, const char *parent)
{
	const char *why;
	char *path = tree_docker_path(parent, &why), shown[512];

	if (!path)
		log_error("%s: the parent %s %s", command->name,
			  text_escape(parent, strlen(parent), shown, sizeof(shown)), why);
	return path;
}

int tree_look_up(const struct command *command, const struct tree_filter *filter, int *ret_root_fd,
		 struct tree_list *ret_list)
{
	struct tree_filter wanted = *filter;
	char *file = NULL, *parent = NULL;
	int err, root_fd;

	err = cgfs_open_root(&root_fd);
	if (err) {
		log_error("%s: " CGFS_ROOT ": %s", command->name,
			  err == -ENOTSUP ? "is not cgroup v2" : strerror(-err));
		return EXIT_CANNOT;
	}
	if (filter->parent && !(parent = tree_parent_of(command, filter->parent))) {
		close(root_fd);
		return EXIT_WRONG_CALL;
	}
	file = filter->file ? tree_file_name(filter->file) : NULL;
	wanted.file = file;
	wanted.parent = parent;
	err = tree_find(root_fd, &wanted, ret_list);
	free(file);
	free(parent);
	if (err) {
		log_error("%s: cgroups cannot be listed: %s", command->name, strerror(-err));
		close(root_fd);
		return EXIT_FAILED;
	}
	*ret_root_fd = root_fd;
	return EXIT_DONE;
}

void tree_print_json(json_t *json)
{
	char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);

	if (text)
		puts(text);
	free(text);
	json_decref(json);
}

static int main_docker_path(int argc, char **argv)
{
	const char *path = tree_take_argument(&argc, argv), *why;
	const struct param params[] = {{0}};
	int err = params_parse(&tree_docker_path_command, params, argc, argv);
	char *short_path, shown[512];

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!path) {
		log_error("tree docker-path: no PATH given (see 'cgbpf help tree')");
		return EXIT_WRONG_CALL;
	}
	short_path = tree_docker_path(path, &why);
	if (!short_path) {
		log_error("tree docker-path: %s %s",
			  text_escape(path, strlen(path), shown, sizeof(shown)), why);
		return EXIT_WRONG_CALL;
	}
	puts(short_path);
	free(short_path);
	return EXIT_DONE;
}

const struct command tree_docker_path_command = {
	"tree docker-path",
	"PATH as Docker wants it: without " CGFS_ROOT,
	"Called as 'cgbpf tree docker-path PATH'.",
	main_docker_path,
};

static void help(void)
{
	printf("Usage: cgbpf tree VERB [OPTIONS]\n\n%s\n\n%s\n\nVerbs:\n", cmd_tree.summary,
	       cmd_tree.description);
	for (size_t i = 0; i < VERBS; i++)
		printf("  %-12s %s\n", verbs[i]->name + VERB_OFFSET, verbs[i]->summary);
	printf("\n'cgbpf tree VERB --help' says more.\n");
}

static int main_tree(int argc, char **argv)
{
	char shown[64];

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		help();
		return EXIT_DONE;
	}
	for (size_t i = 0; i < VERBS && argc > 1; i++)
		if (strcmp(argv[1], verbs[i]->name + VERB_OFFSET) == 0)
			return verbs[i]->run(argc - 1, argv + 1);
	log_error(argc > 1 ? "tree: no such verb: '%s' (see 'cgbpf help tree')"
			   : "tree: no verb named%s (see 'cgbpf help tree')",
		  argc > 1 ? text_escape(argv[1], strlen(argv[1]), shown, sizeof(shown)) : "");
	return EXIT_WRONG_CALL;
}

const struct command cmd_tree = {
	"tree",
	"hierarchies of cgroups for containers' --cgroup-parent",
	"A worker's cgroup and one below it for each service of a file, with CPUs and memory of "
	"its\n"
	"own; made, checked, used and removed.",
	main_tree,
};

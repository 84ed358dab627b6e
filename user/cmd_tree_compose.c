/* SPDX-License-Identifier: BSD-2-Clause */
/* `tree compose`: prints a compose file whose services have their parents in a hierarchy that was
 * made. It starts nothing. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd_tree.h"
#include "user/log.h"
#include "user/tree_compose.h"

struct parents {
	const struct tree_worker *worker;
	const struct tree_config *config;
};

static char *parent_of(void *context, const char *name)
{
	const struct parents *parents = context;

	for (size_t i = 0; i < parents->config->services_cnt; i++)
		if (strcmp(parents->config->services[i].name, name) == 0)
			return tree_worker__docker_parent(parents->worker, name);
	return NULL;
}

/* Whole or not at all: printed when it is done. */
static int compose(const struct tree_worker *worker, const struct tree_config *config,
		   const char *template)
{
	struct parents parents = {worker, config};
	char error[1024], *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int err = out ? tree_compose_file(template, out, parent_of, &parents, error, sizeof(error))
		      : -1;

	if (out)
		fclose(out);
	if (err)
		log_error("%s", out ? error : "out of memory");
	else
		fwrite(text, 1, len, stdout);
	free(text);
	return err ? EXIT_WRONG_CALL : EXIT_DONE;
}

static int main_compose(int argc, char **argv)
{
	struct tree_filter filter = {};
	struct tree_config config;
	struct tree_list list = {};
	const char *template = NULL;
	const struct param params[] = {
		{"config", 'c', PARAM_STRING, "FILE", "what the hierarchy was made of",
		 &filter.file, 0, 0},
		{"template", 0, PARAM_STRING, "FILE",
		 "the compose file; a cgroup_parent in it names a service of the hierarchy, else "
		 "the service of the same name counts",
		 &template, 0, 0},
		TREE_FILTER_PARAMS(filter),
		{0},
	};
	char text[1024];
	int err = params_parse(&tree_compose, params, argc, argv), status, root_fd = -1;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!filter.file || !template) {
		log_error(
			"tree compose: options '--config' and '--template' are needed (see 'cgbpf "
			"help tree')");
		return EXIT_WRONG_CALL;
	}
	if (tree_config__load(filter.file, true, &config, text, sizeof(text))) {
		log_error("%s", text);
		return EXIT_WRONG_CALL;
	}
	status = tree_look_up(&tree_compose, &filter, &root_fd, &list);
	if (!status && !list.cnt) {
		log_error(
			"tree compose: no hierarchy made of this file is there ('cgbpf tree apply "
			"-c FILE')");
		status = EXIT_FAILED;
	} else if (!status) {
		status = compose(&list.workers[list.cnt - 1], &config, template);
	}
	if (root_fd >= 0)
		close(root_fd);
	tree_list__free(&list);
	tree_config__free(&config);
	return status;
}

const struct command tree_compose = {
	"tree compose",
	"a compose file with each service's cgroup_parent, for the newest hierarchy",
	NULL,
	main_compose,
};

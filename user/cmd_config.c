// SPDX-License-Identifier: BSD-2-Clause
/* The command `config`: the reference of all keys, or a check of a file. It changes nothing. */
#include <stdio.h>

#include "user/commands.h"
#include "user/config.h"
#include "user/log.h"

static int main_config(int argc, char **argv)
{
	const char *file = NULL;
	const struct param params[] = {
		{"check", 0, PARAM_STRING, "FILE", "read FILE and say what is wrong with it", &file,
		 0, 0},
		{0},
	};
	struct config config;
	char error[1024];
	int err = params_parse(&cmd_config, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!file) {
		config__print_reference();
		return EXIT_DONE;
	}
	err = config__load(file, &config, error, sizeof(error));
	if (err) {
		log_error("%s", error);
		return EXIT_WRONG_CALL;
	}
	printf("%s: %zu targets\n", file, config.targets_cnt);
	config__free(&config);
	return EXIT_DONE;
}

const struct command cmd_config = {
	"config",
	"print the reference of all configuration keys, or check a file",
	NULL,
	main_config,
};

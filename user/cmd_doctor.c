// SPDX-License-Identifier: BSD-2-Clause
/* The command `doctor`: what this kernel and host offer, from the table of features. It changes
 * nothing. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "user/commands.h"
#include "user/feature.h"

/* What would be loaded here, and by which command. */
static json_t *programs_of(const struct features *features)
{
	json_t *programs = json_array();
	const struct program_row *row;

	for (size_t i = 0; (row = feature_program(i)); i++)
		if (features->has[row->needs] &&
		    (row->unless == FEATURE_MAX || !features->has[row->unless]))
			json_array_append_new(programs,
					      json_pack("{s:s, s:s, s:s}", "name", row->name,
							"feature", feature_row(row->needs)->name,
							"command", row->command));
	return programs;
}

static void print_json(const struct features *features, const char *kernel)
{
	json_t *rows = json_array(), *all;
	enum feature missing = features_missing(features);
	char *text;

	for (int i = 0; i < FEATURE_MAX; i++) {
		const struct feature_row *row = feature_row(i);

		json_array_append_new(
			rows, json_pack("{s:s, s:b, s:b, s:s, s:s, s:s}", "name", row->name,
					"present", features->has[i], "required", row->is_required,
					"what", row->what, "lost", row->lost, "cure", row->cure));
	}
	all = json_pack("{s:s, s:b, s:o, s:o}", "kernel", kernel, "can_run", missing == FEATURE_MAX,
			"features", rows, "programs", programs_of(features));
	text = json_dumps(all, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	if (text)
		puts(text);
	free(text);
	json_decref(all);
}

static void print_table(const struct features *features, const char *kernel)
{
	enum feature missing = features_missing(features);

	printf("kernel %s\n", kernel);
	for (int i = 0; i < FEATURE_MAX; i++) {
		const struct feature_row *row = feature_row(i);

		printf("%-8s %-18s %s\n",
		       features->has[i]	  ? "yes"
		       : row->is_required ? "MISSING"
					  : "no",
		       row->name, row->what);
		if (!features->has[i])
			printf("%27s lost: %s\n%27s cure: %s\n", "", row->lost, "", row->cure);
	}
	if (missing == FEATURE_MAX)
		printf("cgbpf can run here\n");
	else
		printf("cgbpf cannot run here: %s is missing\n", feature_row(missing)->what);
}

static int main_doctor(int argc, char **argv)
{
	bool is_json = false;
	const struct param params[] = {
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	int err = params_parse(&cmd_doctor, params, argc, argv);
	struct features features;
	struct utsname name;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	features_probe(&features);
	uname(&name);
	if (is_json)
		print_json(&features, name.release);
	else
		print_table(&features, name.release);
	return features_missing(&features) == FEATURE_MAX ? EXIT_DONE : EXIT_CANNOT;
}

const struct command cmd_doctor = {
	"doctor",
	"what this kernel and host offer, and what is lost without it",
	"Ends with status 3 when something that 'run' cannot do without is missing.",
	main_doctor,
};

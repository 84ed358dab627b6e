/* SPDX-License-Identifier: BSD-2-Clause */
/* `tree verify`: is everything as the file says, and if not, what is to be done? It changes
 * nothing. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd_tree.h"
#include "user/log.h"
#include "user/tree_verify.h"

static void print_text(const struct tree_report *report)
{
	json_t *finding;
	size_t i;

	json_array_foreach(report->findings, i, finding)
	{
		const char *verdict = json_string_value(json_object_get(finding, "verdict"));
		const char *cure = json_string_value(json_object_get(finding, "cure"));

		printf("%-8s%s: %s\n", strcmp(verdict, "bad") == 0 ? "BAD" : verdict,
		       json_string_value(json_object_get(finding, "check")),
		       json_string_value(json_object_get(finding, "what")));
		while (cure && *cure) {
			int len = (int)strcspn(cure, "\n");

			printf("        %.*s\n", len, cure);
			cure += len + (cure[len] == '\n');
		}
	}
	printf("%zu checks, %zu bad\n", json_array_size(report->findings), report->bad_cnt);
}

/* What does not depend on a hierarchy: may one be made here? */
static void check_place(struct tree_report *report, const char *parent)
{
	struct tree_error error = {};
	struct tree_place place;

	if (tree_place__open(parent, &place, &error)) {
		tree_found(report, "delegation", TREE_BAD, NULL, "%s", error.text);
		return;
	}
	tree_found(report, "delegation", TREE_GOOD, NULL, "hierarchies can be made in %s",
		   place.parent);
	tree_place__close(&place);
}

static int verify(const struct tree_filter *filter, const struct tree_config *config, bool is_json)
{
	struct tree_report report = {.findings = json_array()};
	struct tree_list list;
	int root_fd, status = tree_look_up(&tree_verify, filter, &root_fd, &list);

	if (status) {
		json_decref(report.findings);
		return status;
	}
	tree_verify_driver(&report, &list);
	check_place(&report, filter->parent);
	if (!list.cnt)
		tree_found(&report, "hierarchy", TREE_BAD, "cgbpf tree apply -c FILE",
			   "none made of this file is there");
	for (size_t i = 0; i < list.cnt; i++) {
		tree_verify_levels(&report, root_fd, &list.workers[i]);
		tree_verify_limits(&report, root_fd, &list.workers[i], config);
	}
	tree_verify_containers(&report, &list, config);
	if (is_json)
		tree_print_json(json_pack("{s:I, s:O}", "bad", (json_int_t)report.bad_cnt,
					  "findings", report.findings));
	else
		print_text(&report);
	json_decref(report.findings);
	tree_list__free(&list);
	close(root_fd);
	return report.bad_cnt ? EXIT_FAILED : EXIT_DONE;
}

static int main_verify(int argc, char **argv)
{
	struct tree_filter filter = {};
	struct tree_config config;
	bool is_json = false;
	const struct param params[] = {
		{"config", 'c', PARAM_STRING, "FILE", "what the hierarchies were made of",
		 &filter.file, 0, 0},
		TREE_FILTER_PARAMS(filter),
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	char text[1024];
	int err = params_parse(&tree_verify, params, argc, argv), status;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!filter.file) {
		log_error("tree verify: option '--config' is needed (see 'cgbpf help tree')");
		return EXIT_WRONG_CALL;
	}
	if (tree_config__load(filter.file, true, &config, text, sizeof(text))) {
		log_error("%s", text);
		return EXIT_WRONG_CALL;
	}
	status = verify(&filter, &config, is_json);
	tree_config__free(&config);
	return status;
}

const struct command tree_verify = {
	"tree verify",
	"check hierarchies against their file, the kernel and Docker; says what to do",
	"Status 1 when something is bad.",
	main_verify,
};

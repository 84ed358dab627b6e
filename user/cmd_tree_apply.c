/* SPDX-License-Identifier: BSD-2-Clause */
/* `tree apply`: makes the hierarchy of a file and says what to tell Docker. It leaves nothing where
 * it fails. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/cmd_tree.h"
#include "user/engine.h"
#include "user/log.h"
#include "user/text.h"
#include "user/units.h"

#define ONLINE "/sys/devices/system/cpu/online"

struct apply_options {
	const char *file, *parent, *project, *run_id, *phase, *driver;
	bool is_json, may_share;
};

static json_t *share_json(const struct tree_share *share, char *path, char *docker_parent)
{
	char cpus[CPUSET_TEXT_LEN];

	return json_pack("{s:s, s:o, s:o, s:s, s:I}", "name", share->name, "cgroup",
			 text_json(path), "docker_parent", text_json(docker_parent), "cpuset",
			 cpuset_format(&share->cpus, cpus, sizeof(cpus)), "memory_bytes",
			 (json_int_t)share->memory_bytes);
}

static void print_json(const struct tree_config *config, const struct tree_worker *worker)
{
	json_t *services = json_array();
	char cpus[CPUSET_TEXT_LEN];

	for (size_t i = 0; i < config->services_cnt; i++) {
		char *path = tree_worker__service_path(worker, config->services[i].name);
		char *parent = tree_worker__docker_parent(worker, config->services[i].name);

		if (path && parent)
			json_array_append_new(services,
					      share_json(&config->services[i], path, parent));
		free(path);
		free(parent);
	}
	tree_print_json(
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:{s:s, s:o, s:s, s:I}, s:o}", "driver",
			  tree_driver_name(worker->mark.driver), "project", worker->mark.project,
			  "run_id", worker->mark.run_id, "phase", worker->mark.phase, "made",
			  (json_int_t)worker->mark.made_s, "worker", "name", config->worker.name,
			  "cgroup", text_json(worker->path), "cpuset",
			  cpuset_format(&config->worker.cpus, cpus, sizeof(cpus)), "memory_bytes",
			  (json_int_t)config->worker.memory_bytes, "services", services));
}

static void print_text(const struct tree_config *config, const struct tree_worker *worker)
{
	char cpus[256], memory[24], shown[1024];

	for (size_t i = 0; i < config->services_cnt; i++) {
		char *parent = tree_worker__docker_parent(worker, config->services[i].name);

		if (parent)
			printf("%s %s\n", config->services[i].name,
			       text_escape(parent, strlen(parent), shown, sizeof(shown)));
		free(parent);
	}
	fflush(stdout);
	log_info("%s: %zu services, CPUs %s, memory %s; 'cgbpf tree remove -c FILE' undoes it",
		 text_escape(worker->path, strlen(worker->path), shown, sizeof(shown)),
		 config->services_cnt, cpuset_format(&config->worker.cpus, cpus, sizeof(cpus)),
		 units_format_bytes(config->worker.memory_bytes, memory, sizeof(memory)));
}

/* Paths are made unless --driver says otherwise; then the Engine is asked whether it takes them. */
static int choose_driver(const struct apply_options *options, enum tree_driver *ret_driver,
			 struct tree_error *error)
{
	enum tree_driver driver = TREE_CGROUPFS;
	int err;

	if (options->driver && strcmp(options->driver, "systemd") == 0) {
		*ret_driver = TREE_SYSTEMD;
		return 0;
	}
	if (options->driver && strcmp(options->driver, "cgroupfs") != 0)
		return tree_fail(error, EXIT_WRONG_CALL, "option '--driver': cgroupfs or systemd");
	*ret_driver = TREE_CGROUPFS;
	if (options->driver)
		return 0;
	err = tree_docker_driver(&driver);
	if (err)
		log_info("whether Docker takes these paths is not known: %s (see 'cgbpf tree "
			 "verify')",
			 engine_error(err));
	return driver == TREE_SYSTEMD ? tree_fail(error, EXIT_CANNOT, "%s", tree_docker_cure) : 0;
}

static int check_names(const struct apply_options *options, struct tree_error *error)
{
	const struct {
		const char *option, *text;
	} names[] = {{"run-id", options->run_id},
		     {"phase", options->phase},
		     {"project", options->project}};
	char shown[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *fault = tree_name_fault(names[i].text);

		if (fault)
			return tree_fail(error, EXIT_WRONG_CALL, "option '--%s': '%s' %s",
					 names[i].option,
					 text_escape(names[i].text, strlen(names[i].text), shown,
						     sizeof(shown)),
					 fault);
	}
	return 0;
}

static int apply(const struct apply_options *options, const struct tree_config *config,
		 struct tree_error *error)
{
	struct tree_order order = {.config = config,
				   .parent = options->parent,
				   .project = options->project,
				   .run_id = options->run_id,
				   .phase = options->phase};
	struct tree_worker worker = {};
	enum tree_driver driver = TREE_CGROUPFS;
	struct cpuset online;
	char *file;
	int err = check_names(options, error);

	if (!err)
		err = choose_driver(options, &driver, error);
	if (err)
		return err;
	if (!cpuset_read(ONLINE, &online) &&
	    tree_config__check_cpus(config, &online, error->text, sizeof(error->text))) {
		error->status = EXIT_WRONG_CALL;
		return -1;
	}
	file = tree_file_name(options->file);
	if (!file)
		return tree_fail(error, EXIT_FAILED, "out of memory");
	order.file = file;
	err = driver == TREE_SYSTEMD ? tree_slice_make(&order, &worker, error)
				     : tree_make(&order, &worker, error);
	free(file);
	if (err)
		return err;
	if (options->is_json)
		print_json(config, &worker);
	else
		print_text(config, &worker);
	tree_worker__free(&worker);
	return 0;
}

static int main_apply(int argc, char **argv)
{
	struct apply_options options = {.project = TREE_PROJECT, .run_id = "run", .phase = "main"};
	const struct param params[] = {
		{"config", 'c', PARAM_STRING, "FILE", "services, their CPUs and memory",
		 &options.file, 0, 0},
		{"parent", 0, PARAM_STRING, "PATH",
		 "the cgroup to make it in: yours from systemd, or, as root, the root",
		 &options.parent, 0, 0},
		{"project", 0, PARAM_STRING, "NAME", "the folder in it for all of them (cgbpf)",
		 &options.project, 0, 0},
		{"run-id", 0, PARAM_STRING, "ID", "begins the worker's name (run)", &options.run_id,
		 0, 0},
		{"phase", 0, PARAM_STRING, "NAME", "comes second in it (main)", &options.phase, 0,
		 0},
		{"driver", 0, PARAM_STRING, "NAME",
		 "cgroupfs: folders and paths; systemd: slices and their names; left out: "
		 "cgroupfs, if Docker takes it",
		 &options.driver, 0, 0},
		{"shared-cpus", 0, PARAM_FLAG, NULL, "services may have CPUs in common",
		 &options.may_share, 0, 0},
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &options.is_json, 0, 0},
		{0},
	};
	struct tree_error error = {.status = EXIT_FAILED};
	struct tree_config config;
	int err = params_parse(&tree_apply, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!options.file) {
		log_error("tree apply: option '--config' is needed (see 'cgbpf help tree')");
		return EXIT_WRONG_CALL;
	}
	if (tree_config__load(options.file, options.may_share, &config, error.text,
			      sizeof(error.text))) {
		log_error("%s", error.text);
		return EXIT_WRONG_CALL;
	}
	err = apply(&options, &config, &error);
	tree_config__free(&config);
	return err ? tree_say(&tree_apply, &error) : EXIT_DONE;
}

const struct command tree_apply = {
	"tree apply",
	"make the hierarchy of a file; prints each service's --cgroup-parent",
	"All or nothing: what cannot be finished is removed again.",
	main_apply,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the reading of hierarchies' files, names and compose files to their promises. It never
 * touches a cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/cmd_tree.h"
#include "user/config.h"
#include "user/text.h"
#include "user/tree.h"
#include "user/tree_compose.h"

#define FILE_NAME "/tmp/cgbpf-test-tree.yaml"
#define NAME_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void write_file(const char *text)
{
	int fd = open(FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int load(const char *text, bool may_share, struct tree_config *config, char *error)
{
	write_file(text);
	return tree_config__load(FILE_NAME, may_share, config, error, 512);
}

static void the_file_of_the_manual_is_read(void **state)
{
	struct tree_config config;
	char error[512], cpus[64];

	(void)state;
	assert_int_equal(load("crs:\n"
			      "  - name: crs1\n"
			      "    cpuset: \"0-3\"          # CPU cores 0-3\n"
			      "    memory_limit: \"4G\"     # 4GB memory\n"
			      "\n"
			      "  - name: crs2\n"
			      "    cpuset: \"4-7\"\n"
			      "    memory_limit: \"8G\"\n"
			      "\n"
			      "workers:\n"
			      "  local:\n"
			      "    cpuset: \"0-15\"\n"
			      "    memory: \"16G\"\n",
			      false, &config, error),
			 0);
	assert_int_equal(config.services_cnt, 2);
	assert_string_equal(config.services[1].name, "crs2");
	assert_string_equal(cpuset_format(&config.services[1].cpus, cpus, sizeof(cpus)), "4-7");
	assert_true(config.services[0].memory_bytes == 4ULL << 30);
	assert_string_equal(config.worker.name, "local");
	assert_true(config.worker.memory_bytes == 16ULL << 30);
	tree_config__free(&config);
}

static void totals_left_out_are_the_union_and_the_sum(void **state)
{
	static const char *const files[] = {
		"services:\n- {name: a, cpuset: 0-1, memory_limit: 64M}\n"
		"- {name: b, cpuset: '3', memory_limit: 32M}\n",
		"services:\n- {name: a, cpuset: 0-1, memory_limit: 64M}\n"
		"- {name: b, cpuset: '3', memory_limit: 32M}\nworkers: {big: {}}\n"};
	struct tree_config config;
	char error[512], cpus[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(load(files[i], false, &config, error), 0);
		assert_string_equal(cpuset_format(&config.worker.cpus, cpus, sizeof(cpus)),
				    "0-1,3");
		assert_true(config.worker.memory_bytes == 96ULL << 20);
		assert_string_equal(config.worker.name, i ? "big" : "local");
		tree_config__free(&config);
	}
}

#define A "{name: a, cpuset: 0-1, memory_limit: 64M}"

static void what_is_wrong_is_refused_where_it_stands(void **state)
{
	static const struct {
		const char *text, *error; /* behind the file's name */
	} rows[] = {
		{"", ":1:1: is empty: there are no services"},
		{"[]", ":1:1: a mapping is wanted here"},
		{"{}", ":1:1: there is no 'services' (or 'crs')"},
		{"services: []", ":1:11: there are no services"},
		{"services: {}", ":1:11: a list of services is wanted here"},
		{"servces: []", ":1:1: unknown key 'servces'"},
		{"services:\n- " A "\ncrs:\n- " A, ":2:1: 'crs' and 'services' are two words"},
		{"services:\n- " A "\nservices: []", ":3:1: 'services' is given twice"},
		{"services:\n- {name: a}", ":2:3: there is no 'cpuset'"},
		{"services:\n- {name: a, cpuset: 0}", ":2:3: there is no 'memory_limit'"},
		{"services:\n- {cpuset: 0, memory_limit: 1G}", ":2:3: there is no 'name'"},
		{"services:\n- {name: a, cpu: 0}", ":2:13: unknown key 'cpu'"},
		/* CPUs */
		{"services:\n- {name: a, cpuset: 0-, memory_limit: 1G}",
		 ":2:21: cpuset: '0-' is not a list of CPUs such as 0-3,8"},
		{"services:\n- {name: a, cpuset: '', memory_limit: 1G}",
		 ":2:21: cpuset wants a text"},
		{"services:\n- {name: a, cpuset: '3-1', memory_limit: 1G}",
		 ":2:21: cpuset: '3-1' is not a list"},
		{"services:\n- {name: a, cpuset: '0-2,1', memory_limit: 1G}",
		 ":2:21: cpuset: '0-2,1' names a CPU twice"},
		{"services:\n- " A "\n- {name: b, cpuset: 1-2, memory_limit: 1G}",
		 ":3:21: cpuset: CPU 1 is 'a's already, on line 2"},
		{"services:\n- " A "\nworkers:\n  local: {cpuset: '0'}",
		 ":2:21: cpuset: CPU 1 is not among the worker's, on line 4"},
		/* memory */
		{"services:\n- {name: a, cpuset: 0, memory_limit: 0}",
		 ":2:38: memory_limit: '0' is outside 1M to 1024T"},
		{"services:\n- {name: a, cpuset: 0, memory_limit: 4X}",
		 ":2:38: memory_limit: '4X' is not a size such as 512M or 4G"},
		{"services:\n- {name: a, cpuset: 0, memory_limit: -1G}",
		 ":2:38: memory_limit: '-1G' is not a size"},
		{"services:\n- {name: a, cpuset: 0, memory_limit: max}",
		 ":2:38: memory_limit: 'max' is not a size"},
		{"services:\n- {name: a, cpuset: 0, memory_limit: 99999999999999999999G}",
		 ":2:38: memory_limit: '99999999999999999999G' is outside 1M to 1024T"},
		{"services:\n- " A "\nworkers: {local: {memory: 32M}}",
		 ":3:27: memory: the services' limits sum up to 64.0 MiB, more than the worker's "
		 "32.0 MiB"},
		/* names */
		{"services:\n- " A "\n- {name: a, cpuset: '2', memory_limit: 1G}",
		 ":3:10: two services are called 'a'"},
		{"services:\n- {name: a/b, cpuset: 0, memory_limit: 1G}",
		 ":2:10: the name 'a/b' has other characters"},
		{"services:\n- {name: .., cpuset: 0, memory_limit: 1G}",
		 ":2:10: the name '..' does not begin with a letter or a digit"},
		{"services:\n- {name: \"a\\nb\", cpuset: 0, memory_limit: 1G}",
		 ":2:10: the name 'a\\x0ab' has other characters"},
		{"services:\n- {name: \"a\\0b\", cpuset: 0, memory_limit: 1G}",
		 ":2:10: name: 'a\\x00b' has a NUL in it"},
		{"services:\n- {name: " NAME_63 "4, cpuset: 0, memory_limit: 1G}",
		 ":2:10: the name '"
		 "a2345678901234567890"},
		{"services:\n- {name: memory.max, cpuset: 0, memory_limit: 1G}",
		 ":2:10: the name 'memory.max' begins as a controller's files do"},
		{"services:\n- {name: -a, cpuset: 0, memory_limit: 1G}",
		 ":2:10: the name '-a' does not begin with a letter or a digit"},
		/* workers */
		{"services:\n- " A "\nworkers: []", ":3:10: workers wants a mapping"},
		{"services:\n- " A "\nworkers: {a: {}, b: {}}",
		 ":3:10: workers wants exactly one worker"},
		{"services:\n- " A "\nworkers: {../x: {}}",
		 ":3:11: the name '../x' does not begin"},
		{"services:\n- " A "\nworkers: {a: {cpus: 0}}", ":3:15: unknown key 'cpus'"},
		{"services: &x\n- " A, ":1:11: anchors and aliases are not taken"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tree_config config = {.services_cnt = 77};
		char error[512] = "";
		int err = load(rows[i].text, false, &config, error);

		if (err != -EINVAL || strncmp(error, FILE_NAME, strlen(FILE_NAME)) != 0 ||
		    strncmp(error + strlen(FILE_NAME), rows[i].error, strlen(rows[i].error)) != 0)
			fail_msg("%s\n%d: %s", rows[i].text, err, error);
		assert_int_equal(config.services_cnt, 77);
	}
}

static void cpus_are_shared_only_where_that_is_asked_for(void **state)
{
	struct tree_config config;
	char error[512];

	(void)state;
	assert_int_equal(load("services:\n- " A "\n- {name: b, cpuset: 1, memory_limit: 1G}", true,
			      &config, error),
			 0);
	tree_config__free(&config);
}

static void cpus_the_machine_does_not_have_are_refused_where_they_stand(void **state)
{
	struct tree_config config;
	struct cpuset online;
	char error[512];

	(void)state;
	assert_int_equal(cpuset_parse("0-1", &online), 0);
	assert_int_equal(load("services:\n- " A "\n- {name: b, cpuset: 2-3, memory_limit: 1G}",
			      false, &config, error),
			 0);
	assert_int_equal(tree_config__check_cpus(&config, &online, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, FILE_NAME ":3:21: cpuset: this machine runs no CPU 2, only 0-1");
	tree_config__free(&config);
}

static void the_longest_name_is_taken(void **state)
{
	(void)state;
	assert_null(tree_name_fault(NAME_63));
	assert_non_null(tree_name_fault(NAME_63 "4"));
	assert_non_null(tree_name_fault(""));
	assert_null(tree_name_fault("memory"));
}

static void a_path_for_docker_lacks_the_mount_point_and_needless_slashes(void **state)
{
	static const struct {
		const char *path, *expected;
	} rows[] = {
		{"/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/oss-crs/worker",
		 "/user.slice/user-1000.slice/user@1000.service/oss-crs/worker"},
		{"/sys/fs/cgroup", "/"},
		{"/sys/fs/cgroup/", "/"},
		{"/sys/fs/cgroupx/a", "/sys/fs/cgroupx/a"},
		{"//a///b/", "/a/b"},
		{"/a/...b", "/a/...b"},
		{"/", "/"},
		{"a/b", NULL},
		{"", NULL},
		{"/a/../b", NULL},
		{"/a/.", NULL},
		{"/a/...", NULL},
		{"/a\nb", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why;
		char *path = tree_docker_path(rows[i].path, &why);

		if (!path != !rows[i].expected || (path && strcmp(path, rows[i].expected) != 0))
			fail_msg("%s: %s", rows[i].path, path ? path : why);
		free(path);
	}
}

static char *parent_of(void *context, const char *name)
{
	char *path;

	(void)context;
	if (strcmp(name, "web") != 0 && strcmp(name, "db") != 0)
		return NULL;
	assert_true(asprintf(&path, "/w/%s", name) > 0);
	return path;
}

static void every_service_of_a_compose_file_gets_its_parent_and_the_rest_stays(void **state)
{
	static const struct {
		const char *template, *out; /* NULL: refused, */
		const char *error; /* so */
	} rows[] = {
		{"services:\n  web:\n    image: a\n",
		 "services:\n  web:\n    image: a\n    cgroup_parent: \"/w/web\"\n", NULL},
		{"services:\n  x:\n    cgroup_parent: db\n    image: a\n",
		 "services:\n  x:\n    cgroup_parent: \"/w/db\"\n    image: a\n", NULL},
		{"x-a: &a {cgroup_parent: no}\nservices:\n  web:\n    <<: *a\n",
		 "x-a: &a {cgroup_parent: no}\nservices:\n  web:\n    <<: *a\n"
		 "    cgroup_parent: \"/w/web\"\n",
		 NULL},
		{"services: {web: {environment: {cgroup_parent: no, services: {a: b}}}, db: {}}\n",
		 "services: {web: {environment: {cgroup_parent: no, services: {a: b}}, "
		 "cgroup_parent: \"/w/web\"}, db: {cgroup_parent: \"/w/db\"}}\n",
		 NULL},
		{"networks:\n  web: {}\nservices:\n  db: {}\nvolumes:\n  x: {}\n",
		 "networks:\n  web: {}\nservices:\n  db: {cgroup_parent: \"/w/db\"}\nvolumes:\n"
		 "  x: {}\n",
		 NULL},
		{"services:\n  other: {}\n", NULL,
		 ":2:10: there is no such service in the hierarchy's file: 'other'"},
		{"services:\n  web: {cgroup_parent: nobody}\n", NULL,
		 ":2:24: there is no such service in the hierarchy's file: 'nobody'"},
		{"services:\n  web: null\n", NULL, ":2:8: this service is no mapping"},
		{"services: []\n", NULL, ":1:11: services wants a mapping"},
		{"x: &a {}\nservices:\n  web: *a\n", NULL, ":3:8: this service is no mapping"},
		{"services:\n  ? [a]\n  : {image: a}\n", NULL, ":2:5: a key wants to be a name"},
		{"x: &a web\nservices:\n  *a : {image: a}\n", NULL,
		 ":3:3: a key wants to be a name"},
		{"? {a: b}\n: c\nservices: {web: {}}\n", NULL, ":1:3: a key wants to be a name"},
		{"volumes: {}\n", NULL, ":1:1: there are no 'services'"},
		{"services: {\n", NULL, ":2:1: did not find expected node content"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char error[512] = "", *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);
		int err;

		write_file(rows[i].template);
		err = tree_compose_file(FILE_NAME, out, parent_of, NULL, error, sizeof(error));
		fclose(out);
		if (!rows[i].out != (err == -EINVAL) ||
		    (rows[i].out && strcmp(text, rows[i].out) != 0) ||
		    (rows[i].error &&
		     strncmp(error + strlen(FILE_NAME), rows[i].error, strlen(rows[i].error)) != 0))
			fail_msg("%s\n%d: %s\n%s", rows[i].template, err, error, text);
		free(text);
	}
}

static void a_target_of_a_file_is_one_for_each_service_from_its_own_to_its_workers(void **state)
{
	static const char config_file[] = "/tmp/cgbpf-test-tree-run.yaml";
	struct config config = {};
	char error[512] = "";
	FILE *f;

	(void)state;
	write_file("services:\n- " A "\n- {name: b, cpuset: '2', memory_limit: 32M}\n"
		   "workers: {local: {memory: 256M}}\n");
	f = fopen(config_file, "w");
	assert_non_null(f);
	fputs("targets:\n- tree: cgbpf-test-tree.yaml\n  name: run\n  memory: {step: 4M}\n"
	      "- cgroup: /x\n  memory: {}\n",
	      f);
	fclose(f);
	assert_int_equal(config__load(config_file, &config, error, sizeof(error)), 0);
	assert_int_equal(config.targets_cnt, 3);
	assert_string_equal(config.targets[1].name, "run/b");
	assert_string_equal(config.targets[1].match, FILE_NAME);
	assert_string_equal(config.targets[1].service, "b");
	assert_true(config.targets[1].memory.soft_bytes == 32ULL << 20);
	assert_true(config.targets[1].memory.hard_bytes == 256ULL << 20);
	assert_true(config.targets[1].memory.step_bytes == 4ULL << 20);
	assert_string_equal(config.targets[2].name, "/x");
	config__free(&config);

	f = fopen(config_file, "w");
	assert_non_null(f);
	fputs("targets:\n- tree: cgbpf-test-tree.yaml\n  memory: {hard: 1G}\n", f);
	fclose(f);
	assert_int_equal(config__load(config_file, &config, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "/tmp/cgbpf-test-tree-run.yaml:3:18: soft and hard of a tree's "
				   "services stand in its file");
	write_file("services: []");
	f = fopen(config_file, "w");
	assert_non_null(f);
	fputs("targets:\n- tree: cgbpf-test-tree.yaml\n", f);
	fclose(f);
	assert_int_equal(config__load(config_file, &config, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "/tmp/cgbpf-test-tree-run.yaml:2:3: tree: " FILE_NAME
				   ":1:11: there are no services");
	unlink(config_file);
	unlink(FILE_NAME);
}

static void json_of_a_name_that_a_terminal_obeys_is_ascii(void **state)
{
	int fd = memfd_create("out", MFD_CLOEXEC), saved = dup(STDOUT_FILENO);
	char text[64] = "";

	(void)state;
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	tree_print_json(json_pack("[o]", text_json("a\xc2\x9b"
						   "2J\x9b")));
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	assert_string_equal(text, "[\n  \"a\\u009B2J\\uFFFD\"\n]\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_of_the_manual_is_read),
		cmocka_unit_test(totals_left_out_are_the_union_and_the_sum),
		cmocka_unit_test(what_is_wrong_is_refused_where_it_stands),
		cmocka_unit_test(cpus_are_shared_only_where_that_is_asked_for),
		cmocka_unit_test(cpus_the_machine_does_not_have_are_refused_where_they_stand),
		cmocka_unit_test(the_longest_name_is_taken),
		cmocka_unit_test(a_path_for_docker_lacks_the_mount_point_and_needless_slashes),
		cmocka_unit_test(
			every_service_of_a_compose_file_gets_its_parent_and_the_rest_stays),
		cmocka_unit_test(
			a_target_of_a_file_is_one_for_each_service_from_its_own_to_its_workers),
		cmocka_unit_test(json_of_a_name_that_a_terminal_obeys_is_ascii),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}

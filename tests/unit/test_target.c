/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/target.c to its promises: globs, units, containers by id, pids. It never asks a Docker
 * Engine. For containers' paths see test_target_paths.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/cgfs.h"
#include "user/target.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define HEX16 "0123456789abcdef"
#define ID HEX16 HEX16 HEX16 HEX16
#define INNER "fedcba9876543210" HEX16 HEX16 "fedcba9876543210"
#define UID_ "f81d4fae_7dec_11d0_a765_00a0c91e6bf6"
#define KUBE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define ROOTLESS "/user.slice/user-1000.slice/user@1000.service"

/* A target hit by a path, or not. */
struct hit {
	const char *path;
	bool is;
};

/* PATH among the N targets of KINDS and MATCHES. The target's number from 1, 0 for none; *OTHER the
 * same. */
static size_t match(size_t n, const enum target_kind *kinds, const char *const *matches,
		    const char *path, size_t *ret_other)
{
	struct target_config list[4] = {};
	struct config config = {.targets = list, .targets_cnt = n};
	char *pids[4] = {"/of/pid/1", NULL};
	struct targets targets = {
		.config = &config, .pid_paths = pids, .own_path = "/system.slice/cgbpf.service"};
	const struct target_config *first, *other = (void *)1;

	for (size_t i = 0; i < n; i++) {
		list[i].kind = kinds[i];
		list[i].match = (char *)matches[i];
	}
	first = targets__match(&targets, path, ret_other ? &other : NULL);
	if (ret_other)
		*ret_other = other ? other - list + 1 : 0;
	return first ? first - list + 1 : 0;
}

static bool hits(enum target_kind kind, const char *text, const char *path)
{
	return match(1, &kind, &text, path, NULL) == 1;
}

static void check_hits(enum target_kind kind, const char *text, const struct hit *rows)
{
	for (; rows->path; rows++)
		if (hits(kind, text, rows->path) != rows->is)
			fail_msg("'%s' and '%s'", text, rows->path);
}

static void a_glob_matches_within_one_level(void **state)
{
	static const struct hit star[] = {{"/lab/a", true},    {"/lab/.a", true},   {"/lab", false},
					  {"/lab/a/b", false}, {"/x/lab/a", false}, {}};
	static const struct hit letters[] = {
		{"/job1", true}, {"/job2", true}, {"/job3", false}, {"/job12", false}, {}};
	static const struct hit below[] = {
		{"/a/x/c", true}, {"/a/c", false}, {"/a/x/y/c", false}, {}};

	(void)state;
	check_hits(TARGET_CGROUP, "/lab/*", star);
	check_hits(TARGET_CGROUP, "/job[12]", letters);
	check_hits(TARGET_CGROUP, "/a/?/c", below);
}

static void a_path_written_out_matches_itself_whatever_is_in_it(void **state)
{
	static const struct hit plain[] = {{"/lab/job", true},
					   {"/lab/job/", false},
					   {"/lab/jo", false},
					   {"/lab/Job", false},
					   {}};

	(void)state;
	check_hits(TARGET_CGROUP, "/lab/job", plain);
	assert_true(hits(TARGET_CGROUP, "/a/web\\x2dfront.service", "/a/web\\x2dfront.service"));
	assert_true(hits(TARGET_CGROUP, "/a/[", "/a/["));
	assert_true(hits(TARGET_CGROUP, "/a/[x]", "/a/[x]"));
	assert_true(hits(TARGET_CGROUP, "/a/\xff\n", "/a/\xff\n"));
}

static void a_unit_is_the_last_name_of_the_path_and_no_pattern(void **state)
{
	static const struct hit rows[] = {{"/system.slice/ssh.service", true},
					  {"/ssh.service", true},
					  {ROOTLESS "/app.slice/ssh.service", true},
					  {"/system.slice/ssh.service/child", false},
					  {"/system.slice/xssh.service", false},
					  {"/system.slice/ssh.service2", false},
					  {}};

	(void)state;
	check_hits(TARGET_UNIT, "ssh.service", rows);
	assert_false(hits(TARGET_UNIT, "*.service", "/system.slice/ssh.service"));
	assert_true(hits(TARGET_UNIT, "a\\x2db.slice", "/a\\x2db.slice"));
}

static void a_container_is_its_own_cgroup_not_its_monitor_nor_what_it_made_below(void **state)
{
	static const struct hit rows[] = {{"/docker/" ID, true},
					  {"/system.slice/docker-" ID ".scope", true},
					  {"/machine.slice/libpod-" ID ".scope", true},
					  {"/machine.slice/libpod-conmon-" ID ".scope", false},
					  {KUBE "/crio-conmon-" ID ".scope", false},
					  {"/lxc.monitor." ID, false},
					  {"/lxc.payload." ID, true},
					  {"/machine.slice/libpod-" ID ".scope/container", false},
					  {"/docker/" ID "/init.scope", false},
					  {"/docker/" ID "/docker/" INNER, false},
					  {"/docker", false},
					  {}};

	(void)state;
	check_hits(TARGET_DOCKER, HEX16, rows);
	check_hits(TARGET_DOCKER, ID, rows);
}

static void a_container_nobody_can_be_asked_about_is_not_matched(void **state)
{
	(void)state;
	assert_false(hits(TARGET_DOCKER, "web", "/docker/" ID));
	assert_false(hits(TARGET_DOCKER, "label=role=web", "/docker/" ID));
	assert_false(hits(TARGET_DOCKER, "0123456789a", "/docker/" ID)); /* 11 digits are a name */
}

static void a_pid_target_is_the_cgroup_it_was_found_in(void **state)
{
	enum target_kind kinds[] = {TARGET_PID, TARGET_PID};
	const char *pids[] = {"1", "2"};

	(void)state;
	assert_int_equal(match(2, kinds, pids, "/of/pid/1", NULL), 1);
	assert_int_equal(match(2, kinds, pids, "/of/pid", NULL), 0);
}

static void the_first_of_two_claims_wins_and_the_other_is_told(void **state)
{
	enum target_kind kinds[] = {TARGET_CGROUP, TARGET_UNIT, TARGET_ALL_FINITE};
	const char *matches[] = {"/lab/*", "a.service", NULL};
	size_t other;

	(void)state;
	assert_int_equal(match(3, kinds, matches, "/lab/a.service", &other), 1);
	assert_int_equal(other, 2);
	assert_int_equal(match(3, kinds, matches, "/x/a.service", &other), 2);
	assert_int_equal(other, 3);
	assert_int_equal(match(3, kinds, matches, "/x/b", &other), 3);
	assert_int_equal(other, 0);
	assert_int_equal(match(2, kinds, matches, "/x/b", &other), 0);
	assert_int_equal(other, 0);
	assert_int_equal(match(0, kinds, matches, "/x/b", &other), 0);
}

static void the_root_init_and_our_own_cgroup_are_never_matched(void **state)
{
	static const struct hit rows[] = {{"/", false},
					  {"/init.scope", false},
					  {"/system.slice/cgbpf.service", false},
					  {"/system.slice/cgbpf.service/child", true},
					  {"/lab/init.scope", true},
					  {}};

	(void)state;
	check_hits(TARGET_ALL_FINITE, NULL, rows);
	assert_false(hits(TARGET_CGROUP, "/init.scope", "/init.scope"));
	assert_false(hits(TARGET_NONE, "/a", "/a"));
}

static int resolve(enum target_kind kind, char *text, struct targets *targets, char *error)
{
	static struct target_config target;
	static struct config config;

	target = (struct target_config){.kind = kind, .match = text, .line = 3, .column = 5};
	config = (struct config){.file = "a.yaml", .targets = &target, .targets_cnt = 1};
	return targets__resolve(&config, targets, error, 256);
}

static void our_own_process_and_cgroup_are_refused_where_they_stand(void **state)
{
	struct targets targets = {.own_path = "untouched"};
	char pid[16], error[256] = "";
	char *own = NULL;

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(cgfs_path_of_pid(0, &own), 0);
	assert_int_equal(resolve(TARGET_PID, pid, &targets, error), -EINVAL);
	assert_memory_equal(error, "a.yaml:3:5: the process is in ", 30);
	if (strcmp(own, "/") != 0) {
		error[0] = '\0';
		assert_int_equal(resolve(TARGET_CGROUP, own, &targets, error), -EINVAL);
		assert_string_equal(error, "a.yaml:3:5: this is cgbpf's own cgroup");
	}
	assert_string_equal(targets.own_path, "untouched");
	free(own);
}

static void a_pid_that_is_gone_is_no_error_and_matches_nothing(void **state)
{
	char text[16], error[256] = "";
	struct targets targets;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(text, sizeof(text), "%d", (int)pid);
	assert_int_equal(resolve(TARGET_PID, text, &targets, error), 0);
	assert_string_equal(error, "");
	assert_null(targets.pid_paths[0]);
	assert_null(targets__match(&targets, "/lab", NULL));
	targets__free(&targets);
	targets__free(&targets);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_glob_matches_within_one_level),
		cmocka_unit_test(a_path_written_out_matches_itself_whatever_is_in_it),
		cmocka_unit_test(a_unit_is_the_last_name_of_the_path_and_no_pattern),
		cmocka_unit_test(
			a_container_is_its_own_cgroup_not_its_monitor_nor_what_it_made_below),
		cmocka_unit_test(a_container_nobody_can_be_asked_about_is_not_matched),
		cmocka_unit_test(a_pid_target_is_the_cgroup_it_was_found_in),
		cmocka_unit_test(the_first_of_two_claims_wins_and_the_other_is_told),
		cmocka_unit_test(the_root_init_and_our_own_cgroup_are_never_matched),
		cmocka_unit_test(our_own_process_and_cgroup_are_refused_where_they_stand),
		cmocka_unit_test(a_pid_that_is_gone_is_no_error_and_matches_nothing),
	};

	setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock", 1);
	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks a hierarchy against its file as the kernel has it. It changes nothing. */
#include "user/tree_verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/text.h"
#include "user/units.h"

void tree_found(struct tree_report *report, const char *check, enum tree_verdict verdict,
		const char *cure, const char *format, ...)
{
	static const char *const verdicts[] = {
		[TREE_GOOD] = "good", [TREE_BAD] = "bad", [TREE_UNKNOWN] = "unknown"};
	char what[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	report->bad_cnt += verdict == TREE_BAD;
	json_array_append_new(report->findings,
			      json_pack("{s:s, s:s, s:s, s:s*}", "check", check, "verdict",
					verdicts[verdict], "what", what, "cure", cure));
}

static void check_level(struct tree_report *report, int root_fd, const char *path)
{
	int fd, given, err = cgfs_open_path(root_fd, *path ? path : "/", &fd);
	char shown[512], cure[1024];

	text_escape(*path ? path : "/", strlen(*path ? path : "/"), shown, sizeof(shown));
	if (err) {
		tree_found(report, "controllers", TREE_BAD, "apply it again", "%s: %s", shown,
			   strerror(-err));
		return;
	}
	given = tree_controllers_given(fd);
	close(fd);
	if (given == TREE_CONTROLLERS_ALL) {
		tree_found(report, "controllers", TREE_GOOD, NULL,
			   "%s gives cpuset and memory to its children", shown);
		return;
	}
	snprintf(cure, sizeof(cure),
		 "echo \"+cpuset +memory\" | sudo tee " CGFS_ROOT "%s/cgroup.subtree_control, or "
		 "'sudo cgbpf tree delegate USER'",
		 *path ? shown : "");
	tree_found(report, "controllers", TREE_BAD, cure, "%s gives no %s to its children", shown,
		   tree_controllers_text(TREE_CONTROLLERS_ALL & ~(given < 0 ? 0 : given)));
}

void tree_verify_levels(struct tree_report *report, int root_fd, const struct tree_worker *worker)
{
	char *path = strdup(worker->path), shown[512];
	int fd;

	for (char *end = path; path; end += 1 + strcspn(end + 1, "/")) {
		char rest = *end;

		*end = '\0';
		check_level(report, root_fd, path);
		*end = rest;
		if (!rest)
			break;
	}
	free(path);
	/* As the user who asks: may it be removed, and filled again? */
	if (cgfs_open_path(root_fd, worker->path, &fd))
		return;
	text_escape(worker->path, strlen(worker->path), shown, sizeof(shown));
	if (faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0)
		tree_found(report, "delegation", TREE_GOOD, NULL, "%s is yours", shown);
	else
		tree_found(report, "delegation", TREE_BAD,
			   "act as the user who made it, or with sudo", "%s is not yours to change",
			   shown);
	close(fd);
}

static void check_cpus(struct tree_report *report, int dir_fd, const char *file,
		       const struct tree_share *share, const char *shown, const char *cure)
{
	char text[CPUSET_TEXT_LEN], wanted[512];
	struct cpuset cpus = {};
	int err = cgfs_read(dir_fd, file, text, sizeof(text));

	cpuset_format(&share->cpus, wanted, sizeof(wanted));
	if (err || cpuset_parse(text, &cpus) || !cpuset_is_equal(&cpus, &share->cpus))
		tree_found(report, "limits", TREE_BAD, cure, "%s: %s is '%s', the file says %s",
			   shown, file, err ? strerror(-err) : text, wanted);
	else
		tree_found(report, "limits", TREE_GOOD, NULL, "%s: %s is %s", shown, file, wanted);
}

static void check_share(struct tree_report *report, int root_fd, const char *path,
			const struct tree_share *share, bool is_governed)
{
	char shown[1024], text[64], found[24], wanted[24];
	uint64_t max = 0;
	int fd, err = cgfs_open_path(root_fd, path, &fd);

	text_escape(path, strlen(path), shown, sizeof(shown));
	if (err) {
		tree_found(report, "limits", TREE_BAD, "remove the hierarchy and apply it again",
			   "%s: %s", shown, strerror(-err));
		return;
	}
	check_cpus(report, fd, "cpuset.cpus", share, shown, "remove it and apply it again");
	check_cpus(report, fd, "cpuset.cpus.effective", share, shown,
		   "a folder above has fewer CPUs, or one is offline: see cpuset.cpus.effective "
		   "there");
	units_format_bytes(share->memory_bytes, wanted, sizeof(wanted));
	err = cgfs_read_bytes(fd, "memory.max", &max);
	if (!err && max == share->memory_bytes)
		tree_found(report, "limits", TREE_GOOD, NULL, "%s: memory.max is %s", shown,
			   wanted);
	else
		tree_found(report, "limits", is_governed && !err ? TREE_UNKNOWN : TREE_BAD,
			   is_governed && !err ? "fine while 'cgbpf run' governs it"
					       : "remove it and apply it again",
			   "%s: memory.max is %s, the file says %s", shown,
			   err ? strerror(-err) : units_format_bytes(max, found, sizeof(found)),
			   wanted);
	if (!cgfs_read(fd, "cgroup.procs", text, sizeof(text)) && text[0])
		tree_found(report, "processes", TREE_BAD,
			   "only cgroups below it may have some: end them, or start them as "
			   "containers",
			   "%s has processes of its own, such as %d", shown, atoi(text));
	close(fd);
}

void tree_verify_limits(struct tree_report *report, int root_fd, const struct tree_worker *worker,
			const struct tree_config *config)
{
	check_share(report, root_fd, worker->path, &config->worker, false);
	for (size_t i = 0; i < config->services_cnt; i++) {
		char *path = tree_worker__service_path(worker, config->services[i].name);

		if (path)
			check_share(report, root_fd, path, &config->services[i], true);
		free(path);
	}
}

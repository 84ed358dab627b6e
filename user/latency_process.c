// SPDX-License-Identifier: BSD-2-Clause
/* Finds processes and folders of daemons and runtimes. It only reads /proc and /run. */
#include "user/latency_process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define COMM_LEN 16

/* Name and parent of PID, from "PID (NAME) STATE PARENT". */
static bool look(uint32_t pid, char comm[COMM_LEN], uint32_t *ret_parent)
{
	char file[32], line[256], *begin, *end;
	bool is_good = false;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%u/stat", pid);
	f = fopen(file, "re");
	if (!f)
		return false;
	if (fgets(line, sizeof(line), f)) {
		begin = strchr(line, '(');
		end = strrchr(line, ')');
		if (begin && end && strlen(end) > 4) {
			*end = '\0';
			snprintf(comm, COMM_LEN, "%s", begin + 1);
			*ret_parent = strtoul(end + 4, NULL, 10);
			is_good = true;
		}
	}
	fclose(f);
	return is_good;
}

uint32_t latency_process_find(const char *comm, uint32_t parent)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint32_t found = 0, cnt = 0;

	while (dir && (entry = readdir(dir))) {
		uint32_t pid = strtoul(entry->d_name, NULL, 10), its_parent;
		char its_comm[COMM_LEN];

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !look(pid, its_comm, &its_parent) || strcmp(its_comm, comm) != 0 ||
		    (parent && its_parent != parent))
			continue;
		found = pid;
		cnt++;
	}
	if (dir)
		closedir(dir);
	return cnt == 1 ? found : 0;
}

uint32_t latency_process_parent(uint32_t pid)
{
	char comm[COMM_LEN];
	uint32_t parent;

	return look(pid, comm, &parent) ? parent : 0;
}

/* The kernel tells who called listen(); where systemd did, it is not the daemon. */
uint32_t latency_process_listener(const char *socket_path, const char *comm)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer = {};
	socklen_t len = sizeof(peer);
	char its_comm[COMM_LEN];
	uint32_t parent;
	bool is_it = false;

	if (fd < 0)
		return 0;
	if (strlen(socket_path) < sizeof(address.sun_path)) {
		strcpy(address.sun_path, socket_path);
		is_it = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
			getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0 &&
			look(peer.pid, its_comm, &parent) && strcmp(its_comm, comm) == 0;
	}
	close(fd);
	return is_it ? (uint32_t)peer.pid : latency_process_find(comm, 0);
}

/* What follows OPTION on the command line of PID. */
static bool option_of(uint32_t pid, const char *option, char *buf, size_t len)
{
	char file[32], *argument = NULL;
	size_t size = 0, option_len = strlen(option);
	bool is_next = false, has = false;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%u/cmdline", pid);
	f = fopen(file, "re");
	if (!f)
		return false;
	while (!has && getdelim(&argument, &size, '\0', f) > 0) {
		if (is_next) {
			has = snprintf(buf, len, "%s", argument) < (int)len;
		} else if (strncmp(argument, option, option_len) == 0 &&
			   argument[option_len] == '=') {
			has = snprintf(buf, len, "%s", argument + option_len + 1) < (int)len;
		}
		is_next = strcmp(argument, option) == 0;
	}
	free(argument);
	fclose(f);
	return has;
}

/*
 * dockerd has its runtimes keep their state below its --exec-root, in runtime-NAME/moby; containerd
 * alone in /run/containerd/runc/moby.
 */
int latency_process_runtime_root(uint32_t dockerd, const char *id, const char *file, char *buf,
				 size_t len)
{
	char roots[2][256] = {"", "/run/*"}, *pattern;
	int err = -ENOENT;

	if (dockerd)
		option_of(dockerd, "--exec-root", roots[0], sizeof(roots[0]));
	for (int i = 0; i < 2 && err; i++) {
		glob_t found;
		int failed;

		if (!*roots[i])
			continue;
		if (asprintf(&pattern, "%s/*/moby/%s/%s", roots[i], id, file) < 0)
			return -ENOMEM;
		failed = glob(pattern, 0, NULL, &found);
		free(pattern);
		if (failed)
			continue;
		/* Without "/ID/FILE". */
		if (found.gl_pathc > 0 &&
		    snprintf(buf, len, "%.*s",
			     (int)(strlen(found.gl_pathv[0]) - strlen(id) - strlen(file) - 2),
			     found.gl_pathv[0]) < (int)len)
			err = 0;
		globfree(&found);
	}
	return err;
}

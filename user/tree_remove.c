/* SPDX-License-Identifier: BSD-2-Clause */
/* Removes a hierarchy leaf first, once nothing runs in it. It never follows a link and never leaves
 * the folder it was given. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/text.h"
#include "user/tree.h"

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL
/* Where the kernel still holds on to a cgroup that is empty, it lets go within moments. */
#define BUSY_PAUSE_NS (2 * 1000000L)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* Removes every folder below DIR_FD, which it closes. */
static int remove_children(int dir_fd, uint64_t deadline_ns)
{
	struct dirent *entry;
	DIR *dir = fdopendir(dir_fd);
	int err = 0;

	if (!dir) {
		close(dir_fd);
		return -ENOMEM;
	}
	while (!err && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			err = tree_remove_folder(dirfd(dir), entry->d_name, deadline_ns);
	closedir(dir);
	return err;
}

int tree_remove_folder(int parent_fd, const char *name, uint64_t deadline_ns)
{
	struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};

	for (;;) {
		int err, fd;

		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || cgfs_is_gone(-errno))
			return 0;
		if (errno != EBUSY)
			return -errno;
		/* It has folders in it, or the kernel is not done with it. */
		err = cgfs_open_path(parent_fd, name, &fd);
		if (!err)
			err = remove_children(fd, deadline_ns);
		if (err && !cgfs_is_gone(err))
			return err;
		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || cgfs_is_gone(-errno))
			return 0;
		if (errno != EBUSY || now_ns() >= deadline_ns)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

static int is_populated(int events_fd)
{
	char text[256];
	ssize_t len = pread(events_fd, text, sizeof(text) - 1, 0);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	return strstr(text, "populated 0") == NULL;
}

/* The kernel tells on cgroup.events when the last process of a cgroup and all below it has gone. */
static int wait_until_empty(int dir_fd, uint64_t deadline_ns)
{
	int events_fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int is, err = 0;

	if (events_fd < 0)
		return -errno;
	while ((is = is_populated(events_fd)) > 0 && !err) {
		struct pollfd event = {.fd = events_fd, .events = POLLPRI};
		uint64_t now = now_ns();
		uint64_t left_ms = now < deadline_ns ? (deadline_ns - now) / NSEC_PER_MSEC + 1 : 0;

		if (!left_ms)
			err = -ETIMEDOUT;
		else if (poll(&event, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX) < 0)
			err = errno == EINTR ? 0 : -errno;
	}
	close(events_fd);
	return err ? err : is < 0 ? is : 0;
}

struct holdout {
	char *path;
	unsigned int pid;
};

static int find_holdout(void *context, int dir_fd, const char *path)
{
	struct holdout *holdout = context;
	char text[64];

	if (cgfs_read(dir_fd, "cgroup.procs", text, sizeof(text)) || !text[0])
		return 0;
	holdout->pid = strtoul(text, NULL, 10);
	holdout->path = strdup(path);
	return -ECANCELED;
}

/* Names one that is still there. */
static int refuse(const struct tree_removal *removal, const struct tree_worker *worker, int dir_fd,
		  struct tree_error *error)
{
	struct holdout holdout = {};
	char shown[512], where[512], file[32], comm[32] = "?", name[64];
	FILE *f;

	cgfs_walk(dir_fd, find_holdout, &holdout);
	snprintf(file, sizeof(file), "/proc/%u/comm", holdout.pid);
	f = fopen(file, "re");
	if (f && fgets(comm, sizeof(comm), f))
		comm[strcspn(comm, "\n")] = '\0';
	if (f)
		fclose(f);
	tree_fail(error, EXIT_FAILED,
		  "%s: processes are still in it, such as %u (%s) in %s%s; nothing was removed",
		  text_escape(worker->path, strlen(worker->path), shown, sizeof(shown)),
		  holdout.pid, text_escape(comm, strlen(comm), name, sizeof(name)),
		  holdout.path
			  ? text_escape(holdout.path, strlen(holdout.path), where, sizeof(where))
			  : "it",
		  removal->is_killing ? ", though all were killed: the kernel is not done with them"
				      : " (--kill ends them, --timeout waits longer)");
	free(holdout.path);
	return -1;
}

static int kill_all(int dir_fd)
{
	int fd = openat(dir_fd, "cgroup.kill", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, "1", 1) < 0)
		err = -errno;
	close(fd);
	return err;
}

void tree_remove_project(int root_fd, const char *path)
{
	const char *name = strrchr(path, '/');
	char *parent = name > path ? strndup(path, name - path) : strdup("/");
	struct tree_mark mark = {};
	int fd = -1, parent_fd = -1;

	if (parent && !cgfs_open_path(root_fd, path, &fd) && !tree_mark__read(fd, &mark) &&
	    mark.made_s && !cgfs_open_path(root_fd, parent, &parent_fd)) {
		unlinkat(parent_fd, name + 1, AT_REMOVEDIR);
		close(parent_fd);
	}
	if (fd >= 0)
		close(fd);
	tree_mark__free(&mark);
	free(parent);
}

/* The worker's folder, and all in it, out of the project's. */
static int remove_worker(const struct tree_removal *removal, const struct tree_worker *worker,
			 uint64_t deadline_ns, struct tree_error *error)
{
	const char *name = strrchr(worker->path, '/');
	char *project = strndup(worker->path, name - worker->path), shown[512];
	int project_fd, err;

	if (!project)
		return tree_fail(error, EXIT_FAILED, "out of memory");
	err = cgfs_open_path(removal->root_fd, project, &project_fd);
	if (!err) {
		err = tree_remove_folder(project_fd, name + 1, deadline_ns);
		close(project_fd);
	}
	if (!err || cgfs_is_gone(err))
		tree_remove_project(removal->root_fd, project); /* with the last in it */
	free(project);
	if (!err || cgfs_is_gone(err))
		return 0;
	return tree_fail(error, EXIT_FAILED, "%s cannot be removed: %s",
			 text_escape(worker->path, strlen(worker->path), shown, sizeof(shown)),
			 strerror(-err));
}

int tree_remove(const struct tree_removal *removal, const struct tree_worker *worker,
		struct tree_error *error)
{
	uint64_t deadline_ns = now_ns() + removal->timeout_ns, id = 0;
	char shown[512];
	int dir_fd, err = cgfs_open_path(removal->root_fd, worker->path, &dir_fd);

	if (cgfs_is_gone(err))
		return 0;
	text_escape(worker->path, strlen(worker->path), shown, sizeof(shown));
	if (err)
		return tree_fail(error, EXIT_FAILED, "%s: %s", shown, strerror(-err));
	if (cgfs_id(dir_fd, &id) || id != worker->id) {
		close(dir_fd);
		return tree_fail(error, EXIT_FAILED,
				 "%s: another folder stands in its place; it was left", shown);
	}
	err = removal->is_killing ? kill_all(dir_fd) : 0;
	if (!err)
		err = wait_until_empty(dir_fd, deadline_ns);
	if (err == -ETIMEDOUT)
		refuse(removal, worker, dir_fd, error);
	else if (err && !cgfs_is_gone(err))
		tree_fail(error, EXIT_FAILED, "%s: %s", shown, strerror(-err));
	close(dir_fd);
	if (cgfs_is_gone(err))
		return 0;
	if (err)
		return -1;
	if (worker->mark.driver == TREE_SYSTEMD)
		return tree_slice_stop(worker->path, error);
	/* The kernel is given a moment, however short the wait for processes was. */
	if (deadline_ns < now_ns() + NSEC_PER_SEC)
		deadline_ns = now_ns() + NSEC_PER_SEC;
	return remove_worker(removal, worker, deadline_ns, error);
}

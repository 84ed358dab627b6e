/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a hierarchy of folders, all or nothing. It writes to nothing but folders that it has made,
 * and hands out controllers on the way to them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/text.h"
#include "user/tree.h"

#define LOCK_TRIES 1000
#define LOCK_PAUSE_NS (10 * 1000000L)
/* So many descriptors are closed at once; one service's are its folder and two files. */
#define OPEN_MAX_CNT 384
#define SERVICE_OPENS 3
#define REMOVE_NS (5 * 1000000000ULL)

/* A folder that we made; its name counts only while it is still the same folder. */
struct made {
	int parent_fd;
	const char *name;
	uint64_t id;
};

struct making {
	const struct tree_order *order;
	struct tree_place place;
	struct tree_error *error;
	struct made project, worker; /* .id 0: not made here */
	struct tree_giving giving;
	int project_fd, worker_fd;
	uint64_t made_s;
	char name[4 * TREE_NAME_MAX];
	int open[OPEN_MAX_CNT]; /* to be closed, in the order in which they were opened */
	size_t open_cnt;
};

/* Two at once in one parent come one after the other. */
static int lock(struct making *making)
{
	struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(making->place.parent_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			break;
		nanosleep(&pause, NULL);
	}
	return tree_fail(making->error, EXIT_FAILED, "%s cannot be locked: %s",
			 making->place.parent, strerror(errno));
}

static int fail(struct making *making, const char *file, int err)
{
	char shown[1024], path[512];
	const char *folder = making->name[0] ? making->name : "";

	if (err == -EACCES || err == -EPERM)
		return tree_place_refuse(&making->place, file, making->error);
	snprintf(path, sizeof(path), "%s/%s/%s", making->place.parent, making->order->project,
		 folder);
	return tree_fail(making->error,
			 err == -ENOENT && strstr(file, "subtree_control") ? EXIT_CANNOT
									   : EXIT_FAILED,
			 "%s: %s: %s; nothing was left",
			 text_escape(path, strlen(path), shown, sizeof(shown)), file,
			 cgfs_is_gone(err) ? "the folder was removed meanwhile" : strerror(-err));
}

static int make_folder(struct making *making, int parent_fd, const char *name, int *ret_fd,
		       struct made *made)
{
	int err = mkdirat(parent_fd, name, 0755) < 0 ? -errno : 0, fd = -1;
	bool is_new = !err;
	uint64_t id;

	if (err == -EEXIST && made == &making->project)
		err = 0;
	if (!err)
		err = cgfs_open_path(parent_fd, name, &fd);
	if (!err)
		err = cgfs_id(fd, &id);
	if (err) {
		if (is_new) /* not known any better: empty, or it is not removed */
			unlinkat(parent_fd, name, AT_REMOVEDIR);
		return fail(making, name, err);
	}
	*ret_fd = fd;
	if (is_new)
		*made = (struct made){parent_fd, name, id};
	return 0;
}

static int open_project(struct making *making)
{
	struct tree_mark mark = {.kind = TREE_PROJECT_FOLDER, .uid = geteuid()}, seen;
	int err = make_folder(making, making->place.parent_fd, making->order->project,
			      &making->project_fd, &making->project);
	int fd;

	if (err)
		return err;
	/* A folder that was there (of a delegation by hand) is marked too: what is in it is found
	 * by it. Where we may not, it works without. */
	mark.made_s = making->project.id ? making->made_s : 0;
	if (tree_mark__read(making->project_fd, &seen) == 0)
		tree_mark__free(&seen);
	else if ((err = tree_mark__write(making->project_fd, &mark)) && making->project.id)
		return fail(making, "user.cgbpf", err);
	fd = fcntl(making->project_fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? fail(making, "cgroup.subtree_control", -errno)
		      : tree_giving__give(&making->giving, fd, making->order->project);
}

/* One call for many, where no other descriptor is among them. */
static void close_batch(struct making *making)
{
	size_t cnt = making->open_cnt;
	bool is_row = cnt > 0;

	for (size_t i = 1; i < cnt; i++)
		is_row = is_row && making->open[i] == making->open[0] + (int)i;
	if (is_row)
		close_range(making->open[0], making->open[cnt - 1], 0);
	for (size_t i = 0; i < cnt && !is_row; i++)
		close(making->open[i]);
	making->open_cnt = 0;
}

static int write_file(struct making *making, int dir_fd, const char *file, const char *text)
{
	int fd = openat(dir_fd, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	making->open[making->open_cnt++] = fd;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_share(struct making *making, int dir_fd, const struct tree_share *share)
{
	char cpus[CPUSET_TEXT_LEN], bytes[24], what[128];
	const char *file = "memory.max";
	int err;

	snprintf(bytes, sizeof(bytes), "%" PRIu64, share->memory_bytes);
	err = write_file(making, dir_fd, file, bytes);
	if (!err) {
		file = "cpuset.cpus";
		err = write_file(making, dir_fd, file,
				 cpuset_format(&share->cpus, cpus, sizeof(cpus)));
	}
	if (!err)
		return 0;
	snprintf(what, sizeof(what), "%s of %s", file, share->name);
	return fail(making, what, err);
}

static int make_worker(struct making *making)
{
	const struct tree_order *order = making->order;
	uint32_t random;
	struct tree_mark mark = {.kind = TREE_WORKER,
				 .driver = TREE_CGROUPFS,
				 .file = (char *)order->file,
				 .project = (char *)order->project,
				 .run_id = (char *)order->run_id,
				 .phase = (char *)order->phase,
				 .worker = (char *)order->config->worker.name,
				 .made_s = making->made_s,
				 .uid = geteuid()};
	int err;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail(making, "random", -EIO);
	snprintf(making->name, sizeof(making->name), "%s-%s-%" PRIu64 "-%08x-%s", order->run_id,
		 order->phase, making->made_s, random, order->config->worker.name);
	err = make_folder(making, making->project_fd, making->name, &making->worker_fd,
			  &making->worker);
	if (err)
		return err;
	err = tree_mark__write(making->worker_fd, &mark);
	if (err)
		return fail(making, "user.cgbpf", err);
	err = write_share(making, making->worker_fd, &order->config->worker);
	if (err)
		return err;
	err = tree_controllers_write(making->worker_fd, TREE_CONTROLLERS_ALL, true);
	return err ? fail(making, "cgroup.subtree_control", err) : 0;
}

static int make_service(struct making *making, const struct tree_share *service)
{
	int err = mkdirat(making->worker_fd, service->name, 0755) < 0 ? -errno : 0, fd;
	char what[128];

	if (!err) {
		fd = openat(making->worker_fd, service->name,
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		err = fd < 0 ? -errno : 0;
	}
	if (err) {
		snprintf(what, sizeof(what), "the folder of %s", service->name);
		return fail(making, what, err);
	}
	making->open[making->open_cnt++] = fd;
	return write_share(making, fd, service);
}

/* Is what we made still what stands under its name? */
static int check_names(struct making *making)
{
	struct stat project, worker, held;

	if (fstat(making->project_fd, &held) == 0 &&
	    fstatat(making->place.parent_fd, making->order->project, &project,
		    AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(making->project_fd, making->name, &worker, AT_SYMLINK_NOFOLLOW) == 0 &&
	    project.st_ino == held.st_ino && worker.st_ino == making->worker.id)
		return 0;
	return fail(making, "another folder stands in its place", -ENOENT);
}

static void remove_made(const struct made *made)
{
	struct timespec now;
	struct stat st;

	if (!made->id || fstatat(made->parent_fd, made->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_ino != made->id)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	tree_remove_folder(made->parent_fd, made->name,
			   now.tv_sec * 1000000000ULL + now.tv_nsec + REMOVE_NS);
}

static void undo(struct making *making)
{
	remove_made(&making->worker);
	/* Others may be at home in a project's folder: busy, it stays. */
	if (making->project.id)
		unlinkat(making->place.parent_fd, making->order->project, AT_REMOVEDIR);
	tree_giving__take_back(&making->giving);
}

static int make(struct making *making)
{
	const struct tree_config *config = making->order->config;
	int err = lock(making);

	if (!err)
		err = tree_giving__give_on_the_way(&making->giving);
	if (!err)
		err = open_project(making);
	if (!err)
		err = make_worker(making);
	for (size_t i = 0; i < config->services_cnt && !err; i++) {
		if (making->open_cnt + SERVICE_OPENS > OPEN_MAX_CNT)
			close_batch(making);
		err = make_service(making, &config->services[i]);
	}
	close_batch(making);
	return err ? err : check_names(making);
}

static int describe(const struct making *making, struct tree_worker *ret_worker)
{
	const struct tree_order *order = making->order;
	struct tree_worker worker = {.id = making->worker.id};

	worker.mark = (struct tree_mark){.kind = TREE_WORKER,
					 .driver = TREE_CGROUPFS,
					 .file = strdup(order->file),
					 .project = strdup(order->project),
					 .run_id = strdup(order->run_id),
					 .phase = strdup(order->phase),
					 .worker = strdup(order->config->worker.name),
					 .made_s = making->made_s,
					 .uid = geteuid()};
	if (asprintf(&worker.path, "%s/%s/%s",
		     strcmp(making->place.parent, "/") ? making->place.parent : "", order->project,
		     making->name) < 0)
		return tree_fail(making->error, EXIT_FAILED, "out of memory");
	*ret_worker = worker;
	return 0;
}

int tree_make(const struct tree_order *order, struct tree_worker *ret_worker,
	      struct tree_error *error)
{
	struct making making = {.order = order,
				.error = error,
				.project_fd = -1,
				.worker_fd = -1,
				.made_s = time(NULL)};
	sigset_t ends, before;
	int err = tree_place__open(order->parent, &making.place, error);

	if (err)
		return err;
	making.giving.place = &making.place;
	making.giving.error = error;
	/* A signal waits until it is all or nothing. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	err = make(&making);
	if (!err)
		err = describe(&making, ret_worker);
	if (err)
		undo(&making);
	tree_giving__close(&making.giving);
	if (making.worker_fd >= 0)
		close(making.worker_fd);
	if (making.project_fd >= 0)
		close(making.project_fd);
	tree_place__close(&making.place);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}

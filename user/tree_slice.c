/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes and stops a hierarchy as slices of systemd, all or nothing. It never makes a folder itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/bus.h"
#include "user/cgfs.h"
#include "user/text.h"
#include "user/tree.h"

#define UNIT_MAX 255 /* UNIT_NAME_MAX in systemd's src/basic/unit-name.h, with its NUL */

static int cannot_ask(int err, struct tree_error *error)
{
	return tree_fail(error, EXIT_CANNOT, "systemd cannot be asked for slices: %s",
			 err == -ELIBACC ? "libsystemd.so.0 is missing"
			 : err == -ENOENT || err == -ECONNREFUSED
				 ? "no D-Bus here (is systemd the init, dbus installed?)"
				 : strerror(-err));
}

/* Two names that differ only in '-' and '_' would be one slice. */
static int check_names(const struct tree_order *order, struct tree_error *error)
{
	const struct tree_config *config = order->config;

	for (size_t i = 0; i < config->services_cnt; i++) {
		char name[TREE_NAME_MAX + 1];

		tree_slice_undash(strcpy(name, config->services[i].name));
		for (size_t other = 0; other < i; other++) {
			char other_name[TREE_NAME_MAX + 1];

			tree_slice_undash(strcpy(other_name, config->services[other].name));
			if (strcmp(name, other_name) == 0)
				return tree_fail(error, EXIT_WRONG_CALL,
						 "%s:%u: '%s' and '%s' would be one slice, since "
						 "'-' means a level there",
						 config->file, config->services[i].line,
						 config->services[other].name,
						 config->services[i].name);
		}
	}
	return 0;
}

static int start(struct bus *bus, const char *slice, const struct tree_share *share,
		 const struct tree_order *order, struct tree_error *error)
{
	char description[4 * TREE_NAME_MAX], why[512];

	tree_slice_describe(order, share->name, description, sizeof(description));
	if (!bus__start_slice(bus, slice, description, &share->cpus, share->memory_bytes, why,
			      sizeof(why)))
		return 0;
	return tree_fail(error, EXIT_FAILED, "slice %s: %s; nothing was left", slice, why);
}

/* Marks the worker's cgroup, and makes sure that systemd has set the CPUs: without the controller
 * it says nothing. */
static int mark(const struct tree_order *order, struct bus *bus, const char *slice, int root_fd,
		struct tree_worker *worker, struct tree_error *error)
{
	char cpus[CPUSET_TEXT_LEN];
	int fd, err = bus__slice_cgroup(bus, slice, &worker->path);

	if (!err)
		err = cgfs_open_path(root_fd, worker->path, &fd);
	if (err)
		return tree_fail(error, EXIT_FAILED, "the cgroup of %s: %s; nothing was left",
				 slice, strerror(-err));
	worker->mark = (struct tree_mark){.kind = TREE_WORKER,
					  .driver = TREE_SYSTEMD,
					  .file = strdup(order->file),
					  .project = strdup(order->project),
					  .run_id = strdup(order->run_id),
					  .phase = strdup(order->phase),
					  .worker = strdup(order->config->worker.name),
					  .made_s = time(NULL),
					  .uid = geteuid()};
	err = cgfs_id(fd, &worker->id);
	if (!err)
		err = tree_mark__write(fd, &worker->mark);
	if (!err)
		err = cgfs_read(fd, "cpuset.cpus", cpus, sizeof(cpus));
	close(fd);
	if (err == -ENOENT)
		return tree_fail(error, EXIT_CANNOT,
				 "slice %s: systemd has no cpuset controller to give here (see "
				 "'cgbpf tree delegate'); nothing was left",
				 slice);
	return err ? tree_fail(error, EXIT_FAILED, "slice %s: %s; nothing was left", slice,
			       strerror(-err))
		   : 0;
}

static void stop(struct bus *bus, const char *slice)
{
	char why[256];

	bus__stop_unit(bus, slice, why, sizeof(why));
}

static void undo(const struct tree_order *order, struct bus *bus, const char *slice,
		 const struct tree_worker *worker)
{
	for (size_t i = 0; i < order->config->services_cnt && worker->path; i++) {
		char *service = tree_worker__docker_parent(worker, order->config->services[i].name);

		if (service)
			stop(bus, service);
		free(service);
	}
	stop(bus, slice);
}

/* One of ENDS has come while they were blocked. */
static bool is_ended(const sigset_t *ends)
{
	sigset_t pending;

	sigpending(&pending);
	for (int signal = 1; signal < SIGRTMIN; signal++)
		if (sigismember(ends, signal) && sigismember(&pending, signal))
			return true;
	return false;
}

static int make(const struct tree_order *order, struct bus *bus, int root_fd, const sigset_t *ends,
		struct tree_worker *worker, struct tree_error *error)
{
	const struct tree_config *config = order->config;
	char name[UNIT_MAX], slice[UNIT_MAX + 8];
	int err;

	if (tree_slice_name(order, time(NULL), name,
			    sizeof(name) - TREE_NAME_MAX - sizeof("-.slice")))
		return tree_fail(error, EXIT_WRONG_CALL,
				 "run-id, phase and worker are too long for a slice's name");
	snprintf(slice, sizeof(slice), "%s.slice", name);
	err = start(bus, slice, &config->worker, order, error);
	if (!err)
		err = mark(order, bus, slice, root_fd, worker, error);
	for (size_t i = 0; i < config->services_cnt && !err && !is_ended(ends); i++) {
		char *service = tree_worker__docker_parent(worker, config->services[i].name);

		err = service ? start(bus, service, &config->services[i], order, error)
			      : tree_fail(error, EXIT_FAILED, "out of memory");
		free(service);
	}
	if (!err && is_ended(ends))
		err = tree_fail(error, EXIT_FAILED, "interrupted; nothing was left");
	if (err)
		undo(order, bus, slice, worker);
	return err;
}

int tree_slice_make(const struct tree_order *order, struct tree_worker *ret_worker,
		    struct tree_error *error)
{
	struct tree_worker worker = {};
	sigset_t ends, before;
	struct bus *bus;
	int root_fd, err = check_names(order, error);

	if (err)
		return err;
	if (order->parent)
		return tree_fail(error, EXIT_WRONG_CALL,
				 "option '--parent': slices have their place from systemd");
	err = cgfs_open_root(&root_fd);
	if (err)
		return tree_fail(error, EXIT_CANNOT, CGFS_ROOT ": %s", strerror(-err));
	err = bus__open(&bus);
	if (err) {
		close(root_fd);
		return cannot_ask(err, error);
	}
	/* A signal waits until all is undone, however many slices systemd has made by then. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	err = make(order, bus, root_fd, &ends, &worker, error);
	bus__close(bus);
	close(root_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (err)
		tree_worker__free(&worker);
	else
		*ret_worker = worker;
	return err;
}

/* Those below a slice, as folders have it: paths below the root. */
struct slices {
	const char *parent;
	char **paths;
	size_t cnt;
};

static int collect(void *context, int dir_fd, const char *path)
{
	struct slices *slices = context;
	char **longer;

	(void)dir_fd;
	if (!tree_slice_is_below(strrchr(path, '/') + 1, strrchr(slices->parent, '/') + 1))
		return 1;
	longer = reallocarray(slices->paths, slices->cnt + 1, sizeof(*slices->paths));
	if (!longer)
		return -ENOMEM;
	slices->paths = longer;
	return asprintf(&slices->paths[slices->cnt], "%s%s", slices->parent, path) < 0
		       ? -ENOMEM
		       : (int)(++slices->cnt > 0);
}

/* A folder's name is not proof: does systemd have that slice in just this place? */
static int stop_at(struct bus *bus, const char *path, char *why, size_t why_len)
{
	const char *name = strrchr(path, '/') + 1;
	char *cgroup = NULL;
	int err = bus__slice_cgroup(bus, name, &cgroup);

	if (!err && strcmp(cgroup, path) != 0)
		err = -EXDEV;
	free(cgroup);
	if (!err)
		return bus__stop_unit(bus, name, why, why_len);
	snprintf(why, why_len, "%s",
		 err == -EXDEV ? "systemd has that slice in another place; it was left"
			       : strerror(-err));
	return err;
}

int tree_slice_stop(const char *path, struct tree_error *error)
{
	const char *name = strrchr(path, '/') + 1;
	struct slices slices = {.parent = path};
	char why[512], below[512], shown[512];
	struct bus *bus;
	int root_fd, fd, err = bus__open(&bus);

	if (err)
		return cannot_ask(err, error);
	if (!cgfs_open_root(&root_fd)) {
		if (!cgfs_open_path(root_fd, path, &fd)) {
			cgfs_walk(fd, collect, &slices);
			close(fd);
		}
		close(root_fd);
	}
	/* One that is not systemd's stops nothing; if it keeps the folder, the last word says so.
	 */
	for (size_t i = 0; i < slices.cnt; i++) {
		stop_at(bus, slices.paths[i], below, sizeof(below));
		free(slices.paths[i]);
	}
	free(slices.paths);
	err = stop_at(bus, path, why, sizeof(why));
	bus__close(bus);
	return err ? tree_fail(error, EXIT_FAILED, "slice %s: %s",
			       text_escape(name, strlen(name), shown, sizeof(shown)), why)
		   : 0;
}

int tree_slice_find_torn(const char *path, struct tree_mark *ret_mark)
{
	const char *name = strrchr(path, '/') + 1;
	char *cgroup = NULL, *description = NULL;
	struct bus *bus;
	int err = tree_slice_time_in(name) ? bus__open(&bus) : -ENODATA;

	if (err)
		return err;
	err = bus__slice_cgroup(bus, name, &cgroup);
	if (!err && strcmp(cgroup, path) != 0)
		err = -ENODATA;
	if (!err)
		err = bus__unit_description(bus, name, &description);
	if (!err)
		err = tree_slice_read(name, description, ret_mark);
	free(cgroup);
	free(description);
	bus__close(bus);
	return err;
}

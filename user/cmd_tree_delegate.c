/* SPDX-License-Identifier: BSD-2-Clause */
/* `tree delegate`: gives a user cpuset and memory in the user's own part of the cgroup tree, for
 * now and for after a reload. It gives nobody anything outside that part. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/bus.h"
#include "user/cgfs.h"
#include "user/cmd_tree.h"
#include "user/log.h"
#include "user/outfile.h"
#include "user/text.h"

#define SYSTEMD_RUNS "/run/systemd/system"
#define UNITS "/etc/systemd/system"
#define DROP_IN "# Made by 'cgbpf tree delegate'.\n[Service]\nDelegate=cpu cpuset io memory pids\n"

static bool has_systemd(void)
{
	return access(SYSTEMD_RUNS, F_OK) == 0;
}

/* Whole or as it was: half a line would take every controller away. */
static int put_file(const char *file, const char *text)
{
	struct outfile out;
	int err = outfile__open_regular(file, &out);

	if (err)
		return err;
	/* What could not be taken, the stream tells at its end. */
	fputs(text, out.stream);
	return outfile__commit(&out);
}

/* systemd takes controllers away again that no unit is said to need. */
static int write_drop_in(uint32_t uid, struct tree_error *error)
{
	char folder[128], file[192];
	bool is_ours;
	int err;

	snprintf(folder, sizeof(folder), UNITS "/user@%u.service.d", uid);
	snprintf(file, sizeof(file), "%s/50-cgbpf-delegate.conf", folder);
	is_ours = mkdir(folder, 0755) == 0;
	if (!is_ours && errno != EEXIST)
		return tree_fail(error, EXIT_FAILED, "%s: %s", folder, strerror(errno));
	err = put_file(file, DROP_IN);
	if (err) {
		if (is_ours)
			rmdir(folder);
		return tree_fail(error, EXIT_FAILED, "%s: %s", file, strerror(-err));
	}
	printf("wrote %s\n", file);
	return 0;
}

static int reload(struct tree_error *error)
{
	char why[512] = "D-Bus cannot be reached";
	struct bus *bus;
	int err = bus__open(&bus);

	if (!err) {
		err = bus__reload(bus, why, sizeof(why));
		bus__close(bus);
	}
	return err ? tree_fail(error, EXIT_FAILED,
			       "systemd cannot be told to read its units again: %s (run "
			       "'systemctl daemon-reload')",
			       why)
		   : 0;
}

/* What delegating a folder means (Documentation/admin-guide/cgroup-v2.rst, "Model of Delegation").
 */
static int give_folder(int dir_fd, const struct passwd *user)
{
	static const char *const files[] = {"cgroup.procs", "cgroup.threads",
					    "cgroup.subtree_control"};

	if (fchown(dir_fd, user->pw_uid, user->pw_gid) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (fchownat(dir_fd, files[i], user->pw_uid, user->pw_gid, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
	return 0;
}

/* Opens NAME in PARENT_FD, made where it is not and systemd does not make it. */
static int open_level(int parent_fd, const char *name, int *ret_fd)
{
	int err = cgfs_open_path(parent_fd, name, ret_fd);

	if (err != -ENOENT || has_systemd())
		return err;
	if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return cgfs_open_path(parent_fd, name, ret_fd);
}

static int give_level(int dir_fd)
{
	int given = tree_controllers_given(dir_fd);

	if (given < 0)
		return given;
	return given == TREE_CONTROLLERS_ALL
		       ? 0
		       : tree_controllers_write(dir_fd, TREE_CONTROLLERS_ALL & ~given, true);
}

/* From the root down to the user's folder, whose children get controllers too. */
static int give_levels(const struct passwd *user, struct tree_error *error)
{
	char path[128], *rest = path, *name;
	bool is_users = false;
	int fd, err = cgfs_open_root(&fd);

	if (err)
		return tree_fail(error, EXIT_CANNOT, CGFS_ROOT ": %s", strerror(-err));
	tree_place_of_user(user->pw_uid, path, sizeof(path));
	err = give_level(fd);
	while (!err && (name = strsep(&rest, "/"))) {
		int next;

		if (!*name)
			continue;
		err = open_level(fd, name, &next);
		if (err) {
			close(fd);
			return tree_fail(error, EXIT_FAILED,
					 "%s: %s; it is there while the user is logged in, or for "
					 "ever after 'sudo loginctl enable-linger %s'",
					 name, strerror(-err), user->pw_name);
		}
		close(fd);
		fd = next;
		is_users = !rest;
		err = give_level(fd);
	}
	if (!err && is_users)
		err = give_folder(fd, user);
	close(fd);
	if (err)
		return tree_fail(error, EXIT_FAILED, "cpuset and memory cannot be given: %s",
				 strerror(-err));
	tree_place_of_user(user->pw_uid, path, sizeof(path));
	printf("%s: cpuset and memory are %s's to give\n", path, user->pw_name);
	return 0;
}

static int delegate(const char *name, struct tree_error *error)
{
	const struct passwd *user = getpwnam(name);
	char shown[128];
	int err = 0;

	if (!user)
		return tree_fail(error, EXIT_WRONG_CALL, "there is no user '%s'",
				 text_escape(name, strlen(name), shown, sizeof(shown)));
	if (geteuid() != 0)
		return tree_fail(error, EXIT_CANNOT, "root is needed: run it with sudo");
	if (has_systemd()) {
		err = write_drop_in(user->pw_uid, error);
		if (!err)
			err = reload(error);
	}
	return err ? err : give_levels(user, error);
}

static int main_delegate(int argc, char **argv)
{
	const char *user = tree_take_argument(&argc, argv);
	const struct param params[] = {{0}};
	struct tree_error error = {.status = EXIT_FAILED};
	int err = params_parse(&tree_delegate, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!user) {
		log_error("tree delegate: no USER named (see 'cgbpf help tree')");
		return EXIT_WRONG_CALL;
	}
	return delegate(user, &error) ? tree_say(&tree_delegate, &error) : EXIT_DONE;
}

const struct command tree_delegate = {
	"tree delegate",
	"give USER cpuset and memory, so that all of this works without root",
	"Called as 'sudo cgbpf tree delegate USER'. It lasts: a drop-in for the user's unit says "
	"it\n"
	"to systemd.",
	main_delegate,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides where hierarchies go and whether they can be there. It never changes anything. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/text.h"
#include "user/tree.h"

char *tree_place_of_user(uint32_t uid, char *buf, size_t len)
{
	snprintf(buf, len, "/user.slice/user-%u.slice/user@%u.service", uid, uid);
	return buf;
}

char *tree_docker_path(const char *path, const char **ret_why)
{
	size_t root_len = strlen(CGFS_ROOT), len = 0;
	char *short_path;

	*ret_why = "out of memory";
	if (strncmp(path, CGFS_ROOT, root_len) == 0 && (path[root_len] == '/' || !path[root_len]))
		path += root_len;
	else if (path[0] != '/') {
		*ret_why = "does not begin with '/'";
		return NULL;
	}
	short_path = malloc(strlen(path) + 2);
	if (!short_path)
		return NULL;
	for (const char *p = path; *p;) {
		size_t name_len;

		p += strspn(p, "/");
		name_len = strcspn(p, "/");
		if (!name_len)
			break;
		if (strspn(p, ".") == name_len || strchr(path, '\n')) {
			*ret_why = strchr(path, '\n') ? "has a line break in it"
						      : "has a component of dots only";
			free(short_path);
			return NULL;
		}
		short_path[len++] = '/';
		memcpy(short_path + len, p, name_len);
		len += name_len;
		p += name_len;
	}
	if (!len)
		short_path[len++] = '/';
	short_path[len] = '\0';
	return short_path;
}

/* The commands of the manual way, for every level down to the place. */
static void commands(const struct tree_place *place, char *buf, size_t len)
{
	size_t n = 0;

	for (const char *end = place->parent; *end && n < len;) {
		n += snprintf(buf + n, len - n,
			      "\n  echo \"+cpuset +memory\" | sudo tee " CGFS_ROOT
			      "%.*s/cgroup.subtree_control",
			      (int)(end - place->parent), place->parent);
		end += 1 + strcspn(end + 1, "/");
	}
	if (n < len)
		n += snprintf(buf + n, len - n,
			      "\n  echo \"+cpuset +memory\" | sudo tee " CGFS_ROOT
			      "%s/cgroup.subtree_control",
			      place->parent);
	if (n < len)
		n += snprintf(buf + n, len - n, "\n  sudo mkdir -p " CGFS_ROOT "%s/" TREE_PROJECT,
			      place->parent);
	if (n < len)
		snprintf(buf + n, len - n,
			 "\n  (cd " CGFS_ROOT "%s/" TREE_PROJECT " && sudo chown %u:%u . "
			 "cgroup.procs cgroup.subtree_control cgroup.threads)",
			 place->parent, geteuid(), getegid());
}

int tree_place_refuse(const struct tree_place *place, const char *what, struct tree_error *error)
{
	const struct passwd *user = getpwuid(geteuid());
	char text[2048] = "", shown[512], name[64];

	snprintf(name, sizeof(name), "%u", geteuid());
	commands(place, text, sizeof(text));
	return tree_fail(error, EXIT_CANNOT,
			 "%s: %s: cpuset and memory are not delegated to you here; run 'sudo cgbpf "
			 "tree delegate %s', or by hand:%s",
			 text_escape(place->parent, strlen(place->parent), shown, sizeof(shown)),
			 what, user ? user->pw_name : name, text);
}

static bool has_processes(int dir_fd)
{
	char text[64];

	return !cgfs_read(dir_fd, "cgroup.procs", text, sizeof(text)) && text[0];
}

/* Can it have children with controllers at all? */
static const char *fault_of(int dir_fd)
{
	char type[32];

	if (cgfs_read(dir_fd, "cgroup.type", type, sizeof(type)))
		return faccessat(dir_fd, "cgroup.procs", F_OK, 0)
			       ? "is not a cgroup"
			       : NULL; /* the root has processes, but no type */
	if (strcmp(type, "domain") != 0)
		return "is a thread group: its children cannot have memory limits";
	if (has_processes(dir_fd))
		return "has processes of its own: the kernel gives no controllers to the children "
		       "of such a cgroup (the no-internal-process rule)";
	return NULL;
}

static const char *why_not_opened(int err)
{
	switch (err) {
	case -ENOENT:
		return "is no cgroup: there is no such folder below " CGFS_ROOT;
	case -ELOOP:
		return "is a symbolic link, or leads through one";
	case -EXDEV:
		return "leads out of the cgroup file system";
	case -ENOTDIR:
		return "is no cgroup: it is a file";
	default:
		return strerror(-err);
	}
}

static int open_wanted(const char *wanted, struct tree_place *place, struct tree_error *error)
{
	char shown[512];
	const char *why;
	int err;

	text_escape(wanted, strlen(wanted), shown, sizeof(shown));
	place->parent = tree_docker_path(wanted, &why);
	if (!place->parent)
		return tree_fail(error, EXIT_WRONG_CALL, "the parent %s %s", shown, why);
	err = cgfs_open_path(place->root_fd, place->parent, &place->parent_fd);
	if (err)
		return tree_fail(error, EXIT_WRONG_CALL, "the parent %s %s", shown,
				 why_not_opened(err));
	why = fault_of(place->parent_fd);
	if (why)
		return tree_fail(error, EXIT_WRONG_CALL, "the parent %s %s", shown, why);
	return 0;
}

static int open_default(struct tree_place *place, struct tree_error *error)
{
	char path[128];
	int err;

	tree_place_of_user(geteuid(), path, sizeof(path));
	err = cgfs_open_path(place->root_fd, path, &place->parent_fd);
	place->is_delegated =
		!err &&
		faccessat(place->parent_fd, "cgroup.subtree_control", W_OK, AT_EACCESS) == 0 &&
		tree_controllers_had(place->parent_fd) == TREE_CONTROLLERS_ALL;
	if (geteuid() == 0 && !place->is_delegated) {
		/* A folder of our own, in the root. */
		if (!err)
			close(place->parent_fd);
		place->parent_fd = -1;
		strcpy(path, "/");
		err = cgfs_open_path(place->root_fd, path, &place->parent_fd);
	}
	place->parent = strdup(path);
	if (!place->parent)
		return tree_fail(error, EXIT_FAILED, "out of memory");
	if (geteuid() != 0 && !place->is_delegated)
		return tree_place_refuse(place,
					 err ? "there is no such cgroup (is systemd your session "
					       "manager? 'loginctl enable-linger' makes one)"
					     : "not all controllers are there",
					 error);
	return err ? tree_fail(error, EXIT_FAILED, "%s: %s", path, strerror(-err)) : 0;
}

int tree_place__open(const char *wanted, struct tree_place *ret_place, struct tree_error *error)
{
	struct tree_place place = {-1, -1, NULL, false};
	int err = cgfs_open_root(&place.root_fd);

	if (err)
		return tree_fail(error, EXIT_CANNOT, CGFS_ROOT ": %s",
				 err == -ENOTSUP ? "is not cgroup v2" : strerror(-err));
	err = wanted ? open_wanted(wanted, &place, error) : open_default(&place, error);
	if (err) {
		tree_place__close(&place);
		return err;
	}
	*ret_place = place;
	return 0;
}

void tree_place__close(struct tree_place *place)
{
	if (place->root_fd >= 0)
		close(place->root_fd);
	if (place->parent_fd >= 0)
		close(place->parent_fd);
	free(place->parent);
	*place = (struct tree_place){-1, -1, NULL, false};
}

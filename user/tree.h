/* SPDX-License-Identifier: BSD-2-Clause */
/* Hierarchies of cgroups for --cgroup-parent: a worker's folder with one for each service below it.
 * What its rooms share; it holds no state, the kernel's folders do. */
#ifndef CGBPF_TREE_H
#define CGBPF_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/params.h"
#include "user/tree_config.h"

#define TREE_PROJECT "cgbpf"
#define TREE_CONTROLLERS_CNT 2
#define TREE_CONTROLLERS_ALL ((1 << TREE_CONTROLLERS_CNT) - 1) /* as bits */

/* How containers are told their parent. */
enum tree_driver {
	TREE_CGROUPFS = 1, /* by a path */
	TREE_SYSTEMD = 2, /* by the name of a slice */
};
const char *tree_driver_name(enum tree_driver driver);

/* What could not be done: one line or more for people, and the exit status that it means. */
struct tree_error {
	enum exit_status status;
	char text[3072];
};
/* Fills ERROR; returns -1, so that a caller can return it. */
int tree_fail(struct tree_error *error, enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * tree_mark.c: what a folder of ours says about itself, in an extended attribute: it is there from
 * the folder's first moment to its last, also when we are not.
 */
enum tree_kind {
	TREE_NONE = 0,
	TREE_PROJECT_FOLDER = 1,
	TREE_WORKER = 2,
	TREE_TORN = 3, /* a worker's without a mark: its maker died in between */
};
struct tree_mark {
	enum tree_kind kind;
	enum tree_driver driver;
	char *file; /* absolute; these five owned, NULL where the kind has none */
	char *project, *run_id, *phase, *worker;
	uint64_t made_s; /* since 1970 */
	uint32_t uid;
};
int tree_mark__write(int dir_fd, const struct tree_mark *mark);
/* -ENODATA: no folder of ours. */
int tree_mark__read(int dir_fd, struct tree_mark *ret_mark);
void tree_mark__free(struct tree_mark *mark);
/* May CALLER act on what the mark of a folder says? Root takes no user's word: a folder's OWNER can
 * write any mark, MARKED being who it says has made it. */
bool tree_mark_is_trusted(uint32_t caller, uint32_t owner, uint32_t marked);
/* The time in NAME, whose parts SEPARATOR divides, where it is a worker's, 0 where not. */
uint64_t tree_mark_time_in(const char *name, char separator);

/* One hierarchy, as it was made or found. */
struct tree_worker {
	struct tree_mark mark;
	char *path; /* below the cgroup root; owned */
	uint64_t id;
};
void tree_worker__free(struct tree_worker *worker);
/* The cgroup of a service, and what Docker wants as its containers' parent; the caller frees. */
char *tree_worker__service_path(const struct tree_worker *worker, const char *service);
char *tree_worker__docker_parent(const struct tree_worker *worker, const char *service);

/* tree_find.c: hierarchies that are there. NULL and 0 stand for any. */
struct tree_filter {
	const char *file, *parent, *project, *run_id, *phase;
	uint64_t older_than_s;
	bool has_projects; /* projects' folders made here as well */
	bool is_wary; /* root: none of others' folders, but below PARENT */
};
struct tree_list {
	struct tree_worker *workers; /* oldest first */
	size_t cnt, others_cnt; /* others': wanted, and left out as they are */
};
int tree_find(int root_fd, const struct tree_filter *filter, struct tree_list *ret_list);
void tree_list__free(struct tree_list *list);

/* tree_place.c: where hierarchies go. */
struct tree_place {
	int root_fd, parent_fd;
	char *parent; /* below the root, "/" for the root itself */
	bool is_delegated; /* it is the calling user's, from systemd */
};
/* WANTED: a path with or without /sys/fs/cgroup, or NULL. Checks that it can have such children. */
int tree_place__open(const char *wanted, struct tree_place *ret_place, struct tree_error *error);
void tree_place__close(struct tree_place *place);
/* What a user without delegation has to run, into ERROR. */
int tree_place_refuse(const struct tree_place *place, const char *what, struct tree_error *error);
/* /user.slice/user-UID.slice/user@UID.service; returns BUF. */
char *tree_place_of_user(uint32_t uid, char *buf, size_t len);
/* A cgroup's path without /sys/fs/cgroup, no needless slashes; the caller frees. NULL: *RET_WHY. */
char *tree_docker_path(const char *path, const char **ret_why);

/* tree_controllers.c: cpuset and memory for a folder's children. */
/* Bits of those that DIR_FD's children have; of those that it has itself. Negative errno. */
int tree_controllers_given(int dir_fd);
int tree_controllers_had(int dir_fd);
/* Gives (or takes) what BITS say. */
int tree_controllers_write(int dir_fd, int bits, bool is_given);
/* "cpuset and memory"; a constant. */
const char *tree_controllers_text(int bits);

/* tree_giving.c: the same for all levels down to a place, with the way back. */
#define TREE_LEVELS_MAX 64
struct tree_giving {
	struct tree_place *place;
	struct tree_error *error;
	struct {
		int dir_fd;
		int bits;
	} given[TREE_LEVELS_MAX];
	size_t cnt;
};
int tree_giving__give_on_the_way(struct tree_giving *giving);
/* To the children of DIR_FD, which is taken over. */
int tree_giving__give(struct tree_giving *giving, int dir_fd, const char *path);
void tree_giving__take_back(struct tree_giving *giving);
/* All stays as given. */
void tree_giving__close(struct tree_giving *giving);

/* tree_make.c and tree_slice.c: all or nothing. */
struct tree_order {
	const struct tree_config *config;
	const char *file; /* absolute */
	const char *parent, *project, *run_id, *phase;
};
int tree_make(const struct tree_order *order, struct tree_worker *ret_worker,
	      struct tree_error *error);
int tree_slice_make(const struct tree_order *order, struct tree_worker *ret_worker,
		    struct tree_error *error);

/* tree_slice_name.c: PROJECT-RUN_PHASE_TIME_RANDOM_WORKER, without ".slice". -ENAMETOOLONG. */
int tree_slice_name(const struct tree_order *order, uint64_t made_s, char *name, size_t len);
/* In place; returns TEXT. */
char *tree_slice_undash(char *text);
/* SHARE: the worker's name or a service's. */
void tree_slice_describe(const struct tree_order *order, const char *share, char *text, size_t len);
/* The time in the NAME of a worker's slice or of one below it, 0 where it is none. */
uint64_t tree_slice_time_in(const char *name);
/* What a worker's slice without a mark says by its name and description. -ENODATA: none of ours. */
int tree_slice_read(const char *name, const char *description, struct tree_mark *ret_mark);
/* Is NAME that of a slice below the one called PARENT? */
bool tree_slice_is_below(const char *name, const char *parent);

/* tree_remove.c: leaf first, once nothing runs in it. */
struct tree_removal {
	int root_fd;
	bool is_killing;
	uint64_t timeout_ns;
};
int tree_remove(const struct tree_removal *removal, const struct tree_worker *worker,
		struct tree_error *error);
/* A project's folder, where it was made here and nothing is in it. */
void tree_remove_project(int root_fd, const char *path);
/* Stops the slices that systemd has at PATH and below it, and no unit that it has elsewhere. */
int tree_slice_stop(const char *path, struct tree_error *error);
/* Is the slice at PATH, which has no mark, a worker's whose maker died before it had one? What
 * systemd says of it counts, into RET_MARK; a negative errno: it is not, or nobody can tell. */
int tree_slice_find_torn(const char *path, struct tree_mark *ret_mark);
/* Removes what is below the folder and the folder itself, retrying while it is busy. */
int tree_remove_folder(int parent_fd, const char *name, uint64_t deadline_ns);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the hierarchies that are there by what their folders say. It never changes one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/text.h"
#include "user/tree.h"

struct search {
	const struct tree_filter *filter;
	struct tree_list list;
	char *project; /* path of the project's folder seen last */
	uint64_t now_s;
};

static bool is_same(const char *wanted, const char *text)
{
	return !wanted || (text && strcmp(wanted, text) == 0);
}

static bool is_below(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return strcmp(parent, "/") == 0 || (strncmp(path, parent, len) == 0 && path[len] == '/');
}

static bool is_wanted(const struct search *search, const struct tree_mark *mark, const char *path)
{
	const struct tree_filter *filter = search->filter;

	return is_same(filter->file, mark->file) && is_same(filter->project, mark->project) &&
	       is_same(filter->run_id, mark->run_id) && is_same(filter->phase, mark->phase) &&
	       (!filter->parent || is_below(path, filter->parent)) &&
	       mark->made_s + filter->older_than_s <= search->now_s;
}

static int keep(struct search *search, struct tree_mark *mark, const char *path, int dir_fd)
{
	struct tree_list *list = &search->list;
	struct tree_worker *longer =
		reallocarray(list->workers, list->cnt + 1, sizeof(*list->workers));
	struct tree_worker worker = {.path = strdup(path)};

	if (longer)
		list->workers = longer;
	if (!longer || !worker.path || cgfs_id(dir_fd, &worker.id)) {
		free(worker.path);
		return -ENOMEM;
	}
	worker.mark = *mark;
	*mark = (struct tree_mark){};
	list->workers[list->cnt++] = worker;
	return 0;
}

/* A folder in a project's folder that has a worker's name and no mark. */
static bool is_torn(const struct search *search, const char *path, struct tree_mark *ret_mark)
{
	const char *name = strrchr(path, '/');
	uint64_t made_s;

	if (!search->project || strlen(search->project) != (size_t)(name - path) ||
	    strncmp(path, search->project, name - path) != 0)
		return false;
	made_s = tree_mark_time_in(name + 1, '-');
	if (!made_s)
		return false;
	*ret_mark =
		(struct tree_mark){.kind = TREE_TORN, .driver = TREE_CGROUPFS, .made_s = made_s};
	return true;
}

/* One that was left half made; of which file it does not say. */
static int find_torn(const struct search *search, const char *path, struct tree_mark *ret_mark)
{
	if (search->filter->file)
		return -ENODATA;
	return is_torn(search, path, ret_mark) ? 0 : tree_slice_find_torn(path, ret_mark);
}

/* Is it left out though it is wanted, for whose it is? */
static bool is_others(const struct search *search, const struct tree_mark *mark, int dir_fd)
{
	struct stat st;

	if (!search->filter->is_wary || search->filter->parent)
		return false;
	return fstat(dir_fd, &st) < 0 || !tree_mark_is_trusted(geteuid(), st.st_uid, mark->uid);
}

static int visit(void *context, int dir_fd, const char *path)
{
	struct search *search = context;
	struct tree_mark mark = {};
	int err = tree_mark__read(dir_fd, &mark);

	if (err == -ENODATA)
		err = find_torn(search, path, &mark);
	if (err)
		return 0;
	if (is_others(search, &mark, dir_fd)) {
		/* What is below may be ours all the same. */
		search->list.others_cnt +=
			mark.kind != TREE_PROJECT_FOLDER && is_wanted(search, &mark, path);
		err = 0;
	} else if (mark.kind == TREE_PROJECT_FOLDER) {
		free(search->project);
		search->project = strdup(path);
		err = search->project ? 0 : -ENOMEM;
		if (!err && search->filter->has_projects && mark.made_s &&
		    is_wanted(search, &mark, path))
			err = keep(search, &mark, path, dir_fd);
	} else {
		err = is_wanted(search, &mark, path) ? keep(search, &mark, path, dir_fd) : 0;
		err = err ? err : 1; /* what is below is its own */
	}
	tree_mark__free(&mark);
	return err;
}

static int by_age(const void *a, const void *b)
{
	const struct tree_worker *left = a, *right = b;

	if (left->mark.made_s != right->mark.made_s)
		return left->mark.made_s < right->mark.made_s ? -1 : 1;
	return left->id < right->id ? -1 : left->id > right->id;
}

int tree_find(int root_fd, const struct tree_filter *filter, struct tree_list *ret_list)
{
	struct search search = {.filter = filter, .now_s = time(NULL)};
	int err = cgfs_walk(root_fd, visit, &search);

	free(search.project);
	if (err) {
		tree_list__free(&search.list);
		return err;
	}
	if (search.list.cnt)
		qsort(search.list.workers, search.list.cnt, sizeof(*search.list.workers), by_age);
	*ret_list = search.list;
	return 0;
}

void tree_list__free(struct tree_list *list)
{
	for (size_t i = 0; i < list->cnt; i++)
		tree_worker__free(&list->workers[i]);
	free(list->workers);
	*list = (struct tree_list){};
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* `tree show`: the hierarchies made here, their limits, and what is in them. It changes nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/cmd_tree.h"
#include "user/container_path.h"
#include "user/engine.h"
#include "user/log.h"
#include "user/text.h"
#include "user/units.h"

#define ID_SHOWN 12 /* bytes of a container's id, as Docker shows it */

struct show {
	int root_fd;
	json_t *names; /* of containers, by id; NULL where no Engine answers */
	json_t *rows; /* NULL: text */
};

/* What is in one folder of a hierarchy and all below it. */
struct content {
	const struct show *show;
	const char *path; /* of the folder */
	json_t *containers;
	uint64_t processes_cnt;
};

static uint64_t count_lines(int dir_fd, const char *file)
{
	int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t cnt = 0;
	char text[4096];
	ssize_t len;

	if (fd < 0)
		return 0;
	while ((len = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < len; i++)
			cnt += text[i] == '\n';
	close(fd);
	return cnt;
}

static int look_into(void *context, int dir_fd, const char *below)
{
	struct content *content = context;
	struct container_path container;
	char id[256], *path;
	const char *name;

	content->processes_cnt += count_lines(dir_fd, "cgroup.procs");
	if (asprintf(&path, "%s%s", content->path, below) < 0)
		return -ENOMEM;
	if (container_path_parse(path, &container) && container.is_own) {
		snprintf(id, sizeof(id), "%.*s", (int)container.id_len, container.id);
		name = json_string_value(json_object_get(content->show->names, id));
		json_array_append_new(content->containers,
				      json_pack("{s:s, s:o, s:s*}", "runtime",
						name ? "docker" : container.runtime, "id",
						text_json(id), "name", name));
	}
	free(path);
	return 0;
}

static void print_content(const char *name, const struct content *content, const char *cpus,
			  uint64_t max, uint64_t current)
{
	char limit[24], used[24], shown[256], number[64];
	json_t *container;
	size_t i;

	printf("  %-20s cpus %-12s memory %10s, used %10s, %" PRIu64 " processes",
	       text_escape(name, strlen(name), shown, sizeof(shown)), cpus,
	       units_format_bytes(max, limit, sizeof(limit)),
	       units_format_bytes(current, used, sizeof(used)), content->processes_cnt);
	json_array_foreach(content->containers, i, container)
	{
		const char *id = json_string_value(json_object_get(container, "id"));
		const char *called = json_string_value(json_object_get(container, "name"));

		called = called ? called : id;
		printf("%s%s %s (%s)", i ? ", " : "; ",
		       json_string_value(json_object_get(container, "runtime")),
		       text_escape(called, strlen(called), shown, sizeof(shown)),
		       text_escape(id, strnlen(id, ID_SHOWN), number, sizeof(number)));
	}
	putchar('\n');
}

/* One folder: a worker's (NAME "total") or a service's. Takes over nothing. */
static json_t *show_folder(const struct show *show, int dir_fd, const char *path, const char *name)
{
	struct content content = {.show = show, .path = path, .containers = json_array()};
	char cpus[CPUSET_TEXT_LEN] = "", effective[CPUSET_TEXT_LEN] = "";
	uint64_t max = UINT64_MAX, current = 0;
	json_t *row = NULL;

	look_into(&content, dir_fd, "");
	cgfs_walk(dir_fd, look_into, &content);
	cgfs_read(dir_fd, "cpuset.cpus", cpus, sizeof(cpus));
	cgfs_read(dir_fd, "cpuset.cpus.effective", effective, sizeof(effective));
	cgfs_read_bytes(dir_fd, "memory.max", &max);
	cgfs_read_bytes(dir_fd, "memory.current", &current);
	if (show->rows)
		row = json_pack("{s:o, s:o, s:s, s:s, s:o, s:I, s:I, s:O}", "name", text_json(name),
				"cgroup", text_json(path), "cpuset", cpus, "cpuset_effective",
				effective, "memory_bytes",
				max == UINT64_MAX ? json_null() : json_integer((json_int_t)max),
				"memory_current_bytes", (json_int_t)current, "processes",
				(json_int_t)content.processes_cnt, "containers",
				content.containers);
	else
		print_content(name, &content, cpus, max, current);
	json_decref(content.containers);
	return row;
}

/* The services below a worker, in the order of their names. */
static json_t *show_services(const struct show *show, int worker_fd, const char *path)
{
	int fd = openat(worker_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *rows = show->rows ? json_array() : NULL;
	struct dirent **entries = NULL;
	int cnt = fd < 0 ? -1 : scandirat(fd, ".", &entries, NULL, alphasort);

	for (int i = 0; i < cnt; i++) {
		const char *name = entries[i]->d_name;
		char *below = NULL;
		int dir_fd;

		if (entries[i]->d_type == DT_DIR && name[0] != '.' &&
		    asprintf(&below, "%s/%s", path, name) > 0 &&
		    !cgfs_open_path(worker_fd, name, &dir_fd)) {
			json_t *row = show_folder(show, dir_fd, below, name);

			if (rows)
				json_array_append_new(rows, row);
			close(dir_fd);
		}
		free(below);
		free(entries[i]);
	}
	free(entries);
	if (fd >= 0)
		close(fd);
	return rows;
}

static void show_worker(const struct show *show, const struct tree_worker *worker)
{
	const struct tree_mark *mark = &worker->mark;
	uint64_t age_s = time(NULL) - mark->made_s;
	char shown[1024], file[512], age[32], run_id[256], phase[256];
	json_t *total, *services;
	int fd;

	if (cgfs_open_path(show->root_fd, worker->path, &fd))
		return; /* gone meanwhile */
	if (!show->rows) {
		units_format_duration(age_s * 1000000000ULL, age, sizeof(age));
		printf("%s\n",
		       text_escape(worker->path, strlen(worker->path), shown, sizeof(shown)));
		if (mark->kind == TREE_TORN)
			printf("  left half made %s ago: 'cgbpf tree prune' removes it\n", age);
		else
			printf("  run %s, phase %s, made %s ago of %s, for Docker's driver %s\n",
			       text_escape(mark->run_id, strlen(mark->run_id), run_id,
					   sizeof(run_id)),
			       text_escape(mark->phase, strlen(mark->phase), phase, sizeof(phase)),
			       age, text_escape(mark->file, strlen(mark->file), file, sizeof(file)),
			       tree_driver_name(mark->driver));
	}
	total = show_folder(show, fd, worker->path, "total");
	services = show_services(show, fd, worker->path);
	close(fd);
	if (show->rows)
		json_array_append_new(
			show->rows,
			json_pack("{s:o, s:b, s:s*, s:s*, s:s*, s:s*, s:I, s:I, s:s, s:o, s:o}",
				  "cgroup", text_json(worker->path), "half_made",
				  mark->kind == TREE_TORN, "file", mark->file, "project",
				  mark->project, "run_id", mark->run_id, "phase", mark->phase,
				  "made", (json_int_t)mark->made_s, "uid", (json_int_t)mark->uid,
				  "driver", tree_driver_name(mark->driver), "worker", total,
				  "services", services));
}

/* Names by id, as far as an Engine tells. */
static json_t *container_names(void)
{
	json_t *list = NULL, *container, *names;
	size_t i;

	if (access(engine_socket(), F_OK) < 0 || engine_get("/containers/json?all=1", &list))
		return NULL;
	names = json_object();
	json_array_foreach(list, i, container)
	{
		const char *id = json_string_value(json_object_get(container, "Id"));
		const char *name =
			json_string_value(json_array_get(json_object_get(container, "Names"), 0));

		if (id && name)
			json_object_set_new(names, id, json_string(name + (*name == '/')));
	}
	json_decref(list);
	return names;
}

static int main_show(int argc, char **argv)
{
	struct tree_filter filter = {};
	struct show show = {};
	struct tree_list list;
	bool is_json = false;
	const struct param params[] = {
		TREE_FILE_PARAM(filter),
		TREE_FILTER_PARAMS(filter),
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	int err = params_parse(&tree_show, params, argc, argv), status;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	status = tree_look_up(&tree_show, &filter, &show.root_fd, &list);
	if (status)
		return status;
	show.rows = is_json ? json_array() : NULL;
	show.names = list.cnt ? container_names() : NULL;
	for (size_t i = 0; i < list.cnt; i++)
		show_worker(&show, &list.workers[i]);
	if (is_json)
		tree_print_json(show.rows);
	else if (!list.cnt)
		puts("no hierarchies");
	json_decref(show.names);
	tree_list__free(&list);
	close(show.root_fd);
	return EXIT_DONE;
}

const struct command tree_show = {
	"tree show",
	"the hierarchies made here, their limits, processes and containers",
	NULL,
	main_show,
};

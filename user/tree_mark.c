/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns what a folder of ours says about itself, and the names of workers. It never looks for
 * folders.
 *
 * cgroup2 keeps attributes of the class user.* since 5.7 (38aca3071c: "cgroupfs: Support user
 * xattrs"); whoever may write to the folder may set them, and they go with it.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "user/text.h"
#include "user/tree.h"
#include "user/words.h"

#define ATTRIBUTE "user.cgbpf"
#define MARK_BYTES 8192
#define SCHEMA 1
#define RANDOM_DIGITS 8

static const char *const kinds[] = {
	[TREE_PROJECT_FOLDER] = "project",
	[TREE_WORKER] = "worker",
};
static const char *const drivers[] = {[TREE_CGROUPFS] = "cgroupfs", [TREE_SYSTEMD] = "systemd"};

const char *tree_driver_name(enum tree_driver driver)
{
	return drivers[driver];
}

int tree_fail(struct tree_error *error, enum exit_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	error->status = status;
	return -1;
}

int tree_mark__write(int dir_fd, const struct tree_mark *mark)
{
	json_t *json = json_pack("{s:i, s:s, s:I, s:I, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}",
				 "schema", SCHEMA, "kind", kinds[mark->kind], "made",
				 (json_int_t)mark->made_s, "uid", (json_int_t)mark->uid, "driver",
				 mark->driver ? drivers[mark->driver] : NULL, "file", mark->file,
				 "project", mark->project, "run_id", mark->run_id, "phase",
				 mark->phase, "worker", mark->worker);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int err = 0;

	json_decref(json);
	if (!text)
		return -ENOMEM;
	if (strlen(text) > MARK_BYTES)
		err = -ENAMETOOLONG;
	else if (fsetxattr(dir_fd, ATTRIBUTE, text, strlen(text), 0) < 0)
		err = -errno;
	free(text);
	return err;
}

static char *text_of(json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? strdup(text) : NULL;
}

int tree_mark__read(int dir_fd, struct tree_mark *ret_mark)
{
	struct tree_mark mark = {};
	char text[MARK_BYTES];
	ssize_t len = fgetxattr(dir_fd, ATTRIBUTE, text, sizeof(text));
	json_t *json;

	if (len < 0)
		return errno == ENODATA || errno == ENOTSUP ? -ENODATA : -errno;
	json = json_loadb(text, len, 0, NULL);
	mark.kind = WORDS_FIND(kinds, json_string_value(json_object_get(json, "kind")));
	mark.driver = WORDS_FIND(drivers, json_string_value(json_object_get(json, "driver")));
	mark.file = text_of(json, "file");
	mark.project = text_of(json, "project");
	mark.run_id = text_of(json, "run_id");
	mark.phase = text_of(json, "phase");
	mark.worker = text_of(json, "worker");
	mark.made_s = json_integer_value(json_object_get(json, "made"));
	mark.uid = json_integer_value(json_object_get(json, "uid"));
	json_decref(json);
	if (!mark.kind || (mark.kind == TREE_WORKER &&
			   (!mark.driver || !mark.file || !mark.run_id || !mark.phase))) {
		tree_mark__free(&mark); /* not of this version */
		return -ENODATA;
	}
	*ret_mark = mark;
	return 0;
}

void tree_mark__free(struct tree_mark *mark)
{
	free(mark->file);
	free(mark->project);
	free(mark->run_id);
	free(mark->phase);
	free(mark->worker);
	*mark = (struct tree_mark){};
}

bool tree_mark_is_trusted(uint32_t caller, uint32_t owner, uint32_t marked)
{
	return caller != 0 || (owner == 0 && marked == 0);
}

/* RUN-PHASE-TIME-RANDOM-WORKER, each of which but the time and the random part may have dashes. */
uint64_t tree_mark_time_in(const char *name, char separator)
{
	for (const char *at = strchr(name, separator); at; at = strchr(at + 1, separator)) {
		const char *time = at + 1, *random, *end;
		size_t digits = strspn(time, "0123456789");

		random = time + digits + 1;
		if (digits < 9 || digits > 12 || time[digits] != separator)
			continue;
		end = random + strspn(random, "0123456789abcdef");
		if (end - random == RANDOM_DIGITS && *end == separator && end[1] && at > name)
			return strtoull(time, NULL, 10);
	}
	return 0;
}

void tree_worker__free(struct tree_worker *worker)
{
	tree_mark__free(&worker->mark);
	free(worker->path);
	*worker = (struct tree_worker){};
}

static char *slice_of(const struct tree_worker *worker, const char *service)
{
	const char *base = strrchr(worker->path, '/') + 1;
	char name[TREE_NAME_MAX + 1], *slice;

	snprintf(name, sizeof(name), "%s", service);
	tree_slice_undash(name);
	if (asprintf(&slice, "%.*s-%s.slice", (int)(strlen(base) - strlen(".slice")), base, name) <
	    0)
		return NULL;
	return slice;
}

char *tree_worker__service_path(const struct tree_worker *worker, const char *service)
{
	char *slice = NULL, *path;
	int len;

	if (worker->mark.driver == TREE_SYSTEMD && !(slice = slice_of(worker, service)))
		return NULL;
	len = asprintf(&path, "%s/%s", worker->path, slice ? slice : service);
	free(slice);
	return len < 0 ? NULL : path;
}

char *tree_worker__docker_parent(const struct tree_worker *worker, const char *service)
{
	return worker->mark.driver == TREE_SYSTEMD ? slice_of(worker, service)
						   : tree_worker__service_path(worker, service);
}

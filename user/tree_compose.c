/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the way from a compose file to one with parents: event by event, so that anchors, tags and
 * quotes stay. It never interprets another key. */
#include "user/tree_compose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "user/text.h"

#define SHOWN_LEN 64
#define FILE_MAX_BYTES (1 << 20)
#define DEPTH_MAX 64

/* Where the next event stands: in the file, in `services`, in one service. */
enum level { LEVEL_FILE = 1, LEVEL_SERVICES = 2, LEVEL_SERVICE = 3 };

struct copy {
	const char *template;
	tree_compose_parent parent;
	void *context;
	char *error;
	size_t error_len;
	yaml_emitter_t emitter;
	int depth; /* of collections that are open */
	bool is_key[DEPTH_MAX]; /* the next event at this depth is a mapping's key */
	bool is_mapping[DEPTH_MAX];
	char *key; /* seen last at the depth of LEVEL */
	enum level level;
	char *service;
	yaml_mark_t service_mark;
	bool has_parent, has_services;
};

static int refuse(struct copy *copy, yaml_mark_t mark, const char *what, const char *text)
{
	char shown[SHOWN_LEN], file[256];

	snprintf(copy->error, copy->error_len, "%s:%zu:%zu: %s%s%s%s",
		 text_escape(copy->template, strlen(copy->template), file, sizeof(file)),
		 mark.line + 1, mark.column + 1, what, text ? " '" : "",
		 text ? text_escape(text, strlen(text), shown, sizeof(shown)) : "",
		 text ? "'" : "");
	return -EINVAL;
}

/* Takes the event over. */
static int emit(struct copy *copy, yaml_event_t *event)
{
	if (yaml_emitter_emit(&copy->emitter, event))
		return 0;
	snprintf(copy->error, copy->error_len, "%s: cannot be written: %s", copy->template,
		 copy->emitter.problem ?: "out of memory");
	return -EIO;
}

static int emit_scalar(struct copy *copy, const char *text, yaml_scalar_style_t style)
{
	yaml_event_t event;

	if (!yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, -1, 1, 1, style))
		return -ENOMEM;
	return emit(copy, &event);
}

/* The parent's path; NAME as it stood, or the service's. */
static int emit_parent(struct copy *copy, const char *name, yaml_mark_t mark)
{
	char *path = copy->parent(copy->context, name);
	int err;

	if (!path)
		return refuse(copy, mark,
			      "there is no such service in the hierarchy's file:", name);
	err = emit_scalar(copy, path, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	free(path);
	return err;
}

/* Is the event a value in the mapping where LEVEL looks for keys? */
static bool is_at(const struct copy *copy, int depth)
{
	return copy->depth == depth && copy->is_mapping[depth] && !copy->is_key[depth];
}

static void remember_key(struct copy *copy, const yaml_event_t *event)
{
	free(copy->key);
	copy->key = strdup((const char *)event->data.scalar.value);
}

/* Before an event that begins a node: what does it begin? */
static int begin_node(struct copy *copy, const yaml_event_t *event, bool *ret_is_replaced)
{
	bool is_scalar = event->type == YAML_SCALAR_EVENT;

	*ret_is_replaced = false;
	/* Depth 1: the file's mapping; 2: services; 3: one service. */
	if (copy->depth <= 3 && copy->depth >= 1 && copy->is_mapping[copy->depth] &&
	    copy->is_key[copy->depth]) {
		if (copy->depth != (int)copy->level)
			return 0;
		if (!is_scalar)
			return refuse(copy, event->start_mark, "a key wants to be a name", NULL);
		remember_key(copy, event);
		return 0;
	}
	if (is_at(copy, 1) && copy->key && strcmp(copy->key, "services") == 0) {
		if (event->type != YAML_MAPPING_START_EVENT)
			return refuse(copy, event->start_mark, "services wants a mapping", NULL);
		copy->level = LEVEL_SERVICES;
		copy->has_services = true;
	} else if (copy->level == LEVEL_SERVICES && is_at(copy, 2)) {
		if (event->type != YAML_MAPPING_START_EVENT)
			return refuse(copy, event->start_mark,
				      "this service is no mapping that a cgroup_parent could be "
				      "put into:",
				      copy->key);
		free(copy->service);
		copy->service = copy->key;
		copy->key = NULL;
		copy->service_mark = event->start_mark;
		copy->has_parent = false;
		copy->level = LEVEL_SERVICE;
	} else if (copy->level == LEVEL_SERVICE && is_at(copy, 3) && copy->key &&
		   strcmp(copy->key, "cgroup_parent") == 0) {
		if (!is_scalar)
			return refuse(copy, event->start_mark,
				      "cgroup_parent wants a service's name", NULL);
		copy->has_parent = true;
		*ret_is_replaced = true;
		return emit_parent(copy, (const char *)event->data.scalar.value, event->start_mark);
	}
	return 0;
}

static void end_node(struct copy *copy)
{
	if (copy->is_mapping[copy->depth])
		copy->is_key[copy->depth] = !copy->is_key[copy->depth];
}

static int open_collection(struct copy *copy, const yaml_event_t *event)
{
	if (copy->depth + 1 >= DEPTH_MAX)
		return refuse(copy, event->start_mark, "nested too deep", NULL);
	copy->depth++;
	copy->is_mapping[copy->depth] = event->type == YAML_MAPPING_START_EVENT;
	copy->is_key[copy->depth] = copy->is_mapping[copy->depth];
	return 0;
}

/* Before the event that ends a collection. */
static int close_collection(struct copy *copy)
{
	int err = 0;

	if (copy->level == LEVEL_SERVICE && copy->depth == 3) {
		if (!copy->has_parent) {
			err = emit_scalar(copy, "cgroup_parent", YAML_PLAIN_SCALAR_STYLE);
			if (!err)
				err = emit_parent(copy, copy->service, copy->service_mark);
		}
		copy->level = LEVEL_SERVICES;
	} else if (copy->level == LEVEL_SERVICES && copy->depth == 2) {
		copy->level = LEVEL_FILE;
		free(copy->key);
		copy->key = NULL;
	}
	copy->depth--;
	end_node(copy);
	return err;
}

static int copy_event(struct copy *copy, yaml_event_t *event)
{
	bool is_replaced = false;
	int err = 0;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
	case YAML_ALIAS_EVENT:
		err = begin_node(copy, event, &is_replaced);
		end_node(copy);
		break;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		err = begin_node(copy, event, &is_replaced);
		if (!err)
			err = open_collection(copy, event);
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		err = close_collection(copy);
		break;
	default:
		break;
	}
	if (err || is_replaced) {
		yaml_event_delete(event);
		return err;
	}
	return emit(copy, event);
}

static int copy_all(struct copy *copy, yaml_parser_t *parser)
{
	bool is_end = false;
	int err = 0;

	while (!is_end && !err) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
			return refuse(copy, parser->problem_mark, parser->problem ?: "is no YAML",
				      NULL);
		is_end = event.type == YAML_STREAM_END_EVENT;
		err = copy_event(copy, &event);
	}
	if (!err && !copy->has_services)
		return refuse(copy, (yaml_mark_t){}, "there are no 'services'", NULL);
	return err;
}

/* A regular file of bounded size. */
static FILE *open_template(const char *file, int *ret_err)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *f;

	if (fd < 0 || fstat(fd, &st) < 0) {
		*ret_err = -errno;
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	*ret_err = !S_ISREG(st.st_mode) ? -EINVAL : st.st_size > FILE_MAX_BYTES ? -EFBIG : 0;
	f = *ret_err ? NULL : fdopen(fd, "r");
	if (!f)
		close(fd);
	return f;
}

int tree_compose_file(const char *template, FILE *out, tree_compose_parent parent, void *context,
		      char *error, size_t error_len)
{
	struct copy copy = {.template = template,
			    .parent = parent,
			    .context = context,
			    .error = error,
			    .error_len = error_len,
			    .level = LEVEL_FILE};
	yaml_parser_t parser;
	int err;
	FILE *in = open_template(template, &err);

	if (!in) {
		snprintf(error, error_len, "%s: %s", template, strerror(err ? -err : ENOMEM));
		return err ? err : -ENOMEM;
	}
	if (yaml_parser_initialize(&parser) && yaml_emitter_initialize(&copy.emitter)) {
		yaml_parser_set_input_file(&parser, in);
		yaml_emitter_set_output_file(&copy.emitter, out);
		yaml_emitter_set_unicode(&copy.emitter, 1);
		yaml_emitter_set_width(&copy.emitter, -1);
		err = copy_all(&copy, &parser);
		yaml_emitter_delete(&copy.emitter);
		yaml_parser_delete(&parser);
	}
	fclose(in);
	free(copy.key);
	free(copy.service);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the reading of one configuration file, all or nothing. It never looks at a cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "user/config.h"
#include "user/config_schema.h"
#include "user/text.h"

#define UTF8_BOM "\xef\xbb\xbf"

/* libyaml scans nested flow collections in quadratic time; our keys nest four deep. */
#define DEPTH_MAX 16
/* Names and matches are compared pairwise. */
#define TARGETS_MAX 4096
/* Of untrusted text in an error. */
#define SHOWN_LEN 64

#define _cleanup_(function) __attribute__((cleanup(function)))

struct reader {
	char *shown; /* the file's name, escaped */
	unsigned char *bytes;
	size_t len;
	yaml_document_t document;
	struct config config;
	char *error;
	size_t error_len;
};

static void reader__close(struct reader *reader)
{
	free(reader->shown);
	free(reader->bytes);
	yaml_document_delete(&reader->document);
	config__free(&reader->config);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Ends a text that was cut at LEN before a character of which only a part is there. */
static void trim(char *text, size_t len)
{
	size_t n = len - 1;

	while (n && (text[n - 1] & 0xc0) == 0x80)
		n--;
	if (n && (text[n - 1] & 0x80))
		n--;
	text[n] = '\0';
}

/* Returns ERR. */
static int say(struct reader *reader, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int say(struct reader *reader, int err, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(reader->error, reader->error_len, format, args);
	va_end(args);
	if (reader->error_len && (n < 0 || (size_t)n >= reader->error_len))
		trim(reader->error, reader->error_len);
	return err;
}

/* The format follows a place in the file. */
#define REFUSE_AT(reader, mark, format, ...)                                                       \
	say(reader, -EINVAL, "%s:%zu:%zu: " format, (reader)->shown, (mark).line + 1,              \
	    (mark).column + 1, ##__VA_ARGS__)
#define REFUSE(reader, node, format, ...)                                                          \
	REFUSE_AT(reader, (node)->start_mark, format, ##__VA_ARGS__)
#define REFUSE_FILE(reader, err, format, ...)                                                      \
	say(reader, err, "%s: " format, (reader)->shown, ##__VA_ARGS__)

static const char *scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static const char *show(const yaml_node_t *node, char buf[SHOWN_LEN])
{
	return text_escape(scalar(node), node->data.scalar.length, buf, SHOWN_LEN);
}

static int read_file(struct reader *reader, const char *file)
{
	_cleanup_(close_fd) int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = -errno;

		return REFUSE_FILE(reader, err, "%s",
				   err == -ELOOP ? "is a symbolic link" : strerror(-err));
	}
	if (!S_ISREG(st.st_mode))
		return REFUSE_FILE(reader, -EINVAL, "is not a regular file");
	if (st.st_mode & S_IWOTH)
		return REFUSE_FILE(reader, -EPERM, "may be written by anybody");

	/* Its size may change while it is read. */
	reader->bytes = malloc(CONFIG_MAX_FILE_BYTES + 1);
	if (!reader->bytes)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	do {
		n = read(fd, reader->bytes + reader->len, CONFIG_MAX_FILE_BYTES + 1 - reader->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return REFUSE_FILE(reader, -errno, "%s", strerror(errno));
		reader->len += n;
	} while (n && reader->len <= CONFIG_MAX_FILE_BYTES);
	if (reader->len > CONFIG_MAX_FILE_BYTES)
		return REFUSE_FILE(reader, -EFBIG, "is larger than 1 MiB");
	if (reader->len >= strlen(UTF8_BOM) &&
	    memcmp(reader->bytes, UTF8_BOM, strlen(UTF8_BOM)) == 0) {
		reader->len -= strlen(UTF8_BOM);
		memmove(reader->bytes, reader->bytes + strlen(UTF8_BOM), reader->len);
	}
	return 0;
}

static int open_parser(struct reader *reader, yaml_parser_t *parser)
{
	if (!yaml_parser_initialize(parser))
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, reader->bytes, reader->len);
	return 0;
}

static yaml_mark_t mark_at(const struct reader *reader, size_t offset)
{
	yaml_mark_t mark = {};

	for (size_t i = 0; i < offset && i < reader->len; i++) {
		if (reader->bytes[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if ((reader->bytes[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static int refuse_yaml(struct reader *reader, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	if (parser->error == YAML_READER_ERROR && parser->problem_value >= 0)
		return REFUSE_AT(reader, mark_at(reader, parser->problem_offset), "%s (0x%02x)",
				 parser->problem, (unsigned int)parser->problem_value);
	if (parser->error == YAML_READER_ERROR)
		return REFUSE_AT(reader, mark_at(reader, parser->problem_offset), "%s",
				 parser->problem);
	return REFUSE_AT(reader, parser->problem_mark, "%s%s%s", parser->problem,
			 parser->context ? " " : "", parser->context ?: "");
}

/* Refuses by its words what would cost much to build, and what we would not look at. */
static int screen(struct reader *reader)
{
	_cleanup_(yaml_parser_delete) yaml_parser_t parser = {};
	yaml_token_type_t type;
	int depth = 0, err = open_parser(reader, &parser);

	if (err)
		return err;
	do {
		yaml_token_t token;
		yaml_mark_t mark;

		if (!yaml_parser_scan(&parser, &token))
			return refuse_yaml(reader, &parser);
		type = token.type;
		mark = token.start_mark;
		yaml_token_delete(&token);
		switch (type) {
		case YAML_ANCHOR_TOKEN:
		case YAML_ALIAS_TOKEN:
			return REFUSE_AT(reader, mark, "anchors and aliases are not taken");
		case YAML_TAG_TOKEN:
			return REFUSE_AT(reader, mark, "tags are not taken");
		case YAML_VERSION_DIRECTIVE_TOKEN:
		case YAML_TAG_DIRECTIVE_TOKEN:
			return REFUSE_AT(reader, mark, "directives are not taken");
		case YAML_BLOCK_SEQUENCE_START_TOKEN:
		case YAML_BLOCK_MAPPING_START_TOKEN:
		case YAML_FLOW_SEQUENCE_START_TOKEN:
		case YAML_FLOW_MAPPING_START_TOKEN:
			if (++depth > DEPTH_MAX)
				return REFUSE_AT(reader, mark, "nested too deep");
			break;
		case YAML_BLOCK_END_TOKEN:
		case YAML_FLOW_SEQUENCE_END_TOKEN:
		case YAML_FLOW_MAPPING_END_TOKEN:
			depth--;
			break;
		default:
			break;
		}
	} while (type != YAML_STREAM_END_TOKEN);
	return 0;
}

static int parse_document(struct reader *reader)
{
	_cleanup_(yaml_parser_delete) yaml_parser_t parser = {};
	_cleanup_(yaml_document_delete) yaml_document_t second = {};
	int err = open_parser(reader, &parser);

	if (err)
		return err;
	if (!yaml_parser_load(&parser, &reader->document) || !yaml_parser_load(&parser, &second))
		return refuse_yaml(reader, &parser);
	if (yaml_document_get_root_node(&second))
		return REFUSE_AT(reader, second.start_mark, "a second document begins");
	return 0;
}

static yaml_node_t *find_value(struct reader *reader, const yaml_node_t *mapping, const char *key)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++)
		if (strcmp(scalar(yaml_document_get_node(&reader->document, pair->key)), key) == 0)
			return yaml_document_get_node(&reader->document, pair->value);
	return NULL;
}

static int check_keys(struct reader *reader, yaml_node_t *mapping, enum schema_place place)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		yaml_node_t *node = yaml_document_get_node(&reader->document, pair->key);
		const struct schema_key *key, *near;
		char shown[SHOWN_LEN];

		if (node->type != YAML_SCALAR_NODE)
			return REFUSE(reader, node, "a key is not a word");
		key = schema_find(place, scalar(node), node->data.scalar.length);
		if (!key) {
			near = schema_find_near(place, scalar(node));
			return REFUSE(reader, node, "unknown key '%s'%s%s%s", show(node, shown),
				      near ? "; did you mean '" : "", near ? near->key : "",
				      near ? "'?" : "");
		}
		if (key->shape == SHAPE_LATER)
			return REFUSE(reader, node, "'%s' is known, but not in this version",
				      key->key);
		/* Only known keys, each once, stand before this one. */
		if (find_value(reader, mapping, key->key) !=
		    yaml_document_get_node(&reader->document, pair->value))
			return REFUSE(reader, node, "'%s' is given twice", key->key);
	}
	return 0;
}

static int load_scalar(struct reader *reader, const struct schema_key *key, yaml_node_t *node,
		       void *at)
{
	char shown[SHOWN_LEN];
	const char *why = NULL;
	int err;

	if (node->type != YAML_SCALAR_NODE || !node->data.scalar.length)
		return REFUSE(reader, node, "%s wants %s", key->key, key->unit);
	if (strlen(scalar(node)) != node->data.scalar.length)
		return REFUSE(reader, node, "%s: '%s' has a NUL in it", key->key,
			      show(node, shown));
	err = key->parse(key, scalar(node), at, &why);
	if (err == -ENOMEM)
		return REFUSE_FILE(reader, err, "out of memory");
	if (err == -ERANGE)
		return REFUSE(reader, node, "%s: '%s' is outside %s to %s", key->key,
			      show(node, shown), key->min, key->max);
	if (err && why)
		return REFUSE(reader, node, "%s: '%s' %s", key->key, show(node, shown), why);
	if (err)
		return REFUSE(reader, node, "%s: '%s' is not %s", key->key, show(node, shown),
			      key->unit);
	return 0;
}

static int load_targets(struct reader *reader, yaml_node_t *list);

static int load_mapping(struct reader *reader, yaml_node_t *node, enum schema_place place,
			const char *name, void *object)
{
	int err;

	if (node->type != YAML_MAPPING_NODE)
		return REFUSE(reader, node, "%s wants a mapping", name);
	err = check_keys(reader, node, place);
	for (const struct schema_key *key = schema_keys; key->key && !err; key++) {
		yaml_node_t *value;
		void *at = (char *)object + key->offset;

		if (key->place != place || !(value = find_value(reader, node, key->key)))
			continue;
		if (key->shape == SHAPE_MAPPING)
			err = load_mapping(reader, value, key->inside, key->key, at);
		else if (key->shape == SHAPE_LIST)
			err = load_targets(reader, value);
		else
			err = load_scalar(reader, key, value, at);
	}
	if (!err && place == PLACE_MEMORY) {
		const struct memory_config *memory = object;
		yaml_node_t *given = find_value(reader, node, "soft");

		given = given ?: find_value(reader, node, "hard");
		if (memory->hard_bytes && memory->soft_bytes > memory->hard_bytes)
			return REFUSE(reader, given ?: node, "soft is above hard");
	}
	return err;
}

static int load_target(struct reader *reader, yaml_node_t *node, struct target_config *target)
{
	const struct schema_key *name_key = schema_find(PLACE_TARGET, "name", strlen("name"));
	const char *why = NULL;
	yaml_node_t *name;
	int err;

	target->memory = reader->config.memory_defaults;
	target->line = node->start_mark.line + 1;
	target->column = node->start_mark.column + 1;
	err = schema_set_fallbacks(PLACE_TARGET, target);
	if (!err)
		err = load_mapping(reader, node, PLACE_TARGET, "a target", target);
	if (err)
		return err;
	if (target->kind == TARGET_NONE)
		return REFUSE(reader, node, "a target has one of cgroup, docker, pid and unit");
	target->memory.is_given = find_value(reader, node, "memory");
	if (!target->memory.is_given)
		return REFUSE(reader, node,
			      "governs nothing; 'memory: {}' would govern its memory by the "
			      "defaults");
	if (!target->name[0] && name_key->parse(name_key, target->match, target->name, &why) < 0)
		text_escape(target->match, strlen(target->match), target->name,
			    sizeof(target->name));

	name = find_value(reader, node, "name") ?: node;
	for (const struct target_config *other = reader->config.targets; other < target; other++) {
		if (other->kind == target->kind && strcmp(other->match, target->match) == 0)
			return REFUSE(reader, node, "the target on line %u is the same",
				      other->line);
		if (strcmp(other->name, target->name) == 0)
			return REFUSE(reader, name, "the target on line %u has the same name",
				      other->line);
	}
	return 0;
}

static int load_targets(struct reader *reader, yaml_node_t *list)
{
	struct config *config = &reader->config;
	const yaml_node_item_t *item;
	size_t cnt;
	int err;

	if (list->type != YAML_SEQUENCE_NODE)
		return REFUSE(reader, list, "targets wants a list of mappings");
	item = list->data.sequence.items.start;
	cnt = list->data.sequence.items.top - item;
	if (cnt > TARGETS_MAX)
		return REFUSE(reader, list, "there are more than %d targets", TARGETS_MAX);
	config->targets = calloc(cnt, sizeof(*config->targets));
	if (cnt && !config->targets)
		return REFUSE_FILE(reader, -ENOMEM, "out of memory");
	while (config->targets_cnt < cnt) {
		err = load_target(reader, yaml_document_get_node(&reader->document, *item++),
				  &config->targets[config->targets_cnt++]);
		if (err)
			return err;
	}
	return 0;
}

static int set_fallbacks(struct config *config)
{
	int err = schema_set_fallbacks(PLACE_MACHINE, config);

	return err ?: schema_set_fallbacks(PLACE_MEMORY, &config->memory_defaults);
}

int config__load(const char *file, struct config *ret_config, char *error, size_t error_len)
{
	_cleanup_(reader__close) struct reader reader = {
		.shown = text_escape_dup(file),
		.config.file = strdup(file),
		.error = error,
		.error_len = error_len,
	};
	yaml_node_t *root;
	int err;

	if (!reader.shown || !reader.config.file)
		return say(&reader, -ENOMEM, "out of memory");
	err = set_fallbacks(&reader.config);
	if (!err)
		err = read_file(&reader, file);
	if (!err)
		err = screen(&reader);
	if (!err)
		err = parse_document(&reader);
	if (err)
		return err;

	root = yaml_document_get_root_node(&reader.document);
	if (!root)
		return REFUSE_AT(&reader, (yaml_mark_t){}, "is empty: there are no targets");
	err = load_mapping(&reader, root, PLACE_FILE, "a configuration", &reader.config);
	if (err)
		return err;
	if (!reader.config.targets_cnt)
		return REFUSE(&reader, find_value(&reader, root, "targets") ?: root,
			      "there are no targets");
	*ret_config = reader.config;
	reader.config = (struct config){};
	return 0;
}

int config__default(struct config *ret_config)
{
	struct config config = {.targets = calloc(1, sizeof(*config.targets)), .targets_cnt = 1};
	struct target_config *target = config.targets;
	int err = target ? set_fallbacks(&config) : -ENOMEM;

	if (!err)
		err = schema_set_fallbacks(PLACE_TARGET, target);
	if (!err && !(target->match = strdup("")))
		err = -ENOMEM;
	if (err) {
		config.targets_cnt = target ? 1 : 0;
		config__free(&config);
		return err;
	}
	strcpy(target->name, "default");
	target->kind = TARGET_ALL_FINITE;
	target->memory = config.memory_defaults;
	target->memory.is_given = true;
	*ret_config = config;
	return 0;
}

void config__free(struct config *config)
{
	for (size_t i = 0; i < config->targets_cnt; i++)
		free(config->targets[i].match);
	free(config->targets);
	free(config->file);
	*config = (struct config){};
}

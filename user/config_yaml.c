/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the way from a file to a YAML document of bounded cost. It never knows a key. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/config.h"
#include "user/config_yaml.h"
#include "user/text.h"

#define UTF8_BOM "\xef\xbb\xbf"

/* libyaml scans nested flow collections in quadratic time; our keys nest four deep. */
#define DEPTH_MAX 16
#define _cleanup_(function) __attribute__((cleanup(function)))

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

int reader__say(struct reader *reader, int err, const char *format, ...)
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

const char *reader_show(const yaml_node_t *node, char buf[SHOWN_LEN])
{
	return text_escape(reader_scalar(node), node->data.scalar.length, buf, SHOWN_LEN);
}

yaml_node_t *reader__find(struct reader *reader, const yaml_node_t *mapping, const char *key)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++)
		if (strcmp(reader_scalar(yaml_document_get_node(&reader->document, pair->key)),
			   key) == 0)
			return yaml_document_get_node(&reader->document, pair->value);
	return NULL;
}

/* Root's, ours, or of who called us through sudo: nobody else says what root is to write. */
static bool is_ours(uid_t owner)
{
	const char *caller = getenv("SUDO_UID");
	char text[16];

	snprintf(text, sizeof(text), "%u", owner);
	return owner == 0 || owner == geteuid() || (caller && strcmp(caller, text) == 0);
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
	if (!is_ours(st.st_uid))
		return REFUSE_FILE(reader, -EPERM, "belongs to user %u: 'chown root' it",
				   st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return REFUSE_FILE(reader, -EPERM, "may be written by %s: 'chmod go-w' it",
				   st.st_mode & S_IWOTH ? "anybody" : "its group");

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
		return reader__say(reader, -EFBIG, "%s:1:1: is larger than 1 MiB", reader->shown);
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

int reader__open(struct reader *reader, const char *file, char *error, size_t error_len)
{
	int err;

	reader->error = error;
	reader->error_len = error_len;
	reader->shown = text_escape_dup(file);
	if (!reader->shown)
		return reader__say(reader, -ENOMEM, "out of memory");
	err = read_file(reader, file);
	if (!err)
		err = screen(reader);
	return err ?: parse_document(reader);
}

void reader__close(struct reader *reader)
{
	free(reader->shown);
	free(reader->bytes);
	yaml_document_delete(&reader->document);
}

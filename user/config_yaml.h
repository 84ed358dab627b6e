/* SPDX-License-Identifier: BSD-2-Clause */
/* One YAML file as a document of plain data, and what is wrong with it. It never knows a key. */
#ifndef CGBPF_CONFIG_YAML_H
#define CGBPF_CONFIG_YAML_H

#include <stddef.h>
#include <yaml.h>

/* Of untrusted text in an error. */
#define SHOWN_LEN 64

struct reader {
	char *shown; /* the file's name, escaped */
	unsigned char *bytes;
	size_t len;
	yaml_document_t document;
	char *error;
	size_t error_len;
};

/* Reads and parses FILE into a zeroed READER; errors are said to ERROR. Closed by the caller, also
 * after a failure. */
int reader__open(struct reader *reader, const char *file, char *error, size_t error_len);
void reader__close(struct reader *reader);

/* One line into the error; returns ERR. */
int reader__say(struct reader *reader, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The format follows a place in the file. */
#define REFUSE_AT(reader, mark, format, ...)                                                       \
	reader__say(reader, -EINVAL, "%s:%zu:%zu: " format, (reader)->shown, (mark).line + 1,      \
		    (mark).column + 1, ##__VA_ARGS__)
#define REFUSE(reader, node, format, ...)                                                          \
	REFUSE_AT(reader, (node)->start_mark, format, ##__VA_ARGS__)
#define REFUSE_FILE(reader, err, format, ...)                                                      \
	reader__say(reader, err, "%s: " format, (reader)->shown, ##__VA_ARGS__)

static inline const char *reader_scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* Of a mapping whose keys are scalars up to this one; NULL: not there. */
yaml_node_t *reader__find(struct reader *reader, const yaml_node_t *mapping, const char *key);
/* A scalar escaped and cut; returns BUF. */
const char *reader_show(const yaml_node_t *node, char buf[SHOWN_LEN]);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the reading of a calibration. It never samples and never looks at a cgroup. */
#include "user/calibration.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/text.h"

#define FILE_MOST_BYTES (256 << 20)
#define _cleanup_(function) __attribute__((cleanup(function)))

struct reading {
	const char *file;
	char *bytes;
	size_t len;
	size_t at; /* where the next key is looked for */
	unsigned int line, column;
	char *error;
	size_t error_len;
};

__attribute__((format(printf, 4, 5))) static int refuse(struct reading *reading, int line,
							int column, const char *format, ...)
{
	char what[512], shown[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	text_escape(reading->file, strlen(reading->file), shown, sizeof(shown));
	if (line > 0)
		snprintf(reading->error, reading->error_len, "%s:%d:%d: %s", shown, line, column,
			 what);
	else
		snprintf(reading->error, reading->error_len, "%s: %s", shown, what);
	return -EINVAL;
}

static void free_bytes(struct reading *reading)
{
	free(reading->bytes);
}

static int read_file(struct reading *reading)
{
	struct stat st;
	int fd = open(reading->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err = 0;
	ssize_t len = 0;

	if (fd < 0) {
		err = -errno;
		refuse(reading, 0, 0, "%s", strerror(-err));
		return err;
	}
	if (fstat(fd, &st) < 0)
		err = refuse(reading, 0, 0, "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err = refuse(reading, 0, 0, "is no regular file");
	else if (st.st_mode & S_IWOTH)
		err = refuse(reading, 0, 0, "can be written by others");
	else if (st.st_size > FILE_MOST_BYTES)
		err = refuse(reading, 0, 0, "is larger than 256 MiB");
	if (!err) {
		reading->bytes = calloc(1, (size_t)st.st_size + 1);
		err = reading->bytes ? 0 : -ENOMEM;
	}
	while (!err && reading->len < (size_t)st.st_size) {
		len = read(fd, reading->bytes + reading->len, (size_t)st.st_size - reading->len);
		if (len <= 0)
			break;
		reading->len += (size_t)len;
	}
	if (!err && len < 0)
		err = refuse(reading, 0, 0, "%s", strerror(errno));
	close(fd);
	return err;
}

/* Behind the string that begins at AT. */
static size_t skip_string(const struct reading *reading, size_t at)
{
	for (at++; at < reading->len && reading->bytes[at] != '"'; at++)
		at += reading->bytes[at] == '\\';
	return at + 1;
}

/* Goes on to the next key of the outermost object, for its place; the text is JSON for sure. */
static void next_key(struct reading *reading)
{
	bool is_key = true; /* a string of the outermost object is a key or a value */
	int depth = reading->at ? 1 : 0;
	size_t at = reading->at;

	while (at < reading->len) {
		char c = reading->bytes[at];

		if (c == '"' && depth == 1 && is_key)
			break;
		if (c == '"') {
			at = skip_string(reading, at);
			continue;
		}
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		if (depth == 1 && c == ':')
			is_key = false;
		if (depth == 1 && c == ',')
			is_key = true;
		at++;
	}
	for (size_t i = reading->at; i < at; i++) {
		reading->column++;
		if (reading->bytes[i] == '\n') {
			reading->line++;
			reading->column = 1;
		}
	}
	reading->at = at;
}

/* Behind the key at which the last search ended, and its value's beginning. */
static void leave_key(struct reading *reading)
{
	size_t from = reading->at;
	int depth = 0;

	reading->at = skip_string(reading, reading->at);
	/* To the comma that ends its value. */
	while (reading->at < reading->len) {
		char c = reading->bytes[reading->at];

		if (c == '"') {
			reading->at = skip_string(reading, reading->at);
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}'))
			break;
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		reading->at++;
	}
	for (size_t i = from; i < reading->at && i < reading->len; i++) {
		reading->column++;
		if (reading->bytes[i] == '\n') {
			reading->line++;
			reading->column = 1;
		}
	}
}

static int take_bytes(struct reading *reading, json_t *object, const char *key, uint64_t *ret)
{
	json_t *value = json_object_get(object, key);

	if (!value)
		return refuse(reading, (int)reading->line, (int)reading->column, "has no '%s'",
			      key);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return refuse(reading, (int)reading->line, (int)reading->column,
			      "'%s' is not a number of bytes", key);
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

/* 0 for what is no digit: such a name names nobody. */
static unsigned int digit_of(char c)
{
	if (isdigit((unsigned char)c))
		return (unsigned char)c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10U : 0;
}

/* Of a name that JSON cannot hold there are its bytes in hex. */
static char *path_of(const char *key, json_t *object)
{
	const char *hex = json_string_value(json_object_get(object, "cgroup_bytes"));
	size_t len = hex ? strlen(hex) : 0;
	char *path;

	if (!hex)
		return strdup(key);
	path = calloc(1, len / 2 + 1);
	for (size_t i = 0; path && i + 1 < len; i += 2)
		path[i / 2] = (char)(digit_of(hex[i]) << 4 | digit_of(hex[i + 1]));
	return path;
}

static int take_entry(struct reading *reading, const char *key, json_t *object,
		      struct calibration_entry *entry)
{
	char shown[256];
	int err;

	if (key[0] != '/')
		return refuse(reading, (int)reading->line, (int)reading->column,
			      "'%s' is no cgroup's path: this is no calibration",
			      text_escape(key, strlen(key), shown, sizeof(shown)));
	if (!json_is_object(object))
		return refuse(reading, (int)reading->line, (int)reading->column,
			      "what is said of a cgroup is no object: this is no calibration");
	err = take_bytes(reading, object, "min_consumption", &entry->min_bytes);
	if (!err)
		err = take_bytes(reading, object, "max_consumption", &entry->max_bytes);
	if (!err)
		err = take_bytes(reading, object, "median_consumption", &entry->median_bytes);
	if (err)
		return err;
	if (entry->min_bytes > entry->max_bytes)
		return refuse(reading, (int)reading->line, (int)reading->column,
			      "min_consumption is above max_consumption");
	if (entry->median_bytes < entry->min_bytes || entry->median_bytes > entry->max_bytes)
		return refuse(reading, (int)reading->line, (int)reading->column,
			      "median_consumption is outside min_consumption and max_consumption");
	entry->line = reading->line;
	entry->path = path_of(key, object);
	return entry->path ? 0 : -ENOMEM;
}

static int by_path(const void *a, const void *b)
{
	const struct calibration_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int take_all(struct reading *reading, json_t *root, struct calibration *calibration)
{
	const char *key;
	json_t *value;
	int err;

	calibration->entries = calloc(json_object_size(root) + 1, sizeof(*calibration->entries));
	if (!calibration->entries)
		return -ENOMEM;
	/* Jansson keeps the order of the text. */
	json_object_foreach(root, key, value)
	{
		next_key(reading);
		err = take_entry(reading, key, value, &calibration->entries[calibration->cnt]);
		if (err)
			return err;
		calibration->cnt++;
		leave_key(reading);
	}
	qsort(calibration->entries, calibration->cnt, sizeof(*calibration->entries), by_path);
	return 0;
}

int calibration__load(const char *file, struct calibration *ret_calibration, char *error,
		      size_t error_len)
{
	_cleanup_(calibration__free) struct calibration calibration = {};
	_cleanup_(free_bytes) struct reading reading = {
		.file = file, .line = 1, .column = 1, .error = error, .error_len = error_len};
	json_auto_t *root = NULL;
	json_error_t why;
	int err;

	snprintf(error, error_len, "out of memory");
	err = read_file(&reading);
	if (err)
		return err;
	root = json_loadb(reading.bytes, reading.len, JSON_REJECT_DUPLICATES, &why);
	if (!root) {
		char shown[JSON_ERROR_TEXT_LENGTH];

		return refuse(&reading, why.line, why.column, "%s",
			      text_escape(why.text, strlen(why.text), shown, sizeof(shown)));
	}
	if (!json_is_object(root))
		return refuse(&reading, 1, 1, "is no object: this is no calibration");
	calibration.file = strdup(file);
	err = calibration.file ? take_all(&reading, root, &calibration) : -ENOMEM;
	if (err)
		return err;
	*ret_calibration = calibration;
	calibration = (struct calibration){};
	return 0;
}

const struct calibration_entry *calibration__find(const struct calibration *calibration,
						  const char *path)
{
	struct calibration_entry wanted = {.path = (char *)path};

	if (!calibration->cnt)
		return NULL;
	return bsearch(&wanted, calibration->entries, calibration->cnt,
		       sizeof(*calibration->entries), by_path);
}

void calibration__free(struct calibration *calibration)
{
	for (size_t i = 0; i < calibration->cnt; i++)
		free(calibration->entries[i].path);
	free(calibration->entries);
	free(calibration->file);
	*calibration = (struct calibration){};
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns how each kind of value in a configuration is read and bounded. It never knows which keys
 * there are (see config_schema). */
#include "user/config_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/units.h"
#include "user/words.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_MAX 4095 /* bytes; longer globs have no honest use */
#define DOCKER_MAX 255
#define UNIT_MAX 255 /* UNIT_NAME_MAX in systemd's src/basic/unit-name.h */
#define DIGITS "0123456789"
#define ALNUM DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static int parse_percent(const char *text, uint64_t *ret)
{
	uint32_t ppm;
	int err = units_parse_percent(text, &ppm);

	if (!err)
		*ret = ppm;
	return err;
}

static int parse_number(const char *text, uint64_t *ret)
{
	/* A leading zero is octal to YAML 1.1. */
	if (text[0] == '0' || strspn(text, DIGITS) != strlen(text))
		return -EINVAL;
	return units_parse_limit(text, ret);
}

static int parse_within(const struct schema_key *key, const char *text,
			int (*parse)(const char *text, uint64_t *ret), uint64_t *ret)
{
	uint64_t value, bound;
	int err = parse(text, &value);

	if (err)
		return err;
	if (key->min && parse(key->min, &bound) == 0 && value < bound)
		return -ERANGE;
	if (key->max && parse(key->max, &bound) == 0 && value > bound)
		return -ERANGE;
	*ret = value;
	return 0;
}

int schema_read_size(const struct schema_key *key, const char *text, void *at, const char **ret_why)
{
	(void)ret_why;
	return parse_within(key, text, units_parse_bytes, at);
}

int schema_read_number(const struct schema_key *key, const char *text, void *at,
		       const char **ret_why)
{
	(void)ret_why;
	return parse_within(key, text, parse_number, at);
}

int schema_read_time(const struct schema_key *key, const char *text, void *at, const char **ret_why)
{
	(void)ret_why;
	return parse_within(key, text, units_parse_duration, at);
}

int schema_read_percent(const struct schema_key *key, const char *text, void *at,
			const char **ret_why)
{
	uint64_t ppm;
	int err = parse_within(key, text, parse_percent, &ppm);

	(void)ret_why;
	if (!err)
		*(uint32_t *)at = ppm;
	return err;
}

int schema_read_reserve(const struct schema_key *key, const char *text, void *at,
			const char **ret_why)
{
	struct config *config = at;
	uint64_t bytes = 0;
	uint32_t ppm = 0;
	int err = strchr(text, '%') ? schema_read_percent(key, text, &ppm, ret_why)
				    : units_parse_bytes(text, &bytes);

	if (err)
		return err;
	config->reserve_ppm = ppm;
	config->reserve_bytes = bytes;
	return 0;
}

static bool has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return true;
	return false;
}

int schema_read_name(const struct schema_key *key, const char *text, void *at, const char **ret_why)
{
	(void)key;
	if (strlen(text) > CONFIG_NAME_MAX)
		*ret_why = "is longer than 63 bytes";
	else if (has_control(text))
		*ret_why = "has a control character in it";
	else
		strcpy(at, text);
	return *ret_why ? -EINVAL : 0;
}

int schema_read_file(const struct schema_key *key, const char *text, void *at, const char **ret_why)
{
	char *file;

	(void)key;
	if (has_control(text)) {
		*ret_why = "has a control character in it";
		return -EINVAL;
	}
	file = strdup(text);
	if (!file)
		return -ENOMEM;
	free(*(char **)at);
	*(char **)at = file;
	return 0;
}

char *config_beside(const char *config_file, const char *file)
{
	const char *slash = strrchr(config_file, '/');
	char *path;

	if (file[0] == '/' || !slash)
		return strdup(file);
	return asprintf(&path, "%.*s/%s", (int)(slash - config_file), config_file, file) < 0 ? NULL
											     : path;
}

int schema_read_policy(const struct schema_key *key, const char *text, void *at,
		       const char **ret_why)
{
	static const char *const words[] = {
		[FOREIGN_OBEY] = "obey",
		[FOREIGN_REASSERT] = "reassert",
		[FOREIGN_ADOPT] = "adopt",
	};
	int policy = WORDS_FIND(words, text);

	(void)key, (void)ret_why;
	if (!policy)
		return -EINVAL;
	*(enum foreign_policy *)at = policy;
	return 0;
}

int schema_read_donor(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why)
{
	static const char *const words[] = {[DONOR_AUTO] = "auto", [DONOR_NEVER] = "never"};
	int policy = WORDS_FIND(words, text);

	(void)key, (void)ret_why;
	if (!policy)
		return -EINVAL;
	*(enum donor_policy *)at = policy;
	return 0;
}

/* "//a//b/" becomes "/a/b", as the kernel reads it. */
static void squeeze_slashes(char *path)
{
	char *end = path;

	for (const char *p = path; *p; p++)
		if (*p != '/' || (p[1] && p[1] != '/'))
			*end++ = *p;
	*end = '\0';
}

static bool has_dots(const char *path)
{
	for (const char *p = path; (p = strchr(p, '/'));) {
		size_t len = strcspn(++p, "/");

		if ((len == 1 || len == 2) && strspn(p, ".") >= len)
			return true;
	}
	return false;
}

/* Of a path without needless slashes. */
static const char *check_cgroup(const char *path)
{
	size_t root_len = strlen(CGROUP_ROOT);

	if (path[0] == '\0')
		return "is the cgroup root itself";
	if (path[0] != '/')
		return "does not begin with '/', the cgroup root";
	if (strncmp(path, CGROUP_ROOT, root_len) == 0 &&
	    (path[root_len] == '/' || path[root_len] == '\0'))
		return "is below the cgroup root already: leave out " CGROUP_ROOT;
	if (has_dots(path))
		return "has '.' or '..' for a component";
	if (strchr(path, '\n'))
		return "has a line break in it";
	return strlen(path) > CGROUP_MAX ? "is longer than 4095 bytes" : NULL;
}

static const char *check_docker(const char *text)
{
	static const char label[] = "label=";

	if (strlen(text) > DOCKER_MAX)
		return "is longer than 255 bytes";
	if (strncmp(text, label, strlen(label)) == 0) {
		const char *key = text + strlen(label);

		if (*key == '\0' || *key == '=')
			return "has no label's key";
		return has_control(key) ? "has a control character in it" : NULL;
	}
	if (!isalnum((unsigned char)text[0]) || strspn(text, ALNUM "_.-") != strlen(text))
		return "is not a container's name, id or label=key[=value]";
	return NULL;
}

static const char *check_unit(const char *text)
{
	const char *dot = strrchr(text, '.');

	if (strlen(text) > UNIT_MAX)
		return "is longer than 255 bytes";
	if (!dot || dot == text ||
	    (strcmp(dot, ".service") != 0 && strcmp(dot, ".scope") != 0 &&
	     strcmp(dot, ".slice") != 0))
		return "does not end in .service, .scope or .slice";
	return strspn(text, ALNUM ":-_.\\@") == strlen(text) ? NULL : "is not a unit's name";
}

static void free_text(char **text)
{
	free(*text);
}

/* The text without needless slashes for a cgroup, else as it is. */
int schema_read_match(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why)
{
	struct target_config *target = at;
	__attribute__((cleanup(free_text))) char *match = strdup(text);
	uint64_t pid;
	int err = 0;

	if (!match)
		return -ENOMEM;
	if (target->kind != TARGET_NONE) {
		*ret_why = "is one too many: a target has one of cgroup, docker, pid, unit and "
			   "tree";
	} else if (key->kind == TARGET_CGROUP) {
		squeeze_slashes(match);
		*ret_why = check_cgroup(match);
	} else if (key->kind == TARGET_DOCKER) {
		*ret_why = check_docker(match);
	} else if (key->kind == TARGET_UNIT) {
		*ret_why = check_unit(match);
	} else if (key->kind == TARGET_TREE) {
		*ret_why = strlen(match) > CGROUP_MAX ? "is longer than 4095 bytes" : NULL;
	} else {
		err = parse_within(key, match, parse_number, &pid);
	}
	if (*ret_why || err)
		return *ret_why ? -EINVAL : err;
	target->kind = key->kind;
	target->match = match;
	match = NULL;
	return 0;
}

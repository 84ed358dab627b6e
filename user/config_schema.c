/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the table of all configuration keys: limits, defaults, texts and parsers. It never reads a
 * file. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/config.h"
#include "user/config_schema.h"
#include "user/text.h"
#include "user/units.h"

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

static int read_size(const struct schema_key *key, const char *text, void *at, const char **ret_why)
{
	(void)ret_why;
	return parse_within(key, text, units_parse_bytes, at);
}

static int read_time(const struct schema_key *key, const char *text, void *at, const char **ret_why)
{
	(void)ret_why;
	return parse_within(key, text, units_parse_duration, at);
}

static int read_percent(const struct schema_key *key, const char *text, void *at,
			const char **ret_why)
{
	uint64_t ppm;
	int err = parse_within(key, text, parse_percent, &ppm);

	(void)ret_why;
	if (!err)
		*(uint32_t *)at = ppm;
	return err;
}

static int read_reserve(const struct schema_key *key, const char *text, void *at,
			const char **ret_why)
{
	struct config *config = at;
	uint64_t bytes = 0;
	uint32_t ppm = 0;
	int err = strchr(text, '%') ? read_percent(key, text, &ppm, ret_why)
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

static int read_name(const struct schema_key *key, const char *text, void *at, const char **ret_why)
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

static int read_policy(const struct schema_key *key, const char *text, void *at,
		       const char **ret_why)
{
	static const char *const words[] = {
		[FOREIGN_OBEY] = "obey",
		[FOREIGN_REASSERT] = "reassert",
		[FOREIGN_ADOPT] = "adopt",
	};

	(void)key, (void)ret_why;
	for (size_t i = FOREIGN_OBEY; i <= FOREIGN_ADOPT; i++) {
		if (strcmp(text, words[i]) == 0) {
			*(enum foreign_policy *)at = i;
			return 0;
		}
	}
	return -EINVAL;
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
static int read_match(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why)
{
	struct target_config *target = at;
	__attribute__((cleanup(free_text))) char *match = strdup(text);
	uint64_t pid;
	int err = 0;

	if (!match)
		return -ENOMEM;
	if (target->kind != TARGET_NONE) {
		*ret_why = "is one too many: a target has one of cgroup, docker, pid and unit";
	} else if (key->kind == TARGET_CGROUP) {
		squeeze_slashes(match);
		*ret_why = check_cgroup(match);
	} else if (key->kind == TARGET_DOCKER) {
		*ret_why = check_docker(match);
	} else if (key->kind == TARGET_UNIT) {
		*ret_why = check_unit(match);
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

#define SIZE "a size such as 64M"
#define TIME "a time such as 20ms"
#define AT(type, member) .offset = offsetof(struct type, member)

const struct schema_key schema_keys[] = {
	{PLACE_FILE, "machine", SHAPE_MAPPING, PLACE_MACHINE,
	 .sentence = "What is true of the whole machine."},
	{PLACE_FILE, "defaults", SHAPE_MAPPING, PLACE_DEFAULTS,
	 .sentence = "What targets have that say nothing else."},
	{PLACE_FILE, "targets", SHAPE_LIST, PLACE_TARGET, .unit = "a list of mappings",
	 .sentence = "What to govern; at least one."},
	{PLACE_FILE, "ml", .shape = SHAPE_LATER},
	{PLACE_FILE, "psi", .shape = SHAPE_LATER},
	{PLACE_FILE, "tree", .shape = SHAPE_LATER},

	{PLACE_MACHINE, "reserve", SHAPE_VALUE, .parse = read_reserve, .min = "0%", .max = "100%",
	 .fallback = "10%", .unit = "a percentage such as 10% or a size such as 2G",
	 .sentence = "Memory of the machine that is never given away."},
	{PLACE_MACHINE, "calibration", .shape = SHAPE_LATER},

	{PLACE_DEFAULTS, "memory", SHAPE_MAPPING, PLACE_MEMORY, AT(config, memory_defaults),
	 .sentence = "For every target's `memory`."},
	{PLACE_DEFAULTS, "cpu", .shape = SHAPE_LATER},
	{PLACE_DEFAULTS, "io", .shape = SHAPE_LATER},

	{PLACE_TARGET, "name", SHAPE_VALUE, .parse = read_name, AT(target_config, name),
	 .unit = "a text of 1 to 63 bytes",
	 .sentence = "What the journal calls it; differs from all others; left out: the text that "
		     "says which cgroup."},
	{PLACE_TARGET, "cgroup", SHAPE_VALUE, .parse = read_match, .kind = TARGET_CGROUP,
	 .unit = "a path below the cgroup root such as /lab/job or /lab/*",
	 .sentence = "The cgroups with this path; `*`, `?` and `[…]` match as in a shell."},
	{PLACE_TARGET, "docker", SHAPE_VALUE, .parse = read_match, .kind = TARGET_DOCKER,
	 .unit = "a name, an id or label=key[=value]",
	 .sentence = "The containers with this name, id or label."},
	{PLACE_TARGET, "pid", SHAPE_VALUE, .parse = read_match, .kind = TARGET_PID, .min = "1",
	 .max = "4194304", .unit = "a process id such as 1234",
	 .sentence = "The cgroup that this process is in."},
	{PLACE_TARGET, "unit", SHAPE_VALUE, .parse = read_match, .kind = TARGET_UNIT,
	 .unit = "a unit such as ssh.service",
	 .sentence = "The cgroup of this systemd service, scope or slice."},
	{PLACE_TARGET, "memory", SHAPE_MAPPING, PLACE_MEMORY, AT(target_config, memory),
	 .sentence = "How its memory is governed; `{}` takes all defaults."},
	{PLACE_TARGET, "on_foreign_write", SHAPE_VALUE, .parse = read_policy,
	 AT(target_config, on_foreign_write), .fallback = "obey", .unit = "obey, reassert or adopt",
	 .sentence = "When somebody else writes the limit: stop governing it, write ours again, or "
		     "take theirs as the new soft."},
	{PLACE_TARGET, "cpu", .shape = SHAPE_LATER},
	{PLACE_TARGET, "io", .shape = SHAPE_LATER},
	{PLACE_TARGET, "priority", .shape = SHAPE_LATER},
	{PLACE_TARGET, "pids", .shape = SHAPE_LATER},
	{PLACE_TARGET, "psi", .shape = SHAPE_LATER},

	{PLACE_MEMORY, "soft", SHAPE_VALUE, .parse = read_size, AT(memory_config, soft_bytes),
	 .min = "1M", .max = "1024T", .unit = SIZE,
	 .sentence =
		 "The limit that is enforced and returned to; left out: the limit the cgroup has."},
	{PLACE_MEMORY, "hard", SHAPE_VALUE, .parse = read_size, AT(memory_config, hard_bytes),
	 .min = "1M", .max = "1024T", .unit = SIZE,
	 .sentence = "How far the limit may be raised; at least soft; left out: twice the soft."},
	{PLACE_MEMORY, "step", SHAPE_VALUE, .parse = read_size, AT(memory_config, step_bytes),
	 .min = "1M", .max = "1T", .fallback = "32M", .unit = SIZE,
	 .sentence = "The least by which the limit is raised."},
	{PLACE_MEMORY, "watermark", SHAPE_VALUE, .parse = read_percent,
	 AT(memory_config, watermark_ppm), .min = "50%", .max = "99%", .fallback = "90%",
	 .unit = "a percentage such as 90%",
	 .sentence = "The part of the limit whose use makes it grow."},
	{PLACE_MEMORY, "hold", SHAPE_VALUE, .parse = read_time, AT(memory_config, hold_ns),
	 .min = "0ms", .max = "100ms", .fallback = "20ms", .unit = TIME,
	 .sentence = "How long a task may be kept waiting at the limit for it to be raised; 0ms: "
		     "never."},
	{PLACE_MEMORY, "return_after", SHAPE_VALUE, .parse = read_time,
	 AT(memory_config, return_after_ns), .min = "10ms", .max = "24h", .fallback = "60s",
	 .unit = TIME,
	 .sentence = "How long use must stay low before the limit returns toward soft."},
	{.key = NULL},
};

const struct schema_key *schema_find(enum schema_place place, const char *name, size_t name_len)
{
	for (const struct schema_key *key = schema_keys; key->key; key++)
		if (key->place == place && strlen(key->key) == name_len &&
		    memcmp(key->key, name, name_len) == 0)
			return key;
	return NULL;
}

/* Whether at most one character is changed, missing or too many; case does not count. */
static bool is_near(const char *a, const char *b)
{
	size_t a_len, b_len;

	for (; *a && tolower((unsigned char)*a) == tolower((unsigned char)*b); a++)
		b++;
	a_len = strlen(a);
	b_len = strlen(b);
	return a_len - b_len + 1 <= 2 &&
	       strcasecmp(a + (a_len >= b_len && a_len), b + (b_len >= a_len && b_len)) == 0;
}

const struct schema_key *schema_find_near(enum schema_place place, const char *name)
{
	for (const struct schema_key *key = schema_keys; key->key; key++)
		if (key->place == place && key->shape != SHAPE_LATER && is_near(key->key, name))
			return key;
	return NULL;
}

int schema_set_fallbacks(enum schema_place place, void *object)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		const char *why = NULL;
		int err = 0;

		if (key->place == place && key->fallback)
			err = key->parse(key, key->fallback, (char *)object + key->offset, &why);
		if (err)
			return err;
	}
	return 0;
}

static void print_place(enum schema_place place, const char *prefix, bool is_in_target)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		const char *fallback = key->fallback;
		char name[64];

		if (key->place != place)
			continue;
		snprintf(name, sizeof(name), "%s%s%s", prefix, key->key,
			 key->shape == SHAPE_LIST ? "[]" : "");
		if (is_in_target && place == PLACE_MEMORY)
			fallback = "as in defaults.memory";
		if (key->shape == SHAPE_LATER) {
			printf("| `%s` | | | | | Known, but not in this version. |\n", name);
			continue;
		}
		printf("| `%s` | %s | %s | %s | %s | %s |\n", name, key->unit ?: "a mapping",
		       key->min ?: "", key->max ?: "", fallback ?: "", key->sentence);
		if (key->inside) {
			strcat(name, ".");
			print_place(key->inside, name, is_in_target || key->inside == PLACE_TARGET);
		}
	}
}

void config__print_reference(void)
{
	printf("| key | value | least | most | default | meaning |\n|---|---|---|---|---|---|\n");
	print_place(PLACE_FILE, "", false);
}

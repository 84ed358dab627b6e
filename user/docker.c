// SPDX-License-Identifier: BSD-2-Clause
/* Asks the Docker Engine what a container is called. It never changes a container and never runs in
 * the rescuing thread. */
#include "user/docker.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "user/engine.h"

#define LEAVE_SECONDS 5
#define ID_LEN 64
#define ID_LEAST_LEN 12

static uint64_t unknown_cnt;

/* An Engine that hangs costs one time-out, not one for each container. */
static int get_or_leave(const char *path, json_t **ret_json)
{
	static time_t leave_until;
	struct timespec now;
	int err = -EAGAIN;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec >= leave_until)
		err = engine_get(path, ret_json);
	if (!err)
		return 0;
	unknown_cnt++;
	if (err != -EAGAIN)
		leave_until = now.tv_sec + LEAVE_SECONDS;
	return err;
}

uint64_t docker_unknown_cnt(void)
{
	return unknown_cnt;
}

static bool has_name(json_t *container, const char *wanted)
{
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(container, "Names"), i, name)
	{
		const char *text = json_string_value(name);

		/* The API writes names with a leading slash. */
		if (text && strcmp(text + (*text == '/'), wanted) == 0)
			return true;
	}
	return false;
}

static bool has_label(json_t *container, const char *wanted)
{
	json_t *labels = json_object_get(container, "Labels");
	const char *equals = strchr(wanted, '='), *value;
	char key[256];
	size_t len = equals ? (size_t)(equals - wanted) : strlen(wanted);

	if (len >= sizeof(key))
		return false;
	memcpy(key, wanted, len);
	key[len] = '\0';
	value = json_string_value(json_object_get(labels, key));
	return value && (!equals || strcmp(value, equals + 1) == 0);
}

static bool is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0';
}

int docker_is(const char *id, const char *wanted)
{
	size_t len = strlen(wanted);
	json_t *list = NULL, *container;
	char path[256];
	int err, is = 0;
	size_t i;

	if (len >= ID_LEAST_LEN && len <= ID_LEN && is_hex(wanted) && strncmp(id, wanted, len) == 0)
		return 1;
	/* The list answers while a container is being started; inspecting one waits until it has
	 * been. */
	snprintf(path, sizeof(path),
		 "/containers/json?all=1&filters=%%7B%%22id%%22%%3A%%5B%%22%s%%22%%5D%%7D", id);
	err = get_or_leave(path, &list);
	if (err)
		return err;
	json_array_foreach(list, i, container)
	{
		if (strcmp(json_string_value(json_object_get(container, "Id")) ?: "", id) != 0)
			continue;
		is = strncmp(wanted, "label=", 6) == 0 ? has_label(container, wanted + 6)
						       : has_name(container, wanted);
	}
	json_decref(list);
	return is;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Asks the Docker Engine about the container of a drill: where it runs, how it ended. It never
 * changes one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/engine.h"
#include "user/log.h"
#include "user/squeeze.h"
#include "user/text.h"

#define NAME_LEN 512
/* The Engine cleans up after a container before it says that it ended. */
#define END_TIMEOUT_MS 20000L

static int path_for(const char *name, const char *what, char *buf, size_t len)
{
	char escaped[NAME_LEN];
	int err = engine_escape(name, escaped, sizeof(escaped));

	if (err)
		return err;
	return snprintf(buf, len, "/containers/%s/%s", escaped, what) < (int)len ? 0
										 : -ENAMETOOLONG;
}

static int take(const json_t *inspected, struct squeeze_target *target)
{
	const json_t *state = json_object_get(inspected, "State");
	const char *id = json_string_value(json_object_get(inspected, "Id"));
	json_int_t pid = json_integer_value(json_object_get(state, "Pid"));

	if (!id || strlen(id) >= sizeof(target->container_id))
		return -EPROTO;
	if (pid <= 0)
		return -ESRCH;
	snprintf(target->container_id, sizeof(target->container_id), "%s", id);
	target->first_pid = (pid_t)pid;
	return cgfs_path_of_pid((uint32_t)pid, &target->path);
}

int squeeze_container__find(const char *name, struct squeeze_target *target)
{
	struct engine_answer answer = {};
	struct engine_request request = {};
	char path[NAME_LEN + 32], shown[256];
	int err = path_for(name, "json", path, sizeof(path));

	text_escape(name, strlen(name), shown, sizeof(shown));
	request.path = path;
	if (!err)
		err = engine_ask(&request, &answer);
	if (err == -EREMOTEIO)
		log_error("squeeze: container %s: %s", shown, answer.message);
	else if (err)
		log_error("squeeze: container %s: %s", shown, engine_error(err));
	if (err) {
		engine_answer_free(&answer);
		return err == -EREMOTEIO ? -ENOENT : -EHOSTDOWN;
	}
	err = take(answer.json, target);
	engine_answer_free(&answer);
	if (err == -ESRCH)
		log_error("squeeze: container %s: it is not running", shown);
	else if (err)
		log_error("squeeze: container %s: %s", shown, strerror(-err));
	if (err)
		return err;
	target->container = strdup(name);
	return target->container ? 0 : -ENOMEM;
}

/* Its end is waited for: `wait` answers once it has stopped. */
void squeeze_container__end(const struct squeeze_target *target, struct squeeze_record *record)
{
	struct engine_request wait = {.method = "POST", .timeout_ms = END_TIMEOUT_MS};
	struct engine_answer answer = {};
	json_t *inspected = NULL, *state;
	char path[NAME_LEN + 32];
	int err = path_for(target->container_id, "wait", path, sizeof(path));

	wait.path = path;
	if (!err)
		err = engine_ask(&wait, &answer);
	if (!err) {
		record->has_exit_code = true;
		record->exit_code =
			(int)json_integer_value(json_object_get(answer.json, "StatusCode"));
	} else {
		log_warning("the container's exit code: %s, ignoring",
			    err == -EREMOTEIO ? answer.message : engine_error(err));
	}
	engine_answer_free(&answer);
	/* Gone already where it was started with --rm. */
	if (err || path_for(target->container_id, "json", path, sizeof(path)) ||
	    engine_get(path, &inspected))
		return;
	state = json_object_get(inspected, "State");
	record->is_oom_killed = json_is_true(json_object_get(state, "OOMKilled"));
	json_decref(inspected);
}

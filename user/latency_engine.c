// SPDX-License-Identifier: BSD-2-Clause
/* Makes, finds, puts back and removes the containers of bench-latency. It never measures. */
#include "user/latency_engine.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/engine.h"
#include "user/latency_image.h"
#include "user/latency_process.h"
#include "user/text.h"

#define LABEL "cgbpf.bench-latency" /* its value: our pid */
#define OWN_BYTES (64LL << 20)
#define OWN_QUOTA_US 50000
#define OWN_PERIOD_US 100000
#define PATH_LEN 768
/* Making a container may take a busy machine long. */
#define SLOW_MS 60000L

static int said(struct latency_why *why, int err, const struct engine_answer *answer)
{
	if (err && why)
		snprintf(why->text, sizeof(why->text), "%s%s%s", engine_error(err),
			 answer->message[0] ? ": " : "", answer->message);
	return err;
}

/* METHOD PATH with BODY, which is dropped; the answer is, too. */
static int ask(const char *method, const char *path, json_t *body, struct latency_why *why,
	       long *ret_status)
{
	struct engine_answer answer;
	int err = engine_ask(
		&(struct engine_request){
			.method = method, .path = path, .body = body, .timeout_ms = SLOW_MS},
		&answer);

	said(why, err, &answer);
	if (ret_status)
		*ret_status = answer.status;
	engine_answer_free(&answer);
	json_decref(body);
	return err;
}

int latency_engine_version(char *buf, size_t len, struct latency_why *why)
{
	json_t *version = NULL;
	const char *text;
	int err = engine_get("/version", &version);

	if (err)
		snprintf(why->text, sizeof(why->text), "%s (%s)", engine_error(err),
			 engine_socket());
	text = json_string_value(json_object_get(version, "Version"));
	if (!err)
		text_escape(text ?: "unknown", strlen(text ?: "unknown"), buf, len);
	json_decref(version);
	return err;
}

int latency_engine_runtime(const char *name, char *buf, size_t len)
{
	json_t *info = NULL, *runtime;
	const char *key;
	int err = engine_get("/info", &info);

	if (!err)
		err = -ENOENT;
	json_object_foreach(json_object_get(info, "Runtimes"), key, runtime)
	{
		const char *path = json_string_value(json_object_get(runtime, "path"));
		const char *base = path && strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

		if (base && strcmp(base, name) == 0 && strlen(key) < len) {
			strcpy(buf, key);
			err = 0;
		}
	}
	json_decref(info);
	return err;
}

static int make_image(const char *name, struct latency_why *why)
{
	char path[PATH_LEN], *tar;
	struct engine_answer answer;
	size_t len;
	int err = latency_image_make(&tar, &len);

	if (err) {
		snprintf(why->text, sizeof(why->text),
			 "there is no static busybox to make a container of (package "
			 "busybox-static)");
		return err;
	}
	snprintf(path, sizeof(path), "/images/create?fromSrc=-&repo=%s&tag=latest", name);
	err = engine_ask(&(struct engine_request){.method = "POST",
						  .path = path,
						  .data = tar,
						  .data_len = len,
						  .timeout_ms = SLOW_MS},
			 &answer);
	if (!err && answer.message[0])
		err = -EREMOTEIO;
	said(why, err, &answer);
	engine_answer_free(&answer);
	free(tar);
	return err;
}

static json_t *describe(const char *image, const char *runtime)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return json_pack("{s:s, s:[s,s,s], s:{s:s}, s:{s:s, s:s, s:I, s:i, s:i, s:i, s:s*}}",
			 "Image", image, "Cmd", "/bin/busybox", "sleep", "2147483647", "Labels",
			 LABEL, pid, "HostConfig", "NetworkMode", "none", "CgroupnsMode", "host",
			 "Memory", (json_int_t)OWN_BYTES, "MemorySwap", -1, "CpuQuota",
			 OWN_QUOTA_US, "CpuPeriod", OWN_PERIOD_US, "Runtime", runtime);
}

int latency_engine_create(const char *name, const char *runtime, int root_fd,
			  struct latency_place *place, struct latency_why *why)
{
	char path[PATH_LEN];
	int err = make_image(name, why);

	if (err)
		return err;
	snprintf(path, sizeof(path), "/containers/create?name=%s", name);
	err = ask("POST", path, describe(name, runtime), why, NULL);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/containers/%s/start", name);
	err = ask("POST", path, NULL, why, NULL);
	return err ? err : latency_engine_find(name, root_fd, place, why);
}

int latency_engine_remove(const char *name)
{
	char path[PATH_LEN];
	long status = 0;
	int err, image_err;

	snprintf(path, sizeof(path), "/containers/%s?force=1&v=1", name);
	err = ask("DELETE", path, NULL, NULL, &status);
	if (status == 404)
		err = 0;
	snprintf(path, sizeof(path), "/images/%s?force=1", name);
	image_err = ask("DELETE", path, NULL, NULL, &status);
	return err ? err : status == 404 ? 0 : image_err;
}

void latency_engine_sweep(void)
{
	json_t *list = NULL, *container;
	size_t i;

	if (engine_get("/containers/json?all=1&filters=%7B%22label%22%3A%5B%22" LABEL "%22%5D%7D",
		       &list))
		return;
	json_array_foreach(list, i, container)
	{
		json_t *labels = json_object_get(container, "Labels");
		const char *pid = json_string_value(json_object_get(labels, LABEL));
		const char *name =
			json_string_value(json_array_get(json_object_get(container, "Names"), 0));

		if (pid && name && kill((pid_t)strtol(pid, NULL, 10), 0) < 0 && errno == ESRCH)
			latency_engine_remove(name + (*name == '/'));
	}
	json_decref(list);
}

static int64_t number_of(json_t *config, const char *key)
{
	return json_integer_value(json_object_get(config, key));
}

static struct latency_docker remember(json_t *config)
{
	return (struct latency_docker){
		.memory = number_of(config, "Memory"),
		.memory_swap = number_of(config, "MemorySwap"),
		.cpu_quota = number_of(config, "CpuQuota"),
		.cpu_period = number_of(config, "CpuPeriod"),
		.nano_cpus = number_of(config, "NanoCpus"),
	};
}

static int inspect(const char *name, json_t **ret_json, struct latency_why *why)
{
	char escaped[512], path[PATH_LEN];
	struct engine_answer answer;
	int err;

	if (engine_escape(name, escaped, sizeof(escaped)))
		return said(why, -ENAMETOOLONG, &(struct engine_answer){});
	snprintf(path, sizeof(path), "/containers/%s/json", escaped);
	err = engine_ask(&(struct engine_request){.path = path, .timeout_ms = SLOW_MS}, &answer);
	if (err == -EREMOTEIO && answer.status == 404)
		err = -ENOENT;
	if (err)
		snprintf(why->text, sizeof(why->text), "%s",
			 answer.message[0] ? answer.message : engine_error(err));
	if (err)
		engine_answer_free(&answer);
	else
		*ret_json = answer.json;
	return err;
}

/* The cgroup of its first process; the limits in there; what its runtime has written down. */
static int look_into(struct latency_place *place, int root_fd, struct latency_why *why)
{
	uint32_t dockerd = latency_process_listener(engine_socket(), "dockerd");
	char *path = NULL;
	int err = cgfs_path_of_pid(place->init_pid, &path);

	if (!err)
		err = latency_place__open(place, root_fd, path);
	if (err) {
		snprintf(why->text, sizeof(why->text), "the cgroup of its process %u: %s",
			 place->init_pid, strerror(-err));
		return err;
	}
	place->shim_pid = latency_process_parent(place->init_pid);
	if (latency_process_runtime_root(dockerd, place->id,
					 strcmp(place->runtime, "runc") == 0 ? "state.json"
									     : "status",
					 place->runtime_root, sizeof(place->runtime_root)))
		place->runtime_root[0] = '\0';
	return 0;
}

int latency_engine_find(const char *name, int root_fd, struct latency_place *place,
			struct latency_why *why)
{
	json_t *json = NULL, *state, *config;
	const char *id, *runtime;
	int err = inspect(name, &json, why);

	if (err)
		return err;
	state = json_object_get(json, "State");
	config = json_object_get(json, "HostConfig");
	id = json_string_value(json_object_get(json, "Id"));
	runtime = json_string_value(json_object_get(config, "Runtime"));
	place->init_pid = number_of(state, "Pid");
	if (!id || strlen(id) >= sizeof(place->id)) {
		err = said(why, -EPROTO, &(struct engine_answer){});
	} else if (!json_is_true(json_object_get(state, "Running")) || !place->init_pid) {
		snprintf(why->text, sizeof(why->text), "it is not running");
		err = -ESRCH;
	} else {
		strcpy(place->id, id);
		text_escape(name, strlen(name), place->name, sizeof(place->name));
		snprintf(place->runtime, sizeof(place->runtime), "%s", runtime ?: "");
		place->docker = remember(config);
		err = look_into(place, root_fd, why);
	}
	json_decref(json);
	return err;
}

int64_t latency_engine_swap(const struct latency_place *place, uint64_t bytes)
{
	const struct latency_docker *docker = &place->docker;

	if (docker->memory_swap <= 0 || docker->memory <= 0)
		return -1;
	return (int64_t)bytes + docker->memory_swap - docker->memory;
}

json_t *latency_engine_change(const struct latency_place *place, enum latency_knob knob,
			      uint64_t number)
{
	if (knob == LATENCY_MEMORY)
		return json_pack("{s:I, s:I}", "Memory", (json_int_t)number, "MemorySwap",
				 (json_int_t)latency_engine_swap(place, number));
	/* The Engine keeps one of the two ways to say it, and refuses the other. */
	if (place->docker.nano_cpus > 0)
		return json_pack("{s:I}", "NanoCpus",
				 (json_int_t)(number * 1000000000 / place->period_us));
	return json_pack("{s:I, s:I}", "CpuQuota", (json_int_t)number, "CpuPeriod",
			 (json_int_t)place->period_us);
}

int latency_engine_update(const struct latency_place *place, json_t *change,
			  struct latency_why *why)
{
	struct engine_answer answer;
	char path[128];
	int err;

	snprintf(path, sizeof(path), "/containers/%s/update", place->id);
	err = engine_ask(
		&(struct engine_request){
			.method = "POST", .path = path, .body = change, .timeout_ms = SLOW_MS},
		&answer);
	said(why, err, &answer);
	if (err == -EREMOTEIO && answer.status == 404)
		err = -ESRCH;
	engine_answer_free(&answer);
	return err;
}

int latency_engine_restore(const struct latency_place *place, struct latency_why *why)
{
	const struct latency_docker *docker = &place->docker;
	json_t *change = json_object();
	int err;

	/* What the Engine calls 0 is "no limit" at the start and "as it is" in a change. */
	json_object_set_new(change, "Memory", json_integer(docker->memory ?: -1));
	json_object_set_new(change, "MemorySwap", json_integer(docker->memory_swap ?: -1));
	if (docker->nano_cpus > 0) {
		json_object_set_new(change, "NanoCpus", json_integer(docker->nano_cpus));
	} else {
		json_object_set_new(change, "CpuQuota", json_integer(docker->cpu_quota ?: -1));
		json_object_set_new(change, "CpuPeriod",
				    json_integer(docker->cpu_period ?: OWN_PERIOD_US));
	}
	err = latency_engine_update(place, change, why);
	json_decref(change);
	return err;
}

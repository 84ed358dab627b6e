// SPDX-License-Identifier: BSD-2-Clause
/*
 * Asks the Docker Engine's API over its socket. It never changes a container and never runs in the
 * rescuing thread.
 *
 * libcurl is loaded when the first docker target needs it: with its own libraries it is larger than
 * all of cgbpf.
 */
#include "user/docker.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/run/docker.sock"
#define ANSWER_MAX_BYTES (4U << 20)
#define TIMEOUT_MS 2000L
#define LEAVE_SECONDS 5
#define ID_LEN 64
#define ID_LEAST_LEN 12

static struct {
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_cleanup) *cleanup;
} curl;

static uint64_t unknown_cnt;

static int load_curl(void)
{
	void *library;

	if (curl.init)
		return 0;
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return -ELIBACC;
	curl.setopt = (__typeof__(curl.setopt))dlsym(library, "curl_easy_setopt");
	curl.perform = (__typeof__(curl.perform))dlsym(library, "curl_easy_perform");
	curl.cleanup = (__typeof__(curl.cleanup))dlsym(library, "curl_easy_cleanup");
	if (!curl.setopt || !curl.perform || !curl.cleanup)
		return -ELIBACC;
	curl.init = (__typeof__(curl.init))dlsym(library, "curl_easy_init");
	return curl.init ? 0 : -ELIBACC;
}

struct answer {
	char *text;
	size_t len;
};

static size_t take(char *data, size_t size, size_t cnt, void *context)
{
	struct answer *answer = context;
	size_t bytes = size * cnt;
	char *longer;

	if (bytes > ANSWER_MAX_BYTES - answer->len)
		return 0;
	longer = realloc(answer->text, answer->len + bytes + 1);
	if (!longer)
		return 0;
	memcpy(longer + answer->len, data, bytes);
	answer->text = longer;
	answer->len += bytes;
	return bytes;
}

static const char *engine_socket(void)
{
	const char *host = getenv("DOCKER_HOST");

	if (host && strncmp(host, "unix://", 7) == 0)
		return host + 7;
	return DEFAULT_SOCKET;
}

static int get(const char *url, json_t **ret_json)
{
	struct answer answer = {};
	CURL *handle;
	CURLcode code;
	int err = load_curl();

	if (err)
		return err;
	if (access(engine_socket(), F_OK) < 0)
		return -errno;
	handle = curl.init();
	if (!handle)
		return -ENOMEM;
	curl.setopt(handle, CURLOPT_UNIX_SOCKET_PATH, engine_socket());
	curl.setopt(handle, CURLOPT_URL, url);
	curl.setopt(handle, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl.setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl.setopt(handle, CURLOPT_FAILONERROR, 1L);
	curl.setopt(handle, CURLOPT_WRITEFUNCTION, take);
	curl.setopt(handle, CURLOPT_WRITEDATA, &answer);
	code = curl.perform(handle);
	curl.cleanup(handle);
	if (code == CURLE_OK)
		*ret_json = json_loadb(answer.text ? answer.text : "", answer.len, 0, NULL);
	free(answer.text);
	if (code != CURLE_OK)
		return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EPROTO;
	return *ret_json ? 0 : -EPROTO;
}

/* An Engine that hangs costs one time-out, not one for each container. */
static int get_or_leave(const char *url, json_t **ret_json)
{
	static time_t leave_until;
	struct timespec now;
	int err = -EAGAIN;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec >= leave_until)
		err = get(url, ret_json);
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
	char url[256];
	int err, is = 0;
	size_t i;

	if (len >= ID_LEAST_LEN && len <= ID_LEN && is_hex(wanted) && strncmp(id, wanted, len) == 0)
		return 1;
	/* The list answers while a container is being started; inspecting one waits until it has
	 * been. */
	snprintf(url, sizeof(url),
		 "http://localhost/containers/"
		 "json?all=1&filters=%%7B%%22id%%22%%3A%%5B%%22%s%%22%%5D%%7D",
		 id);
	err = get_or_leave(url, &list);
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

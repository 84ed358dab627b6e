// SPDX-License-Identifier: BSD-2-Clause
/*
 * Talks to a Docker Engine's API over its unix socket. It never decides what to ask and never runs
 * in the rescuing thread.
 *
 * libcurl is loaded when the first request is made: with its own libraries it is larger than all of
 * cgbpf.
 */
#include "user/engine.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/text.h"

#define DEFAULT_SOCKET "/var/run/docker.sock"
#define URL_LEN 1024
#define ANSWER_MAX_BYTES (4U << 20)
#define TIMEOUT_MS 2000L
#define LOST_MESSAGE "the Engine's answer says no more"

static const char *chosen_socket;

static struct {
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_getinfo) *getinfo;
	__typeof__(curl_easy_cleanup) *cleanup;
	__typeof__(curl_slist_append) *append;
	__typeof__(curl_slist_free_all) *free_all;
} curl;

static int load_curl(void)
{
	const struct {
		const char *name;
		void *function;
	} wanted[] = {
		{"curl_easy_setopt", &curl.setopt},   {"curl_easy_perform", &curl.perform},
		{"curl_easy_getinfo", &curl.getinfo}, {"curl_easy_cleanup", &curl.cleanup},
		{"curl_slist_append", &curl.append},  {"curl_slist_free_all", &curl.free_all},
		{"curl_easy_init", &curl.init}, /* the last: it says that all are there */
	};
	void *library;

	if (curl.init)
		return 0;
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return -ELIBACC;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		void *symbol = dlsym(library, wanted[i].name);

		if (!symbol)
			return -ELIBACC;
		memcpy(wanted[i].function, &symbol, sizeof(symbol));
	}
	return 0;
}

static const char *path_of(const char *host)
{
	if (strncmp(host, "unix://", 7) == 0)
		host += 7;
	return *host == '/' ? host : NULL;
}

int engine_use(const char *host)
{
	const char *path = path_of(host);

	if (!path)
		return -EINVAL;
	chosen_socket = path;
	return 0;
}

const char *engine_socket(void)
{
	const char *host = getenv("DOCKER_HOST");

	if (chosen_socket)
		return chosen_socket;
	if (host && strncmp(host, "unix://", 7) == 0)
		return host + 7;
	return DEFAULT_SOCKET;
}

struct received {
	char *text;
	size_t len;
};

static size_t take(char *data, size_t size, size_t cnt, void *context)
{
	struct received *received = context;
	size_t bytes = size * cnt;
	char *longer;

	if (bytes > ANSWER_MAX_BYTES - received->len)
		return 0;
	longer = realloc(received->text, received->len + bytes + 1);
	if (!longer)
		return 0;
	memcpy(longer + received->len, data, bytes);
	received->text = longer;
	received->len += bytes;
	return bytes;
}

static int errno_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

/* A stream of objects is told by its first. */
static void read_answer(const struct received *received, struct engine_answer *answer)
{
	const char *message;

	if (received->text)
		answer->json =
			json_loadb(received->text, received->len, JSON_DISABLE_EOF_CHECK, NULL);
	message = json_string_value(json_object_get(answer->json, "message"))
			  ?: json_string_value(json_object_get(answer->json, "error"));
	if (message || answer->status >= 400)
		text_escape(message ?: LOST_MESSAGE, strlen(message ?: LOST_MESSAGE),
			    answer->message, sizeof(answer->message));
}

static void set_up(CURL *handle, const struct engine_request *request, const char *url,
		   const char *body)
{
	long timeout_ms = request->timeout_ms ? request->timeout_ms : TIMEOUT_MS;

	curl.setopt(handle, CURLOPT_UNIX_SOCKET_PATH, engine_socket());
	curl.setopt(handle, CURLOPT_URL, url);
	curl.setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl.setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl.setopt(handle, CURLOPT_WRITEFUNCTION, take);
	if (request->method && strcmp(request->method, "POST") == 0) {
		curl.setopt(handle, CURLOPT_POST, 1L);
		curl.setopt(handle, CURLOPT_POSTFIELDS, request->data ? request->data : body);
		curl.setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
			    (curl_off_t)(request->data ? request->data_len : strlen(body)));
	} else if (request->method) {
		curl.setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);
	}
}

int engine_ask(const struct engine_request *request, struct engine_answer *ret_answer)
{
	struct received received = {};
	struct curl_slist *headers = NULL;
	struct engine_answer answer = {};
	char url[URL_LEN], *body = NULL;
	CURL *handle = NULL;
	int err;

	*ret_answer = answer;
	err = load_curl();
	if (err)
		return err;
	if (access(engine_socket(), F_OK) < 0)
		return -errno;
	if (snprintf(url, sizeof(url), "http://localhost%s", request->path) >= (int)sizeof(url))
		return -ENAMETOOLONG;
	body = request->body ? json_dumps(request->body, JSON_COMPACT) : strdup("");
	handle = curl.init();
	headers = curl.append(NULL, request->data ? "Content-Type: application/x-tar"
						  : "Content-Type: application/json");
	if (!body || !handle || !headers) {
		err = -ENOMEM;
		goto out;
	}
	set_up(handle, request, url, body);
	curl.setopt(handle, CURLOPT_HTTPHEADER, headers);
	curl.setopt(handle, CURLOPT_WRITEDATA, &received);
	err = errno_of(curl.perform(handle));
	if (err)
		goto out;
	curl.getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
	read_answer(&received, &answer);
	err = answer.status >= 400 ? -EREMOTEIO : 0;
	*ret_answer = answer;
out:
	if (headers)
		curl.free_all(headers);
	if (handle)
		curl.cleanup(handle);
	free(received.text);
	free(body);
	return err;
}

void engine_answer_free(struct engine_answer *answer)
{
	json_decref(answer->json);
	answer->json = NULL;
}

int engine_get(const char *path, json_t **ret_json)
{
	struct engine_answer answer;
	int err = engine_ask(&(struct engine_request){.path = path}, &answer);

	if (!err && !answer.json)
		err = -EPROTO;
	if (err)
		engine_answer_free(&answer);
	else
		*ret_json = answer.json;
	return err;
}

const char *engine_error(int err)
{
	switch (err) {
	case -EREMOTEIO:
		return "the Docker Engine refused";
	case -ENOENT:
		return "there is no Docker Engine's socket";
	case -ECONNREFUSED:
		return "no Docker Engine listens on its socket";
	case -ELIBACC:
		return "libcurl.so.4, which talks to the Docker Engine, is not installed";
	case -ETIMEDOUT:
		return "the Docker Engine did not answer in time";
	case -EPROTO:
		return "the Docker Engine broke off, or is none";
	default:
		return strerror(-err);
	}
}

int engine_escape(const char *text, char *buf, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	size_t used = 0;

	for (; *text; text++) {
		bool is_plain = strchr(plain, *text) != NULL;

		if (used + (is_plain ? 1 : 3) >= len)
			return -ENAMETOOLONG;
		used += snprintf(buf + used, len - used, is_plain ? "%c" : "%%%02X",
				 (unsigned char)*text);
	}
	if (!len)
		return -ENAMETOOLONG;
	buf[used] = '\0';
	return 0;
}

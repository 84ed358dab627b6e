/* SPDX-License-Identifier: BSD-2-Clause */
/* Talks to a Docker Engine's API over its unix socket, one request a connection. It never decides
 * what to ask. */
#ifndef CGBPF_ENGINE_H
#define CGBPF_ENGINE_H

#include <jansson.h>
#include <stddef.h>

/* The socket of --docker-host, else of DOCKER_HOST where that names one, else /var/run/docker.sock.
 */
const char *engine_socket(void);
/* From here on this one: "unix:///PATH" or "/PATH", kept by the caller. -EINVAL: it is neither. */
int engine_use(const char *host);

struct engine_request {
	const char *method; /* NULL: GET */
	const char *path; /* with its query, from "/" on; the caller has escaped it */
	json_t *body; /* sent as JSON; NULL: nothing, or... */
	const void *data; /* ...these bytes, as they are */
	size_t data_len;
	long timeout_ms; /* 0: two seconds */
};

struct engine_answer {
	long status; /* of HTTP */
	json_t *json; /* NULL where the answer was none; engine_answer_free drops it */
	char message[256]; /* the Engine's own words on a failure, escaped; else empty */
};

/*
 * Returns 0 when the Engine did it; -EREMOTEIO when it answered that it did not (.status and
 * .message say why); -ENOENT: no such socket; -ECONNREFUSED: nobody listens there; -ELIBACC:
 * libcurl is missing; -ETIMEDOUT; -EPROTO: it broke off, or is no Engine.
 */
int engine_ask(const struct engine_request *request, struct engine_answer *ret_answer);
void engine_answer_free(struct engine_answer *answer);

/* The common case: GET PATH. The caller drops *RET_JSON. */
int engine_get(const char *path, json_t **ret_json);

/* One sentence for what engine_ask returned. */
const char *engine_error(int err);

/* TEXT fit for a path or a query, every other byte as %XX; -ENAMETOOLONG. */
int engine_escape(const char *text, char *buf, size_t len);

#endif

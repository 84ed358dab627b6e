/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks a Docker Engine what a container is called. It never changes a container. */
#ifndef CGBPF_DOCKER_H
#define CGBPF_DOCKER_H

#include <stdint.h>

/*
 * Does the container ID (64 hex digits) answer to WANTED: a name, an id or its beginning (12 digits
 * at least), or "label=KEY" or "label=KEY=VALUE"? An id needs no Engine. Returns 1, 0, or a
 * negative errno when the Engine (DOCKER_HOST, else /var/run/docker.sock) cannot be asked: -ENOENT
 * no such socket, -ELIBACC libcurl is missing, -ETIMEDOUT, -EPROTO.
 */
int docker_is(const char *id, const char *wanted);

/* How often an Engine could not be asked; after each failure it is left alone for a while
 * (-EAGAIN). */
uint64_t docker_unknown_cnt(void);

#endif

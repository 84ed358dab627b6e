/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The thread that answers: kernel event in, limit raised, and what it did handed on. It allocates
 * nothing, touches no disk and lowers no limit; the main thread does the rest.
 */
#ifndef CGBPF_RESCUE_H
#define CGBPF_RESCUE_H

#include "user/answer.h"

struct rescue;

/*
 * Starts the thread; ANSWERER outlives it. Waits until its first heartbeat came back through the
 * kernel: -ENODEV when it did not (attached, but nothing runs).
 */
int rescue__start(struct answerer *answerer, int root_fd, struct rescue **ret_rescue);
/* Ends the thread; nothing is raised after the return. Frees. NULL is allowed. */
void rescue__stop(struct rescue *rescue);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* One throttle answered: decided, applied, handed on. It allocates nothing, touches no disk and
 * lowers no limit. */
#ifndef CGBPF_ANSWER_CPU_H
#define CGBPF_ANSWER_CPU_H

#include "user/answer.h"

/* Takes the groups' lock. EVENT is a CGBPF_EVENT_CPU_THROTTLED. */
void answer_cpu(struct answerer *answerer, const struct cgbpf_event *event);

#endif

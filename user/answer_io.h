/* SPDX-License-Identifier: BSD-2-Clause */
/* One throttled bio answered: decided, applied, handed on. It allocates nothing and lowers no
 * limit.
 */
#ifndef CGBPF_ANSWER_IO_H
#define CGBPF_ANSWER_IO_H

#include "user/answer.h"

/* Takes the groups' lock. EVENT is a CGBPF_EVENT_IO_THROTTLED. */
void answer_io(struct answerer *answerer, const struct cgbpf_event *event);

#endif

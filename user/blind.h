/* SPDX-License-Identifier: BSD-2-Clause */
/* The fallback while the kernel's programs do not run: memory.events by inotify. It is slower, and
 * only for then. */
#ifndef CGBPF_BLIND_H
#define CGBPF_BLIND_H

#include "user/controller.h"

struct blind;

int blind__open(struct blind **ret_blind);
/* Readable when a watched cgroup reached its limit. */
int blind__fd(const struct blind *blind);
/* Follows controller->is_blind: watches every governed cgroup while blind, nothing otherwise. */
void blind__follow(struct blind *blind, struct controller *controller);
void blind__handle(struct blind *blind, struct controller *controller);
void blind__close(struct blind *blind);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent alone: what happens to cgroups, told and not answered. It never writes a limit, never
 * records an original and never opens a cgroup file for writing (the heartbeat and pressure
 * triggers do, and change nothing: see rescue and pressure).
 */
#ifndef CGBPF_OBSERVE_H
#define CGBPF_OBSERVE_H

#include "user/controller.h"

/* Takes GROUP into the table and its events into the kernel side's. Main thread. 1: observed; 0:
 * not, and GROUP is freed. */
int observe__watch(struct controller *controller, struct group *group, bool is_explicit);
/* In the place of an answer. Any thread that answers. */
void observe__event(struct answerer *answerer, const struct cgbpf_event *event);
/* The main thread's part of observe__event. */
void observe__tell(struct controller *controller, const struct action *action);
/* A note of the kernel side that would be answered; true: it is dealt with. Main thread. */
bool observe__note(struct controller *controller, const struct cgbpf_event *event);

#endif

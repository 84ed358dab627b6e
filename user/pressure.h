/* SPDX-License-Identifier: BSD-2-Clause */
/* Spikes of pressure, of the machine and of governed cgroups: the kernel says when, we say how much
 * and whose fault. It never changes a limit. */
#ifndef CGBPF_PRESSURE_H
#define CGBPF_PRESSURE_H

#include "user/controller.h"

struct pressure;

/*
 * Triggers are added to EPOLL_FD with a pointer as data, above every small number: see
 * pressure__handle. 0 or a negative errno; where the kernel has no pressure, nothing is watched.
 */
int pressure__open(struct controller *controller, int epoll_fd, struct pressure **ret_pressure);
/* Ready when something is to be measured. */
int pressure__timer_fd(const struct pressure *pressure);
/* Watches what is governed now, by what the configuration says now. */
void pressure__follow(struct pressure *pressure);
/* A trigger spoke: WATCH is the data, EVENTS what epoll said. */
void pressure__on_trigger(struct pressure *pressure, void *watch, uint32_t events);
/* The timer rang. */
void pressure__on_timer(struct pressure *pressure);
void pressure__close(struct pressure *pressure);

/* Does the configuration ask for any? */
bool pressure_is_wanted(const struct config *config);
/* Where it says nothing of pressure at all: a tenth of the time, for every resource. */
void pressure_want_all(struct config *config);

#endif

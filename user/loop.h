/* SPDX-License-Identifier: BSD-2-Clause */
/* The main thread's wait: signals, notes from the kernel, actions of the rescuer, timers. */
#ifndef CGBPF_LOOP_H
#define CGBPF_LOOP_H

#include "user/controller.h"
#include "user/run.h"

/*
 * From here on signals wait to be read, and SIGURG interrupts a write that reclaims. Before the
 * first limit is changed.
 */
int loop_open_signals(void);

/* Until SIGTERM, SIGINT or the duration's end. SIGHUP reloads and reopens the journal. Returns the
 * exit status. */
int loop(struct controller *controller, const struct run_options *options);

/* reload.c: the configuration again; a bad one is refused and the old one stays. Reopens the
 * journal. */
void reload(struct controller *controller, const struct run_options *options);

/* run.c: the configuration named, or the one found; says what is wrong. For start and reload. */
int run_load_config(const char *given, struct config *ret_config);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of what throttling cost is told, and the rest of it: the kernel side says the first of a
 * burst and then one a second, so that nobody would say what came after the last. Main thread only.
 */
#ifndef CGBPF_THROTTLED_H
#define CGBPF_THROTTLED_H

#include "user/controller.h"

/* Fills RECORD with what EVENT, of kind CPU_RELEASED, tells beyond what was told of GROUP. False:
 * nothing, or so soon that it is told later. */
bool throttled__take_cpu(struct group *group, const struct cgbpf_event *event,
			 struct journal_record *record);
/* The same of kind IO_THROTTLED. */
bool throttled__take_io(struct group *group, const struct cgbpf_event *event,
			struct journal_record *record);
/* Each heartbeat: tells the rest of bursts that have ended. */
void throttled__tend(struct controller *controller);
/* At the end, while there are rules: tells all that is left. */
void throttled__end(struct controller *controller);

#endif

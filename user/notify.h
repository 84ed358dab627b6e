/* SPDX-License-Identifier: BSD-2-Clause */
/* Words for the service manager that started us (sd_notify(3)). It says nothing where none did. */
#ifndef CGBPF_NOTIFY_H
#define CGBPF_NOTIFY_H

/* "READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=…": lines with a newline between. Never waits. */
void notify(const char *words);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* Reads what a squeezed cgroup's files say at one moment. It never writes and never waits. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/squeeze.h"

/* memory.stat has about 60 lines. */
#define FILE_BYTES 8192
/* Processes are counted to tell one from many, not to the last. */
#define PROCS_BYTES 65536

/* The number behind KEY where a word begins with it; 0 where it is missing. */
static uint64_t value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = text; (at = strstr(at, key)); at += len)
		if ((at == text || at[-1] == '\n' || at[-1] == ' ') &&
		    (at[len] == ' ' || at[len] == '='))
			return strtoull(at + len + 1, NULL, 10);
	return 0;
}

/* "some avg10=… total=N", then the same with "full". */
static uint64_t stalled_us(const char *pressure, const char *kind)
{
	const char *line = strstr(pressure, kind);

	return line ? value_of(line, "total") : 0;
}

struct count {
	uint32_t cnt;
};

static int count_processes(void *context, int dir_fd, const char *path)
{
	struct count *count = context;
	char *text = malloc(PROCS_BYTES);

	(void)path;
	if (text && !cgfs_read(dir_fd, "cgroup.procs", text, PROCS_BYTES)) {
		count->cnt += *text != '\0';
		for (const char *at = text; (at = strchr(at, '\n')); at++)
			count->cnt++;
	}
	free(text);
	return 0;
}

int squeeze_look(int dir_fd, struct squeeze_look *ret_look)
{
	struct squeeze_look look = {};
	struct count count = {};
	char text[FILE_BYTES];
	int err = cgfs_read_bytes(dir_fd, "memory.current", &look.usage_bytes);

	if (err)
		return err;
	err = cgfs_read(dir_fd, "memory.stat", text, sizeof(text));
	if (err)
		return err;
	look.scanned_pages = value_of(text, "pgscan");
	look.reclaimed_pages = value_of(text, "pgsteal");
	err = cgfs_read(dir_fd, "memory.events", text, sizeof(text));
	if (err)
		return err;
	look.max_cnt = value_of(text, "max");
	look.oom_cnt = value_of(text, "oom");
	look.kill_cnt = value_of(text, "oom_kill");
	look.group_kill_cnt = value_of(text, "oom_group_kill"); /* from 5.17 on */
	err = cgfs_read(dir_fd, "cgroup.events", text, sizeof(text));
	if (err)
		return err;
	look.is_populated = value_of(text, "populated") != 0;
	/* Without swap, or without pressure in this kernel, there is no such file. */
	cgfs_read_bytes(dir_fd, "memory.swap.current", &look.swap_bytes);
	if (!cgfs_read(dir_fd, "memory.pressure", text, sizeof(text))) {
		look.psi_some_us = stalled_us(text, "some");
		look.psi_full_us = stalled_us(text, "full");
	}
	count_processes(&count, dir_fd, "");
	cgfs_walk(dir_fd, count_processes, &count);
	look.process_cnt = count.cnt;
	*ret_look = look;
	return 0;
}

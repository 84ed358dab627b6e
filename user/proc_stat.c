// SPDX-License-Identifier: BSD-2-Clause
/* Owns the reading of /proc/PID/stat. It never changes a task. */
#include "user/proc_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fields are counted behind the name, which may hold anything, also a bracket. */
const char *proc_stat_read(uint32_t pid, int field, char text[PROC_STAT_LEN])
{
	char path[32], *at;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	len = read(fd, text, PROC_STAT_LEN - 1);
	close(fd);
	if (len <= 0)
		return NULL;
	text[len] = '\0';
	at = strrchr(text, ')');
	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : NULL;
}

int proc_stat_number(uint32_t pid, int field, uint64_t *ret)
{
	char text[PROC_STAT_LEN];
	const char *at = proc_stat_read(pid, field, text);

	if (!at)
		return -ESRCH;
	*ret = strtoull(at, NULL, 10);
	return 0;
}

void proc_stat_comm(const char *text, char ret_comm[CGBPF_COMM_LEN])
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');

	*ret_comm = '\0';
	if (open && close > open)
		snprintf(ret_comm, CGBPF_COMM_LEN, "%.*s", (int)(close - open - 1), open + 1);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Picks from the kernel's log the lines that belong to one cgroup's kills. It never writes there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/squeeze.h"

/* One record of /dev/kmsg (PRINTKRB_RECORD_MAX, kernel/printk/internal.h, is 1024 and its prefix).
 */
#define KMSG_BYTES 4096
#define MAX_LINES 2000
/* Pids of victims, for the reaper's line that follows. */
#define MAX_VICTIMS 64

/*
 * A report (dump_header() and __oom_kill_process() in mm/oom_kill.c) begins with "NAME invoked
 * oom-killer", names the limit's owner at "oom-kill:…oom_memcg=PATH", and ends with "Killed
 * process PID". Where the kernel leaves out the head (it limits how often it says it), the line
 * with oom_memcg is missing too: then the witness's word on the victim counts, or the last owner.
 */
struct squeeze_log {
	int fd;
	char *head; /* "… invoked oom-killer", until it is known whose it is */
	bool is_ours; /* the report that is being read */
	unsigned long victims[MAX_VICTIMS];
	size_t victim_cnt;
};

int squeeze_log__new(int fd, struct squeeze_log **ret_log)
{
	struct squeeze_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	log->fd = fd;
	*ret_log = log;
	return 0;
}

int squeeze_log__open(struct squeeze_log **ret_log)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0)
		err = -errno;
	else
		err = squeeze_log__new(fd, ret_log);
	if (err)
		close(fd);
	return err;
}

int squeeze_log__fd(const struct squeeze_log *log)
{
	return log->fd;
}

void squeeze_log__close(struct squeeze_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log->head);
	free(log);
}

static void keep(struct squeeze_record *record, const char *line)
{
	char **longer;

	if (record->log_cnt == MAX_LINES)
		return;
	longer = reallocarray(record->log, record->log_cnt + 1, sizeof(*longer));
	if (!longer)
		return;
	record->log = longer;
	record->log[record->log_cnt] = strdup(line);
	record->log_cnt += record->log[record->log_cnt] != NULL;
}

/* The kernel ends the name at a comma; a cgroup's name may hold one, and then more than one fits.
 */
static bool names_owner(const char *line, const char *path)
{
	const char *owner = strstr(line, "oom_memcg=");
	size_t len = strlen(path);

	owner = owner ? owner + strlen("oom_memcg=") : NULL;
	return owner && strncmp(owner, path, len) == 0 && (owner[len] == ',' || owner[len] == '/');
}

static bool is_reaped(const struct squeeze_log *log, const char *line)
{
	const char *pid = strstr(line, "reaped process ");
	unsigned long number = pid ? strtoul(pid + strlen("reaped process "), NULL, 10) : 0;

	for (size_t i = 0; number && i < log->victim_cnt; i++)
		if (log->victims[i] == number)
			return true;
	return false;
}

static bool is_victim(const struct squeeze_record *record, unsigned long pid)
{
	for (size_t i = 0; i < record->kill_cnt; i++)
		if (record->kills[i].victim_pid == pid)
			return true;
	return false;
}

void squeeze_log__feed(struct squeeze_log *log, const char *path, const char *text,
		       struct squeeze_record *record)
{
	const char *killed = strstr(text, "Killed process ");
	unsigned long pid = killed ? strtoul(killed + strlen("Killed process "), NULL, 10) : 0;

	if (strstr(text, " invoked oom-killer: ")) {
		free(log->head);
		log->head = strdup(text);
		log->is_ours = false;
	} else if (strstr(text, "oom-kill:constraint=")) {
		log->is_ours = names_owner(text, path);
		if (log->is_ours && log->head)
			keep(record, log->head);
		if (log->is_ours)
			keep(record, text);
		free(log->head);
		log->head = NULL;
	} else if (killed && (log->is_ours || is_victim(record, pid))) {
		keep(record, text);
		log->victims[log->victim_cnt++ % MAX_VICTIMS] = pid;
		if (log->victim_cnt == MAX_VICTIMS)
			log->victim_cnt = 0;
	} else if (is_reaped(log, text) || (log->is_ours && strstr(text, "memory.oom.group"))) {
		keep(record, text);
	}
}

void squeeze_log__take(struct squeeze_log *log, const char *path, struct squeeze_record *record)
{
	char buf[KMSG_BYTES], *text;
	ssize_t got;

	/* EPIPE: lines were overwritten before they were read; the next read goes on behind them.
	 */
	while ((got = read(log->fd, buf, sizeof(buf) - 1)) > 0 || (got < 0 && errno == EPIPE)) {
		if (got < 0)
			continue;
		buf[got] = '\0';
		buf[strcspn(buf, "\n")] = '\0'; /* a dictionary may follow */
		text = strchr(buf, ';');
		if (text)
			squeeze_log__feed(log, path, text + 1, record);
	}
}

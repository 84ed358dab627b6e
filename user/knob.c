// SPDX-License-Identifier: BSD-2-Clause
/* Owns the names of knobs and the text of their values. It never writes and never decides. */
#include "user/knob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MINOR_BITS 20
/* io.max has a line of up to 100 bytes for each device that has a limit. */
#define FILE_BYTES 8192

static const char *const names[CGBPF_KNOB_MAX] = {
	[CGBPF_KNOB_MEMORY_MAX] = "memory.max",
	[CGBPF_KNOB_SUBTREE_CONTROL] = "cgroup.subtree_control",
	[CGBPF_KNOB_CPU_MAX] = "cpu.max",
	[CGBPF_KNOB_CPU_MAX_BURST] = "cpu.max.burst",
	[CGBPF_KNOB_CPU_WEIGHT] = "cpu.weight",
	[CGBPF_KNOB_IO_MAX] = "io.max",
	[CGBPF_KNOB_FOLDER] = "folder",
	[CGBPF_KNOB_TASK_CGROUP] = "cgroup.procs",
	[CGBPF_KNOB_NICE] = "nice",
	[CGBPF_KNOB_POLICY] = "policy",
	[CGBPF_KNOB_MEMORY_HIGH] = "memory.high",
};

const char *knob_name(uint32_t knob)
{
	return knob < CGBPF_KNOB_MAX && names[knob] ? names[knob] : "unknown";
}

/* Words end where kernfs handlers end them. */
#define BLANKS " \t\n"

static bool has_word(const char *text, const char *word, size_t len)
{
	for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
		size_t text_len = strcspn(text, BLANKS);

		if (text_len == len && memcmp(text, word, len) == 0)
			return true;
		text += text_len;
	}
	return false;
}

bool knob_agrees(const char *wrote, const char *standing)
{
	size_t len;

	wrote += strspn(wrote, BLANKS);
	len = strcspn(wrote, BLANKS);
	if (!len || strcspn(standing, BLANKS) != len || memcmp(wrote, standing, len) != 0)
		return false;
	for (wrote += len; *(wrote += strspn(wrote, BLANKS)); wrote += len) {
		len = strcspn(wrote, BLANKS);
		if (!has_word(standing, wrote, len))
			return false;
	}
	return true;
}

int knob__open(int dir_fd, uint32_t knob, int *ret_fd)
{
	/* O_NONBLOCK: memory_high_write() then leaves out its reclaim, since 6.16 ("memcg:
	 * introduce non-blocking limit setting option"). Nobody else looks at the flag. */
	int fd = openat(dir_fd, knob_name(knob), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

uint32_t knob_device_of(unsigned int major, unsigned int minor)
{
	return major << MINOR_BITS | minor;
}

char *knob_device(uint32_t device, char buf[KNOB_DEVICE_LEN])
{
	snprintf(buf, KNOB_DEVICE_LEN, "%u:%u", device >> MINOR_BITS,
		 device & ((1U << MINOR_BITS) - 1));
	return buf;
}

bool knob__has_device(uint32_t device)
{
	char path[64] = "/sys/dev/block/";

	knob_device(device, path + strlen(path));
	return access(path, F_OK) == 0 || errno != ENOENT;
}

/* A device without a line has no limit. */
static int device_line(const char *text, uint32_t device, char *buf, size_t len)
{
	char name[KNOB_DEVICE_LEN + 1];
	size_t name_len;

	knob_device(device, name);
	strcat(name, " ");
	name_len = strlen(name);
	for (const char *line = text; line && *line;) {
		size_t line_len = strcspn(line, "\n");

		if (strncmp(line, name, name_len) == 0) {
			if (line_len >= len)
				return -E2BIG;
			memcpy(buf, line, line_len);
			buf[line_len] = '\0';
			return 0;
		}
		line += line_len + (line[line_len] == '\n');
	}
	return (size_t)snprintf(buf, len, "%srbps=max wbps=max riops=max wiops=max", name) < len
		       ? 0
		       : -E2BIG;
}

int knob__read_fd(int fd, const struct cgbpf_ledger_key *key, char *buf, size_t len)
{
	char text[FILE_BYTES];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	if (got < 0)
		return -errno;
	text[got] = '\0';
	if (key->knob == CGBPF_KNOB_IO_MAX)
		return device_line(text, key->device, buf, len);
	if (got && text[got - 1] == '\n')
		text[--got] = '\0';
	if ((size_t)got >= len)
		return -E2BIG;
	memcpy(buf, text, (size_t)got + 1);
	return 0;
}

int knob__read(int dir_fd, const struct cgbpf_ledger_key *key, char *buf, size_t len)
{
	int err, fd = openat(dir_fd, knob_name(key->knob), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	err = knob__read_fd(fd, key, buf, len);
	close(fd);
	return err;
}

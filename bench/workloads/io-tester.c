/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes and reads a file past the page cache, so that every byte is an IO of its own cgroup. It
 * never sets a limit. */
#include <sys/param.h>

#include "bench/workloads/twin.h"

#define ALIGNMENT 4096 /* what O_DIRECT wants of addresses, offsets and sizes */

static uint64_t bytes = 16 << 20, block_bytes = 64 << 10;
static const char *file, *mode = "both";

static const struct twin_option options[] = {
	{"--file", NULL, &file, "which is made, written and read"},
	{"--bytes", &bytes, NULL, "of it (16M)"},
	{"--block-bytes", &block_bytes, NULL, "at once; a multiple of 4K (64K)"},
	{"--mode", NULL, &mode, "write, read or both (both)"},
	{.name = NULL},
};

/* One pass over the file. Returns the bytes moved. */
static uint64_t pass(int fd, char *block, bool is_write)
{
	uint64_t at = 0;

	while (at < bytes && twin_goes_on()) {
		ssize_t moved = is_write ? pwrite(fd, block, block_bytes, (off_t)at)
					 : pread(fd, block, block_bytes, (off_t)at);

		if (moved < 0 && errno == EINTR)
			continue;
		if (twin_must(moved, file) == 0)
			break;
		at += moved;
	}
	return at;
}

int main(int argc __attribute__((unused)), char **argv)
{
	uint64_t written = 0, read_bytes = 0;
	bool does_write, does_read;
	char *block;
	int fd;

	twin_start(options, "writes and reads a file", argv);
	does_write = !strcmp(mode, "write") || !strcmp(mode, "both");
	does_read = !strcmp(mode, "read") || !strcmp(mode, "both");
	if (!file || !block_bytes || block_bytes % ALIGNMENT || bytes < block_bytes ||
	    !(does_write || does_read))
		twin_usage(options, "writes and reads a file", 2);
	block = aligned_alloc(ALIGNMENT, block_bytes);
	if (!block)
		errx(1, "no memory for a block");
	memset(block, 'x', block_bytes);
	/* Where a file system knows no O_DIRECT (tmpfs), each write waits for its own end. */
	fd = open(file, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EINVAL)
		fd = open(file, O_RDWR | O_CREAT | O_DSYNC | O_CLOEXEC, 0600);
	twin_must(fd, file);
	if (!does_write) /* there must be something to read */
		twin_must(posix_fallocate(fd, 0, (off_t)bytes) ? -1 : 0, file);
	while (twin_goes_on()) {
		if (does_write)
			written += pass(fd, block, true);
		if (does_read)
			read_bytes += pass(fd, block, false);
	}
	printf("{\"workload\":\"io-tester\",\"written\":%" PRIu64 ",\"read\":%" PRIu64
	       ",\"ns\":%" PRIu64 "}\n",
	       written, read_bytes, twin_took_ns());
	return 0;
}

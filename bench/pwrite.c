/* SPDX-License-Identifier: BSD-2-Clause */
/* How long a bare pwrite(2) of a kept memory.max descriptor takes: the floor under every limit
 * change. It never writes to a cgroup it did not make. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample.h"

#define SAMPLES 1000
#define WARM_UPS 100

int main(int argc, char **argv)
{
	static const char *const limits[] = {"67108864", "100663296"};
	static uint64_t ns[SAMPLES];
	int dir, fd;

	if (argc != 2)
		errx(2, "usage: pwrite NEW-CGROUP");
	sample_must(mkdir(argv[1], 0755), argv[1]);
	dir = sample_must(open(argv[1], O_PATH | O_DIRECTORY), argv[1]);
	fd = sample_must(openat(dir, "memory.max", O_WRONLY | O_NONBLOCK), "memory.max");
	for (int i = -WARM_UPS; i < SAMPLES; i++) {
		const char *limit = limits[i & 1];
		uint64_t start_ns = sample_now_ns();

		sample_must(pwrite(fd, limit, strlen(limit), 0), "pwrite");
		if (i >= 0)
			ns[i] = sample_now_ns() - start_ns;
	}
	close(fd);
	sample_must(rmdir(argv[1]), argv[1]);
	putchar('{');
	sample_print("ns", ns, SAMPLES);
	puts("}");
	return 0;
}

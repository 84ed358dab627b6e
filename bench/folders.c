/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes and removes cgroups with two limits each and nothing else: what bench/tree is measured
 * beside. It touches no cgroup but its own. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void give(int dir, const char *name, const char *file, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", name, file);
	fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err(1, "%s", path);
	close(fd);
}

int main(int argc, char **argv)
{
	double start, made, removed;
	char name[16];
	int dir, cnt;

	if (argc != 3)
		errx(2, "usage: folders CGROUP COUNT; prints the CPU time of making and of "
			"removing, in ms");
	cnt = atoi(argv[2]);
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		err(1, "%s", argv[1]);
	start = cpu_ms();
	for (int i = 0; i < cnt; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		if (mkdirat(dir, name, 0755) < 0)
			err(1, "%s", name);
		give(dir, name, "memory.max", "8388608");
		give(dir, name, "cpuset.cpus", "0");
	}
	made = cpu_ms();
	for (int i = 0; i < cnt; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
			err(1, "%s", name);
	}
	removed = cpu_ms();
	printf("%.3f %.3f\n", made - start, removed - made);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Loops over what a machine does all day, to see what being attached costs. It never knows whether
 * a controller is there. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample.h"

#define PAGE 4096
#define MEMORY_BYTES (32U << 20)
#define MAX_ROUNDS 100

static const char *disk;

static void loop_fault(unsigned int count)
{
	volatile char *pages = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sample_must(pages == MAP_FAILED ? -1 : 0, "mmap");
	for (unsigned int i = 0; i < count; i++)
		pages[(size_t)i * PAGE] = 1;
	munmap((void *)pages, (size_t)count * PAGE);
}

static void loop_tmpfs(unsigned int count)
{
	static char page[PAGE];
	int fd = sample_must(memfd_create("loops", 0), "memfd_create");

	for (unsigned int i = 0; i < count; i++)
		sample_must(write(fd, page, PAGE), "write");
	close(fd);
}

static void loop_fork(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		pid_t pid = sample_must(fork(), "fork");

		if (!pid)
			_exit(0);
		sample_must(waitpid(pid, NULL, 0), "waitpid");
	}
}

static void loop_write(unsigned int count)
{
	int fd = sample_must(open("/dev/null", O_WRONLY), "/dev/null");

	for (unsigned int i = 0; i < count; i++)
		sample_must(write(fd, "", 1), "write");
	close(fd);
}

/* Past the page cache, so that each write is a bio of its own. */
static void loop_disk(unsigned int count)
{
	int fd = sample_must(open(disk, O_WRONLY | O_DIRECT), disk);
	void *page = aligned_alloc(PAGE, PAGE);

	if (!page)
		errx(1, "no memory for a page");
	memset(page, 'x', PAGE);
	for (unsigned int i = 0; i < count; i++)
		sample_must(pwrite(fd, page, PAGE, (off_t)i * PAGE), disk);
	free(page);
	close(fd);
}

struct table_tennis {
	int ping[2], pong[2];
	unsigned int count;
};

static void *play(void *arg)
{
	struct table_tennis *game = arg;
	char byte;

	for (unsigned int i = 0; i < game->count; i++) {
		sample_must(read(game->ping[0], &byte, 1), "read");
		sample_must(write(game->pong[1], &byte, 1), "write");
	}
	return NULL;
}

/* Two threads on one CPU; each half of an exchange is a context switch. */
static void loop_switch(unsigned int count)
{
	struct table_tennis game = {.count = count / 2};
	cpu_set_t one;
	pthread_t other;
	char byte = 0;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sample_must(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	sample_must(pipe(game.ping), "pipe");
	sample_must(pipe(game.pong), "pipe");
	if (pthread_create(&other, NULL, play, &game))
		errx(1, "cannot start a thread");
	for (unsigned int i = 0; i < game.count; i++) {
		sample_must(write(game.ping[1], &byte, 1), "write");
		sample_must(read(game.pong[0], &byte, 1), "read");
	}
	pthread_join(other, NULL);
	for (int i = 0; i < 2; i++) {
		close(game.ping[i]);
		close(game.pong[i]);
	}
}

static const struct loop {
	const char *name;
	void (*run)(unsigned int count);
	unsigned int count; /* operations a round */
} loops[] = {
	{"page_fault", loop_fault, MEMORY_BYTES / PAGE},
	{"tmpfs_write", loop_tmpfs, MEMORY_BYTES / PAGE},
	{"fork", loop_fork, 50},
	{"write", loop_write, 50000},
	{"context_switch", loop_switch, 10000},
	{"disk_write", loop_disk, 1000}, /* the last: only where a disk is given */
};

#define LOOPS (sizeof(loops) / sizeof(*loops))

int main(int argc, char **argv)
{
	static uint64_t ns[LOOPS][MAX_ROUNDS];
	int rounds = argc == 3 || argc == 4 ? atoi(argv[1]) : 0, fd;
	size_t loops_cnt = argc == 4 ? LOOPS : LOOPS - 1;

	if (rounds < 1 || rounds > MAX_ROUNDS)
		errx(2, "usage: loops ROUNDS CGROUP/cgroup.procs [DISK] (at most %d)", MAX_ROUNDS);
	disk = argc == 4 ? argv[3] : NULL;
	fd = sample_must(open(argv[2], O_WRONLY), argv[2]);
	sample_must(write(fd, "0", 1), argv[2]);
	/* Huge pages would hide the charges that are to be counted. */
	sample_must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "prctl");
	/* Round -1 warms up: attaching patches functions, and an emulator translates them again. */
	for (int round = -1; round < rounds; round++) {
		for (size_t i = 0; i < loops_cnt; i++) {
			uint64_t start_ns = sample_now_ns();

			loops[i].run(loops[i].count);
			if (round >= 0)
				ns[i][round] = (sample_now_ns() - start_ns) / loops[i].count;
		}
	}
	putchar('{');
	for (size_t i = 0; i < loops_cnt; i++) {
		printf("%s", i ? "," : "");
		sample_print(loops[i].name, ns[i], rounds);
	}
	puts("}");
	return 0;
}

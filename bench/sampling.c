/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sample of all cgroups costs, in the kernel and by reading files, interleaved; and how far
 * a distribution's median is from the exact one of the same samples. It never changes a limit.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/sample.h"
#include "user/histogram.h"
#include "user/sampler.h"

#define ROOT "/sys/fs/cgroup"
#define PARENT ROOT "/bench-sampling"
#define WATCHED_MAX 16384
#define ROUNDS 15
#define SHAPE_SAMPLES 400
#define SHAPE_PAUSE_US 10000
#define MIB ((size_t)1 << 20)
#define MOST (64 * MIB)

static int root_fd;

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

static void write_file(const char *path, const char *text)
{
	int fd = sample_must(open(path, O_WRONLY), path);

	sample_must(write(fd, text, strlen(text)), path);
	close(fd);
}

static uint64_t make(const char *name, char path[128])
{
	struct stat st;

	snprintf(path, 128, PARENT "/%s", name);
	sample_must(mkdir(path, 0755), path);
	sample_must(stat(path, &st), path);
	return st.st_ino;
}

/* As a program does that keeps no descriptors. */
static void read_file(const char *path, const char *file)
{
	static char text[16384];
	char name[160];
	int fd;

	snprintf(name, sizeof(name), "%s/%s", path, file);
	fd = sample_must(open(name, O_RDONLY), name);
	sample_must(read(fd, text, sizeof(text)), name);
	close(fd);
}

static struct sampler *open_sampler(void)
{
	struct sampler_options options = {.watched_max = WATCHED_MAX};
	struct sampler *sampler;

	if (sampler__open(&options, root_fd, &sampler))
		errx(3, "the sampling program cannot be loaded");
	return sampler;
}

static void measure_cost(unsigned int cnt)
{
	struct sampler *sampler = open_sampler();
	char(*paths)[128] = calloc(cnt, sizeof(*paths));
	uint64_t sampled[ROUNDS], read[ROUNDS], begin;

	for (unsigned int i = 0; i < cnt; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		if (sampler__watch(sampler, make(name, paths[i])))
			errx(1, "cannot watch");
	}
	sampler__pass(sampler); /* the first finds nothing in any cache */
	for (int round = 0; round < ROUNDS; round++) {
		begin = cpu_ns();
		if (sampler__pass(sampler))
			errx(1, "cannot sample");
		sampled[round] = cpu_ns() - begin;
		begin = cpu_ns();
		for (unsigned int i = 0; i < cnt; i++) {
			read_file(paths[i], "memory.current");
			read_file(paths[i], "memory.stat");
		}
		read[round] = cpu_ns() - begin;
	}
	printf("{\"cgroups\":%u,", cnt);
	sample_print("sampled_ns", sampled, ROUNDS);
	putchar(',');
	sample_print("read_ns", read, ROUNDS);
	puts("}");
	fflush(stdout);
	for (unsigned int i = 0; i < cnt; i++)
		rmdir(paths[i]);
	free(paths);
	sampler__close(sampler);
}

static void use(char *pages, size_t *used, size_t wanted)
{
	if (wanted < *used)
		madvise(pages + wanted, *used - wanted, MADV_DONTNEED);
	for (size_t at = *used; at < wanted; at += 4096)
		pages[at] = 1;
	*used = wanted;
}

static void live(const char *shape, const char *path)
{
	char procs[160], *pages;
	size_t used = 0;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	write_file(procs, "0");
	pages = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(pages, MOST, MADV_NOHUGEPAGE);
	for (unsigned int i = 0;; i++) {
		if (shape[1] == 't') /* steady */
			use(pages, &used, 40 * MIB);
		else if (shape[1] == 'a') /* sawtooth */
			use(pages, &used, (4 + i % 56) * MIB);
		else /* bursty */
			use(pages, &used, i % 10 < 7 ? 8 * MIB + i % 3 * 65536 : 60 * MIB);
		usleep(SHAPE_PAUSE_US);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure_error(const char *shape)
{
	static uint64_t raw[SHAPE_SAMPLES];
	struct sampler *sampler = open_sampler();
	struct cgbpf_usage usage;
	uint64_t id, exact, told;
	char path[128];
	pid_t pid;

	id = make(shape, path);
	pid = sample_must(fork(), "fork");
	if (!pid)
		live(shape, path);
	usleep(20 * SHAPE_PAUSE_US);
	sampler__watch(sampler, id);
	for (int i = 0; i < SHAPE_SAMPLES; i++) {
		usleep(SHAPE_PAUSE_US);
		if (sampler__pass(sampler) || sampler__usage(sampler, id, &usage))
			errx(1, "cannot sample");
		raw[i] = usage.usage_bytes;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	qsort(raw, SHAPE_SAMPLES, sizeof(*raw), by_size);
	exact = (raw[SHAPE_SAMPLES / 2 - 1] + raw[SHAPE_SAMPLES / 2]) / 2;
	told = usage_median(&usage);
	printf("{\"shape\":\"%s\",\"samples\":%d,\"exact_bytes\":%" PRIu64
	       ",\"told_bytes\":%" PRIu64
	       ",\"error_percent\":%.3f,\"min_is_exact\":%s,\"max_is_exact\":%s}\n",
	       shape, SHAPE_SAMPLES, exact, told,
	       100.0 * (double)(told > exact ? told - exact : exact - told) / (double)exact,
	       raw[0] == usage.min_bytes ? "true" : "false",
	       raw[SHAPE_SAMPLES - 1] == usage.max_bytes ? "true" : "false");
	fflush(stdout);
	for (int i = 0; i < 100 && rmdir(path); i++)
		usleep(SHAPE_PAUSE_US);
	sampler__close(sampler);
}

int main(void)
{
	static const unsigned int sizes[] = {100, 1000, 5000};
	static const char *const shapes[] = {"steady", "sawtooth", "bursty"};

	root_fd = sample_must(open(ROOT, O_RDONLY | O_DIRECTORY), ROOT);
	write_file(ROOT "/cgroup.subtree_control", "+memory");
	sample_must(mkdir(PARENT, 0755), PARENT);
	write_file(PARENT "/cgroup.subtree_control", "+memory");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		measure_cost(sizes[i]);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		measure_error(shapes[i]);
	rmdir(PARENT);
	return 0;
}

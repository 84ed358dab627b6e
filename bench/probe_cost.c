/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench-latency's attached programs cost whoever writes something else: nothing attached, at
 * kernfs, at vfs_write, in turn. It never writes to a cgroup it did not make. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample.h"

#define OBJECT "build/bpf/latency.bpf.o"
#define MAX_ROUNDS 200
#define PAGE 4096

/* All of an arm's programs are attached, as bench-latency does with one of the two. */
static const struct arm {
	const char *name;
	const char *programs[6];
} arms[] = {
	{"off", {NULL}},
	{"kernfs", {"on_limit_write", "on_limit_written", "on_receive", "on_start", "on_exec"}},
	{"vfs_write", {"on_vfs_write", "on_vfs_written", "on_receive", "on_start", "on_exec"}},
};
#define ARMS (sizeof(arms) / sizeof(*arms))
#define LINKS 5

static const char page[PAGE];
static int null_fd, memory_fd, limit_fd;

static void write_null(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		sample_must(write(null_fd, page, 1), "write");
}

static void write_pages(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		sample_must(pwrite(memory_fd, page, PAGE, (off_t)(i % 1024) * PAGE), "pwrite");
}

/* Another cgroup's limit: enters the programs, and leaves after the look-up. */
static void write_limit(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		sample_must(pwrite(limit_fd, i % 2 ? "67108864" : "68157440", 8, 0), "memory.max");
}

static const struct writer {
	const char *name;
	void (*run)(unsigned int count);
	unsigned int count;
} writers[] = {
	{"dev_null_1_byte", write_null, 20000},
	{"tmpfs_page", write_pages, 4000},
	{"another_cgroups_memory_max", write_limit, 4000},
};
#define WRITERS (sizeof(writers) / sizeof(*writers))

static void attach(struct bpf_object *object, const struct arm *arm, struct bpf_link **links)
{
	for (int i = 0; arm->programs[i]; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(object, arm->programs[i]);

		links[i] = program ? bpf_program__attach(program) : NULL;
		if (!links[i])
			err(1, "%s", arm->programs[i]);
	}
}

static void detach(struct bpf_link **links)
{
	for (int i = 0; i < LINKS; i++)
		bpf_link__destroy(links[i]);
}

/* Each arm comes right after the same programs were taken off: what the kernel and an emulator do
 * about that later falls on all alike. */
static void begin(struct bpf_object *object)
{
	struct bpf_link *links[LINKS] = {NULL};

	attach(object, &arms[ARMS - 1], links);
	detach(links);
}

static struct bpf_object *load(void)
{
	struct bpf_object *object = bpf_object__open_file(OBJECT, NULL);
	struct bpf_program *program;

	if (!object)
		err(1, OBJECT);
	bpf_object__for_each_program(program, object) bpf_program__set_autoload(program, true);
	if (bpf_object__load(object))
		err(1, OBJECT);
	return object;
}

int main(int argc, char **argv)
{
	static uint64_t ns[WRITERS][ARMS][MAX_ROUNDS];
	int rounds = argc == 3 ? atoi(argv[1]) : 0, dir;
	struct bpf_object *object;

	if (rounds < 1 || rounds > MAX_ROUNDS)
		errx(2, "usage: probe_cost ROUNDS NEW-CGROUP (at most %d)", MAX_ROUNDS);
	object = load();
	sample_must(mkdir(argv[2], 0755), argv[2]);
	dir = sample_must(open(argv[2], O_PATH | O_DIRECTORY), argv[2]);
	limit_fd = sample_must(openat(dir, "memory.max", O_WRONLY), "memory.max");
	null_fd = sample_must(open("/dev/null", O_WRONLY), "/dev/null");
	memory_fd = sample_must(memfd_create("pages", 0), "memfd_create");
	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ARMS; i++) {
			size_t arm = (i + round) % ARMS;
			struct bpf_link *links[LINKS] = {NULL};

			begin(object);
			attach(object, &arms[arm], links);
			for (size_t w = 0; w < WRITERS; w++) {
				uint64_t start_ns;

				/* Attaching patches functions; an emulator translates them again.
				 */
				writers[w].run(writers[w].count / 4);
				start_ns = sample_now_ns();
				writers[w].run(writers[w].count);
				ns[w][arm][round] =
					(sample_now_ns() - start_ns) * 1000 / writers[w].count;
			}
			detach(links);
		}
	}
	close(limit_fd);
	sample_must(rmdir(argv[2]), argv[2]);
	bpf_object__close(object);
	putchar('{');
	for (size_t w = 0; w < WRITERS; w++) {
		printf("%s\"%s\":{", w ? "," : "", writers[w].name);
		for (size_t arm = 0; arm < ARMS; arm++) {
			printf("%s", arm ? "," : "");
			sample_print(arms[arm].name, ns[w][arm], rounds);
		}
		putchar('}');
	}
	puts("}");
	return 0;
}

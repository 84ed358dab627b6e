/* SPDX-License-Identifier: BSD-2-Clause */
/* Feeds any bytes to config__load as a file. It never writes but to one file of its own.
 *
 * `make fuzz` builds it with libFuzzer; with -DSTANDALONE it takes file names. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Not a memfd: config__load would not follow its link in /proc. */
static char path[64];

static void remove_file(void)
{
	unlink(path);
}

static void expect(bool is_kept, const char *promise)
{
	if (is_kept)
		return;
	fprintf(stderr, "broken promise: %s\n", promise);
	abort();
}

static void check_target(const struct target_config *target)
{
	const struct memory_config *memory = &target->memory;

	expect(target->kind >= TARGET_CGROUP && target->kind <= TARGET_TREE &&
		       target->kind != TARGET_ALL_FINITE,
	       "a target has a kind");
	expect(target->match && target->match[0], "a target has a match");
	expect(target->name[0] && memchr(target->name, 0, sizeof(target->name)),
	       "a target has a name");
	expect(target->line && target->column, "a target has a place");
	expect(memory->is_given || target->cpu.is_given || target->io.is_given ||
		       target->priority.is_given || target->has_pids,
	       "a target governs something");
	expect(!memory->hard_bytes || memory->soft_bytes <= memory->hard_bytes,
	       "soft is never above hard");
	expect(memory->step_bytes >= 1 << 20, "a step is at least 1M");
	expect(memory->watermark_ppm >= 500000 && memory->watermark_ppm <= 990000,
	       "a watermark is 50% to 99%");
	expect(memory->hold_ns <= 100000000, "a hold is at most 100ms");
	if (target->kind == TARGET_CGROUP)
		expect(target->match[0] == '/' && target->match[1] &&
			       !strstr(target->match, "/../") && !strstr(target->match, "//"),
		       "a cgroup is below the root");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static int fd = -1;
	struct config config = {.file = path};
	char error[160] = "";
	int err;

	if (fd < 0) {
		snprintf(path, sizeof(path), "/dev/shm/cgbpf-fuzz-%d", (int)getpid());
		atexit(remove_file);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		expect(fd >= 0, "a file can be made");
	}
	expect(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len,
	       "a file can be written");
	err = config__load(path, &config, error, sizeof(error));
	if (err) {
		expect(config.file == path && !config.targets, "outputs are untouched");
		expect(strncmp(error, path, strlen(path)) == 0, "an error names the file");
		for (const char *p = error; *p; p++)
			expect((unsigned char)*p >= 0x20 && *p != 0x7f, "an error is one line");
		return 0;
	}
	expect(config.targets_cnt, "there are targets");
	for (size_t i = 0; i < config.targets_cnt; i++)
		check_target(&config.targets[i]);
	config__free(&config);
	return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv)
{
	static uint8_t bytes[CONFIG_MAX_FILE_BYTES + 2];

	for (int i = 1; i < argc; i++) {
		FILE *stream = fopen(argv[i], "rbe");

		expect(stream, "a file given can be read");
		LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, sizeof(bytes), stream));
		fclose(stream);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
#endif

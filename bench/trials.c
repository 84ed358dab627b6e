/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs one workload again and again, each time in a fresh cgroup, and counts who was killed. It
 * never chooses a limit above the one it was given. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample.h"

#define DEADLINE_NS UINT64_C(30000000000)
#define MAX_TRIALS 10000

extern char **environ;

static void read_file(int dir, const char *name, char *buf, size_t len)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, len - 1);

	buf[n > 0 ? n : 0] = '\0';
	close(fd);
}

static void write_file(int dir, const char *name, const char *value)
{
	int fd = sample_must(openat(dir, name, O_WRONLY | O_CLOEXEC), name);

	sample_must(write(fd, value, strlen(value)), name);
	close(fd);
}

/* The number behind KEY in a flat keyed file, or the file's one number without a KEY; 0: none. */
static uint64_t read_number(int dir, const char *name, const char *key)
{
	char buf[4096];
	const char *at = buf;

	read_file(dir, name, buf, sizeof(buf));
	if (key)
		at = strstr(buf, key);
	return at ? strtoull(at + (key ? strlen(key) : 0), NULL, 10) : 0;
}

static void wait_or_die(const char *what, uint64_t start_ns)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (sample_now_ns() - start_ns > DEADLINE_NS)
		errx(1, "%s: deadline passed", what);
	nanosleep(&pause, NULL);
}

/* Somebody else gives it its limit: the controller under test. */
static void wait_governed(int dir)
{
	uint64_t start_ns = sample_now_ns();

	while (!read_number(dir, "memory.max", NULL))
		wait_or_die("waiting for a limit", start_ns);
}

static void remove_cgroup(int dir, const char *path)
{
	uint64_t start_ns = sample_now_ns();

	write_file(dir, "cgroup.kill", "1");
	while (read_number(dir, "cgroup.events", "populated ") || rmdir(path))
		wait_or_die(path, start_ns);
	close(dir);
}

/* Returns the workload's status as wait(2) gives it. */
static int run_workload(char **command)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	/* Standard output is for the figures; complaints go to standard error. */
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	errno = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
	if (errno)
		err(1, "%s", command[0]);
	sample_must(waitpid(pid, &status, 0), "waitpid");
	posix_spawn_file_actions_destroy(&actions);
	return status;
}

int main(int argc, char **argv)
{
	static uint64_t ns[MAX_TRIALS], limit[MAX_TRIALS], peak[MAX_TRIALS];
	char path[4096], *command[64] = {NULL};
	unsigned int count, killed = 0, failed = 0;

	if (argc < 6 || argc > 60)
		errx(2,
		     "usage: trials PARENT-CGROUP/PREFIX COUNT LIMIT|governed WORKLOAD SHAPE...");
	count = strtoul(argv[2], NULL, 10);
	if (!count || count > MAX_TRIALS)
		errx(2, "COUNT is 1 to %d", MAX_TRIALS);
	memcpy(command, argv + 4, (argc - 4) * sizeof(*command));
	command[argc - 4] = "--cgroup";
	command[argc - 3] = path;
	for (unsigned int i = 0; i < count; i++) {
		uint64_t start_ns, kills;
		int dir, status;

		snprintf(path, sizeof(path), "%s%u", argv[1], i);
		sample_must(mkdir(path, 0755), path);
		dir = sample_must(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), path);
		if (strcmp(argv[3], "governed"))
			write_file(dir, "memory.max", argv[3]);
		else
			wait_governed(dir);
		start_ns = sample_now_ns();
		status = run_workload(command);
		ns[i] = sample_now_ns() - start_ns;
		limit[i] = read_number(dir, "memory.max", NULL);
		peak[i] = read_number(dir, "memory.peak", NULL);
		kills = read_number(dir, "memory.events", "oom_kill ");
		killed += kills > 0;
		failed += status && !kills;
		remove_cgroup(dir, path);
	}
	printf("{\"trials\":%u,\"killed\":%u,\"failed\":%u,", count, killed, failed);
	sample_print("ns", ns, count);
	putchar(',');
	sample_print("limit_bytes", limit, count);
	putchar(',');
	sample_print("peak_bytes", peak, count);
	puts("}");
	return 0;
}

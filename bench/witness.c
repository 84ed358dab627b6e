/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a command and tells how long a limit of one cgroup kept it waiting until somebody moved the
 * limit, and what it was allotted. It never moves a limit. */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/witness.h"
#include "bench/witness.skel.h"
#include "sample.h"

#define NS_PER_MS UINT64_C(1000000)
#define LOOK_EVERY_MS 20
#define UNLIMITED UINT64_MAX

static struct witness *skel;
static uint64_t count = WITNESS_MAX, seconds = 120, hard_us;
static const char *folder, *file;

static void usage(void)
{
	errx(2, "usage: witness FOLDER cpu.max|io.max [--count ANSWERS] [--seconds N] "
		"[--hard-us QUOTA] -- COMMAND [ARGUMENT]...");
}

static char **read_call(char **args)
{
	folder = *args ? *args++ : NULL;
	file = folder && *args ? *args++ : NULL;
	if (!file)
		usage();
	for (; *args && strcmp(*args, "--"); args += 2) {
		uint64_t *number = !strcmp(*args, "--count")	 ? &count
				   : !strcmp(*args, "--seconds") ? &seconds
				   : !strcmp(*args, "--hard-us") ? &hard_us
								 : NULL;

		if (!number || !args[1])
			usage();
		*number = strtoull(args[1], NULL, 10);
	}
	if (!*args || !args[1])
		usage();
	return args + 1;
}

static void read_file(const char *name, char *buf, size_t len)
{
	char path[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = sample_must(open(path, O_RDONLY | O_CLOEXEC), path);
	n = sample_must(read(fd, buf, len - 1), path);
	buf[n] = '\0';
	close(fd);
}

/* Nanoseconds of CPU a nanosecond; UNLIMITED is kept apart. */
static uint64_t allotted(uint64_t from_ns, uint64_t to_ns, uint64_t quota_ns, uint64_t period_ns)
{
	return period_ns ? (uint64_t)((double)(to_ns - from_ns) * quota_ns / period_ns) : 0;
}

/* What the quota let through between these two moments: what was written first held from before. */
static uint64_t allotted_ns(uint64_t start_ns, uint64_t end_ns, const char *first)
{
	uint64_t quota_ns = strtoull(first, NULL, 10) * 1000, sum_ns = 0, at_ns = start_ns;
	uint64_t period_ns = strchr(first, ' ') ? strtoull(strchr(first, ' '), NULL, 10) * 1000 : 0;

	if (!strncmp(first, "max", 3))
		return UNLIMITED;
	for (uint32_t i = 0; i < skel->bss->writes_cnt && i < WITNESS_MAX; i++) {
		const struct witness_write *write = &skel->bss->writes[i];

		if (write->at_ns < start_ns || write->at_ns > end_ns)
			continue;
		sum_ns += allotted(at_ns, write->at_ns, quota_ns, period_ns);
		at_ns = write->at_ns;
		quota_ns = write->quota_ns ?: quota_ns;
		period_ns = write->period_ns ?: period_ns;
	}
	return sum_ns + allotted(at_ns, end_ns, quota_ns, period_ns);
}

static void attach(void)
{
	bool is_cpu = !strcmp(file, "cpu.max");
	struct stat folder_stat;

	sample_must(stat(folder, &folder_stat), folder);
	skel = witness__open();
	if (!skel)
		err(1, "the program cannot be opened");
	skel->rodata->cfg_cgroup_id = folder_stat.st_ino;
	if (hard_us)
		skel->rodata->cfg_hard_ns = hard_us * 1000;
	strncpy((char *)skel->rodata->cfg_file, file, sizeof(skel->rodata->cfg_file) - 1);
	bpf_program__set_autoload(skel->progs.on_throttle, is_cpu);
	bpf_program__set_autoload(skel->progs.on_bio, !is_cpu);
	sample_must(witness__load(skel), "the program cannot be loaded");
	sample_must(witness__attach(skel), "the program cannot be attached");
}

static pid_t start(char **command, int *ret_output)
{
	int ends[2];
	pid_t pid;

	sample_must(pipe2(ends, O_CLOEXEC), "pipe");
	pid = sample_must(fork(), "fork");
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		execv(command[0], command);
		err(127, "%s", command[0]);
	}
	close(ends[1]);
	*ret_output = ends[0];
	return pid;
}

/* Until it ends, or is ended: enough answers, or the time is over. */
static int wait_command(pid_t pid, uint64_t start_ns)
{
	const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * NS_PER_MS};
	bool is_ended = false;
	int status;

	while (!sample_must(waitpid(pid, &status, WNOHANG), "waitpid")) {
		if (!is_ended && (skel->bss->answers_cnt >= count ||
				  sample_now_ns() - start_ns > seconds * 1000 * NS_PER_MS)) {
			kill(pid, SIGTERM);
			is_ended = true;
		}
		nanosleep(&pause, NULL);
	}
	return status;
}

static void print_answers(void)
{
	static uint64_t latency_ns[WITNESS_MAX], left_ns[WITNESS_MAX];
	uint32_t cnt = skel->bss->answers_cnt;

	cnt = cnt < WITNESS_MAX ? cnt : WITNESS_MAX;
	for (uint32_t i = 0; i < cnt; i++) {
		latency_ns[i] = skel->bss->answers[i].latency_ns;
		left_ns[i] = skel->bss->answers[i].left_ns;
	}
	sample_print("latency_ns", latency_ns, cnt);
	putchar(',');
	sample_print("left_ns", left_ns, cnt);
}

/* Of cpu.stat; 0: not there. */
static uint64_t stat_of(const char *stat, const char *key)
{
	const char *at = strstr(stat, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

int main(int argc __attribute__((unused)), char **argv)
{
	char **command = read_call(argv + 1), first[4096], said[4096], stat[4096];
	uint64_t start_ns, end_ns, core_ns;
	int output, status;
	ssize_t len;
	pid_t pid;

	attach();
	read_file(file, first, sizeof(first));
	start_ns = sample_now_ns();
	pid = start(command, &output);
	status = wait_command(pid, start_ns);
	end_ns = sample_now_ns();
	len = sample_must(read(output, said, sizeof(said) - 1), "read");
	said[len] = '\0';
	printf("{\"status\":%d,\"ns\":%" PRIu64 ",\"command\":%s,\"throttled\":%u,\"writes\":%u,",
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), end_ns - start_ns,
	       len ? said : "null", skel->bss->throttled_cnt, skel->bss->writes_cnt);
	/* What is still kept waiting, unanswered. */
	printf("\"open_ns\":%" PRIu64 ",",
	       skel->bss->begun_ns ? end_ns - (uint64_t)skel->bss->begun_ns : 0);
	if (!strcmp(file, "cpu.max")) {
		read_file("cpu.stat", stat, sizeof(stat));
		core_ns = allotted_ns(start_ns, end_ns, first);
		if (core_ns == UNLIMITED)
			printf("\"allotted_ns\":null,");
		else
			printf("\"allotted_ns\":%" PRIu64 ",", core_ns);
		printf("\"used_us\":%" PRIu64 ",\"periods\":%" PRIu64
		       ",\"periods_throttled\":%" PRIu64 ",\"throttled_us\":%" PRIu64 ",",
		       stat_of(stat, "usage_usec "), stat_of(stat, "nr_periods "),
		       stat_of(stat, "nr_throttled "), stat_of(stat, "throttled_usec "));
	}
	print_answers();
	puts("}");
	witness__destroy(skel);
	return 0;
}

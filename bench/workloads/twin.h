/* SPDX-License-Identifier: BSD-2-Clause */
/* What the three workloads share: options, time, a cgroup to enter, an end by signal or by the
 * clock. It never sets a limit. */
#ifndef CGBPF_BENCH_TWIN_H
#define CGBPF_BENCH_TWIN_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

struct twin_option {
	const char *name; /* "--seconds" */
	uint64_t *number; /* either this */
	const char **text; /* or this */
	const char *help;
};

static volatile sig_atomic_t twin_is_ending;
static uint64_t twin_start_ns, twin_deadline_ns;
static uint64_t twin_seconds;
static const char *twin_cgroup;

static inline uint64_t twin_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

static inline void twin_sleep_ms(uint64_t ms)
{
	const struct timespec pause = {ms / 1000, (long)(ms % 1000 * NS_PER_MS)};

	nanosleep(&pause, NULL);
}

static inline bool twin_goes_on(void)
{
	return !twin_is_ending && twin_now_ns() < twin_deadline_ns;
}

static inline void twin_on_signal(int signal)
{
	(void)signal;
	twin_is_ending = 1;
}

/* RESULT if it is none of an error, else the end of the program. */
static inline int64_t twin_must(int64_t result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

static inline void twin_usage(const struct twin_option *options, const char *summary, int status)
{
	FILE *out = status ? stderr : stdout;

	fprintf(out, "usage: %s [--OPTION VALUE]...: %s\n", program_invocation_short_name, summary);
	fprintf(out, "Numbers may end in K, M or G. SIGTERM ends it in order.\n");
	for (; options->name; options++)
		fprintf(out, "  %-14s%s\n", options->name, options->help);
	fprintf(out, "  --seconds     how long; 0: until SIGTERM (0)\n"
		     "  --cgroup      a cgroup's folder, entered first\n");
	exit(status);
}

static inline uint64_t twin_number(const char *text)
{
	static const char units[] = "KMG";
	char *end;
	uint64_t value = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;

	if (end == text || *text == '-' || (*end && (!unit || end[1])))
		errx(2, "%s: not a number", text);
	return unit ? value << 10 * (unit - units + 1) : value;
}

/* Reads the call, enters the cgroup, starts the clock. */
static inline void twin_start(const struct twin_option *options, const char *summary, char **args)
{
	const struct twin_option common[] = {
		{"--seconds", &twin_seconds, NULL, NULL},
		{"--cgroup", NULL, &twin_cgroup, NULL},
		{.name = NULL},
	};
	struct sigaction end = {.sa_handler = twin_on_signal};

	while (*++args) {
		const struct twin_option *tables[] = {options, common}, *found = NULL;

		if (!strcmp(*args, "--help"))
			twin_usage(options, summary, 0);
		for (size_t i = 0; i < 2 && !found; i++)
			for (const struct twin_option *o = tables[i]; o->name && !found; o++)
				found = strcmp(o->name, *args) ? NULL : o;
		if (!found || !*++args)
			twin_usage(options, summary, 2);
		if (found->number)
			*found->number = twin_number(*args);
		else
			*found->text = *args;
	}
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	if (twin_cgroup) {
		int dir =
			twin_must(open(twin_cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC), twin_cgroup);
		int procs =
			twin_must(openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC), twin_cgroup);

		twin_must(write(procs, "0", 1), twin_cgroup);
		close(procs);
		close(dir);
	}
	twin_start_ns = twin_now_ns();
	twin_deadline_ns = twin_seconds ? twin_start_ns + twin_seconds * NS_PER_SEC : UINT64_MAX;
}

static inline uint64_t twin_took_ns(void)
{
	return twin_now_ns() - twin_start_ns;
}

#endif

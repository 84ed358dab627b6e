/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes memory step by step and uses all of it, or gives it back and begins again. It never sets a
 * limit. */
#include <sys/mman.h>
#include <sys/param.h>

#include "bench/workloads/twin.h"

static uint64_t bytes = 200 << 20, step_bytes = 2 << 20, step_ms = 20, use_ms;

static const struct twin_option options[] = {
	{"--bytes", &bytes, NULL, "in the end (200M)"},
	{"--step-bytes", &step_bytes, NULL, "at once (2M)"},
	{"--step-ms", &step_ms, NULL, "between two steps (20)"},
	{"--use-ms", &use_ms, NULL, "then gives all back and begins again (0: keeps it)"},
	{.name = NULL},
};

static void touch(volatile char *pages, size_t len)
{
	const size_t page = sysconf(_SC_PAGESIZE);

	for (size_t at = 0; at < len; at += page)
		pages[at]++;
}

/* Grows to all of it, uses it, gives it back. Returns how much it had. */
static uint64_t turn(uint64_t *rounds)
{
	char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t had = 0, end_ns;

	twin_must(pages == MAP_FAILED ? -1 : 0, "mmap");
	while (had < bytes && twin_goes_on()) {
		uint64_t step = MIN(step_bytes, bytes - had);

		touch(pages + had, step);
		had += step;
		twin_sleep_ms(step_ms);
	}
	end_ns = use_ms ? twin_now_ns() + use_ms * NS_PER_MS : UINT64_MAX;
	while (twin_goes_on() && twin_now_ns() < end_ns) {
		touch(pages, had);
		++*rounds;
		twin_sleep_ms(1);
	}
	munmap(pages, bytes);
	return had;
}

int main(int argc __attribute__((unused)), char **argv)
{
	uint64_t rounds = 0, most = 0;

	twin_start(options, "takes memory", argv);
	if (!bytes || !step_bytes)
		errx(2, "--bytes and --step-bytes: more than 0");
	while (twin_goes_on()) {
		uint64_t had = turn(&rounds);

		most = MAX(most, had);
	}
	printf("{\"workload\":\"memory-hog\",\"bytes\":%" PRIu64 ",\"rounds\":%" PRIu64
	       ",\"ns\":%" PRIu64 "}\n",
	       most, rounds, twin_took_ns());
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Burns CPU: steadily, in bursts, or until a given work is done. It never sets a limit. */
#include <pthread.h>
#include <stdatomic.h>

#include "bench/workloads/twin.h"

#define THREADS_MAX 64
#define ROUND_TURNS 100000 /* additions; some 50 us on a machine, more under emulation */

static uint64_t threads_cnt = 1, busy_ms, idle_ms, rounds_wanted;
static atomic_uint_fast64_t rounds;

static const struct twin_option options[] = {
	{"--threads", &threads_cnt, NULL, "as many threads (1)"},
	{"--busy-ms", &busy_ms, NULL, "burns for so long, then rests (0: never rests)"},
	{"--idle-ms", &idle_ms, NULL, "rests for so long between bursts (0)"},
	{"--rounds", &rounds_wanted, NULL, "ends once so much is done (0: by time alone)"},
	{.name = NULL},
};

static bool is_done(void)
{
	return rounds_wanted && atomic_load(&rounds) >= rounds_wanted;
}

static void *burn(void *unused)
{
	volatile uint64_t sum = 0;

	(void)unused;
	while (twin_goes_on() && !is_done()) {
		uint64_t burst_end_ns = busy_ms ? twin_now_ns() + busy_ms * NS_PER_MS : UINT64_MAX;

		while (twin_goes_on() && !is_done() && twin_now_ns() < burst_end_ns) {
			for (uint64_t i = 0; i < ROUND_TURNS; i++)
				sum += i;
			atomic_fetch_add(&rounds, 1);
		}
		if (idle_ms && twin_goes_on() && !is_done())
			twin_sleep_ms(idle_ms);
	}
	return NULL;
}

int main(int argc __attribute__((unused)), char **argv)
{
	pthread_t threads[THREADS_MAX];

	twin_start(options, "burns CPU", argv);
	if (!threads_cnt || threads_cnt > THREADS_MAX)
		errx(2, "--threads: 1 to %d", THREADS_MAX);
	for (uint64_t i = 0; i < threads_cnt; i++)
		if (pthread_create(&threads[i], NULL, burn, NULL))
			errx(1, "cannot start thread %" PRIu64, i);
	for (uint64_t i = 0; i < threads_cnt; i++)
		pthread_join(threads[i], NULL);
	printf("{\"workload\":\"cpu-burner\",\"rounds\":%" PRIuFAST64 ",\"ns\":%" PRIu64 "}\n",
	       atomic_load(&rounds), twin_took_ns());
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Makes samples of CPU loads of four shapes, from a seed and nothing else. It never measures. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/policy_sim.h"

#define SOFT 0.5
#define HARD 3.0
#define STEP 0.25
#define RETURN_AFTER_S 30.0
#define REACTION_S 0.001
#define TAU 6.283185307179586

struct load {
	uint64_t random;
	double level, until_s, noise;
	double mean, depth, period_s, phase; /* of this seed */
};

/* xorshift64*: the same everywhere. */
static double uniform(struct load *load)
{
	load->random ^= load->random >> 12;
	load->random ^= load->random << 25;
	load->random ^= load->random >> 27;
	return (double)((load->random * 0x2545F4914F6CDD1DULL) >> 11) / 9007199254740992.0;
}

static double between(struct load *load, double a, double b)
{
	return a + (b - a) * uniform(load);
}

static double after(struct load *load, double mean_s)
{
	return -mean_s * log(1 - uniform(load));
}

static double steady(struct load *load, double at_s)
{
	(void)at_s;
	return load->mean;
}

static double diurnal(struct load *load, double at_s)
{
	return 1.4 + load->depth * sin(TAU * at_s / load->period_s + load->phase);
}

/* Short, rare and high. */
static double bursty(struct load *load, double at_s)
{
	if (at_s >= load->until_s) {
		bool is_burst = load->level < 0.5;

		load->level = is_burst ? between(load, 1, 2.6) : 0.3;
		load->until_s = at_s + after(load, is_burst ? 3 : 20);
	}
	return load->level;
}

static double steps(struct load *load, double at_s)
{
	if (at_s >= load->until_s) {
		load->level = between(load, 0.3, 2.6);
		load->until_s = at_s + 20 + after(load, 60);
	}
	return load->level;
}

static const struct {
	const char *name;
	double (*demand)(struct load *load, double at_s);
} shapes[] = {{"steady", steady}, {"diurnal", diurnal}, {"bursty", bursty}, {"step", steps}};

/* With a tenth of noise that lasts some tenths of a second. */
static double demand_at(struct load *load, int shape, double at_s)
{
	double demand = shapes[shape].demand(load, at_s);

	load->noise = 0.8 * load->noise + 0.2 * between(load, -1, 1) * 0.5;
	demand *= 1 + load->noise;
	return demand > 0.01 ? demand : 0.01;
}

static void print_line(const char *shape, const char *seed, double at_s,
		       const struct sim_window *seen, double quota)
{
	unsigned int minute = (unsigned int)(at_s / 60), hour = minute / 60;

	printf("{\"schema\":1,\"kind\":\"interval\",\"ts\":\"2026-01-01T%02u:%02u:%09.6fZ\","
	       "\"mono_ns\":%.0f,\"boot_id\":\"loads\",\"target\":\"%s-%s\",\"cgroup\":\"/%s-%s\","
	       "\"interval_ms\":%.0f,\"cpu\":{\"usage_us\":%.0f,\"periods\":%.0f,"
	       "\"throttled\":%.0f,\"throttled_us\":%.0f,\"quota_us\":%.0f,\"period_us\":100000,"
	       "\"soft_cores\":%.2f,\"hard_cores\":%.2f,\"weight\":100},"
	       "\"psi\":{\"cpu\":{\"some_us\":%.0f,\"full_us\":0}}}\n",
	       hour % 24, minute % 60, at_s - 60.0 * minute, at_s * 1e9, shape, seed, shape, seed,
	       seen->time_s * 1e3, seen->used_s * 1e6, seen->periods, seen->throttled,
	       seen->throttled_s * 1e6, quota * 1e5, SOFT, HARD, seen->throttled_s * 1e6);
}

static int usage(void)
{
	fprintf(stderr, "usage: loads steady|diurnal|bursty|step SEED SECONDS INTERVAL_MS "
			"governed|free\n"
			"governed: as samples of a run with the fixed step tell it; free: without "
			"any throttling\n");
	return 2;
}

int main(int argc, char **argv)
{
	const struct sim_rule rule = {SOFT, HARD, STEP, RETURN_AFTER_S, REACTION_S};
	const struct sim_rule free_rule = {64, 64, STEP, RETURN_AFTER_S, REACTION_S};
	struct sim_window seen = {};
	struct load load = {};
	bool is_free = argc == 6 && strcmp(argv[5], "free") == 0;
	double seconds, interval_s, at_s = 0;
	struct sim sim;
	int shape = 0;

	if (argc != 6)
		return usage();
	while (shape < 4 && strcmp(shapes[shape].name, argv[1]) != 0)
		shape++;
	seconds = atof(argv[3]);
	interval_s = atof(argv[4]) / 1000;
	if (shape == 4 || !(seconds > 0) || !(interval_s >= SIM_PERIOD_S))
		return usage();
	load.random = strtoull(argv[2], NULL, 10) * 0x9E3779B97F4A7C15ULL + 1;
	for (int i = 0; i < 16; i++)
		uniform(&load);
	load.mean = between(&load, 0.7, 2.2);
	load.depth = between(&load, 0.6, 1.2);
	load.period_s = between(&load, 300, 900);
	load.phase = between(&load, 0, TAU);
	sim__begin(&sim, is_free ? &free_rule : &rule, POLICY_HEURISTIC, NULL);
	for (; at_s < seconds; at_s += SIM_PERIOD_S) {
		sim__run(&sim, SIM_PERIOD_S, demand_at(&load, shape, at_s), &seen);
		if (seen.time_s < interval_s - 1e-6)
			continue;
		print_line(argv[1], argv[2], at_s + SIM_PERIOD_S, &seen, sim.quota_cores);
		seen = (struct sim_window){};
	}
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Sums up what bench-latency found, and says it as a table with sentences. It never measures. */
#include "user/latency_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "user/latency_method.h"

#define US 1000.0

static const char *const clock_names[LATENCY_CLOCKS] = {"cli_wall", "request_to_kernel",
							"write_only"};

static const char *const clock_titles[LATENCY_CLOCKS] = {
	"Whole client: its start to its exit (cli_wall)",
	"Request to kernel: the daemon has the request, or the client its first instruction, to "
	"the end of the kernel's write (request_to_kernel)",
	"The kernel's write alone: entry to exit (write_only)",
};

static const char *const stage_names[LATENCY_STAGES] = {
	[LATENCY_STAGE_CLIENT] = "client",	   [LATENCY_STAGE_DOCKERD] = "dockerd",
	[LATENCY_STAGE_CONTAINERD] = "containerd", [LATENCY_STAGE_SHIM] = "shim",
	[LATENCY_STAGE_START] = "process_start",   [LATENCY_STAGE_RUNC] = "runc",
	[LATENCY_STAGE_WRITES] = "writes",	   [LATENCY_STAGE_RETURN] = "return",
};

static const char *const stage_meanings[LATENCY_STAGES] = {
	[LATENCY_STAGE_CLIENT] = "client's start to dockerd's receive",
	[LATENCY_STAGE_DOCKERD] = "to containerd's receive",
	[LATENCY_STAGE_CONTAINERD] = "to the shim's receive",
	[LATENCY_STAGE_SHIM] = "to the start of a process",
	[LATENCY_STAGE_START] = "to runc's first instruction",
	[LATENCY_STAGE_RUNC] = "to its first write of a limit",
	[LATENCY_STAGE_WRITES] = "to the end of its last",
	[LATENCY_STAGE_RETURN] = "to the client's exit",
};

const char *latency_clock_name(enum latency_clock clock)
{
	return clock_names[clock];
}

const char *latency_stage_name(enum latency_stage stage)
{
	return stage_names[stage];
}

int latency_figures_of(const struct latency_result *result, struct latency_figures *ret_figures)
{
	struct latency_figures figures = {};
	int err = 0;

	for (int knob = 0; knob < LATENCY_KNOBS && !err; knob++) {
		for (int i = 0; i < LATENCY_METHODS; i++)
			for (int clock = 0; clock < LATENCY_CLOCKS && !err; clock++) {
				struct latency_summary *row = &figures.rows[i][knob][clock];

				err = latency_summarize(&result->rows[i][knob].clocks[clock], row);
				figures.has_any |= row->cnt > 0;
			}
		for (int i = 0; i < LATENCY_STAGES && !err; i++)
			err = latency_summarize(&result->stages[knob][i], &figures.stages[knob][i]);
	}
	if (!err)
		*ret_figures = figures;
	return err;
}

/* Four digits that count, whatever the size. */
static const char *us(double ns, char buf[16])
{
	double value = ns / US;

	snprintf(buf, 16, "%.*f", value < 10 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0, value);
	return buf;
}

static void print_row(const char *name, const char *knob, const struct latency_summary *row,
		      uint64_t failed_cnt)
{
	char t[6][16];

	printf("  %-23s %-10s %6zu %6" PRIu64 " %11s %11s %11s %11s %11s %11s\n", name, knob,
	       row->cnt, failed_cnt, us(row->min_ns, t[0]), us(row->p50_ns, t[1]),
	       us(row->p90_ns, t[2]), us(row->p99_ns, t[3]), us(row->max_ns, t[4]),
	       us(row->mean_ns, t[5]));
}

static void print_head(const char *title)
{
	printf("\n%s, in us\n  %-23s %-10s %6s %6s %11s %11s %11s %11s %11s %11s\n", title, "", "",
	       "n", "failed", "min", "p50", "p90", "p99", "max", "mean");
}

/* One sentence for each clock; the figures are this run's, or there is none. */
static void print_sentence(const struct latency_figures *figures, enum latency_clock clock)
{
	static const char *const openings[LATENCY_CLOCKS] = {
		"From its start to its exit",
		"From the request until the kernel has the limit",
		"In the kernel's write of the file alone",
	};
	const char *lead = openings[clock];

	for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
		const struct latency_summary *docker =
			&figures->rows[LATENCY_DOCKER_UPDATE][knob][clock];
		const struct latency_summary *own = &figures->rows[LATENCY_CGBPF][knob][clock];
		char docker_us[16], own_us[16];

		if (!docker->cnt || !own->p50_ns)
			continue;
		printf("  %s, docker update takes %s us for %s and cgbpf %s us: %.*f times as long "
		       "(p50; p99: %.*f times).\n",
		       lead, us(docker->p50_ns, docker_us), latency_knob_name(knob),
		       us(own->p50_ns, own_us), docker->p50_ns < 100 * own->p50_ns ? 1 : 0,
		       (double)docker->p50_ns / (double)own->p50_ns,
		       docker->p99_ns < 100 * own->p99_ns ? 1 : 0,
		       (double)docker->p99_ns / (double)own->p99_ns);
	}
}

static void print_clock(const struct latency_options *options, const struct latency_result *result,
			const struct latency_figures *figures, enum latency_clock clock)
{
	print_head(clock_titles[clock]);
	for (int i = 0; i < LATENCY_METHODS; i++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
			const struct latency_summary *row = &figures->rows[i][knob][clock];
			uint64_t failed_cnt = result->rows[i][knob].failed_cnt;

			if (options->is_wanted[i] && (row->cnt || failed_cnt))
				print_row(latency_method_row(i)->name, latency_knob_name(knob), row,
					  failed_cnt);
		}
	print_sentence(figures, clock);
}

static void print_stages(const struct latency_figures *figures)
{
	for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
		if (!figures->stages[knob][LATENCY_STAGE_CLIENT].cnt)
			continue;
		printf("\nWhere the time of docker update goes (%s), in us\n", "stages");
		break;
	}
	for (int knob = 0; knob < LATENCY_KNOBS; knob++)
		for (int i = 0; i < LATENCY_STAGES; i++) {
			const struct latency_summary *row = &figures->stages[knob][i];
			char t[3][16];

			if (row->cnt)
				printf("  %-14s %-38s %-10s %6zu %11s %11s %11s\n", stage_names[i],
				       stage_meanings[i], latency_knob_name(knob), row->cnt,
				       us(row->p50_ns, t[0]), us(row->p99_ns, t[1]),
				       us(row->mean_ns, t[2]));
		}
}

static void print_rest(const struct latency_options *options, const struct latency_result *result)
{
	for (int i = 0; i < LATENCY_METHODS; i++)
		if (options->is_wanted[i] && result->skipped[i][0])
			printf("skipped: %s: %s\n", latency_method_row(i)->name,
			       result->skipped[i]);
	for (int i = 0; i < LATENCY_METHODS; i++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++)
			if (result->rows[i][knob].failed_cnt)
				printf("failed: %s, %s: %" PRIu64 " times, first: %s\n",
				       latency_method_row(i)->name, latency_knob_name(knob),
				       result->rows[i][knob].failed_cnt,
				       result->rows[i][knob].failure);
	if (result->foreign_cnt)
		printf("others wrote the limits meanwhile: %" PRIu64 " times\n",
		       result->foreign_cnt);
	if (result->lost_cnt)
		printf("stamps lost: %" PRIu64 "\n", result->lost_cnt);
	if (result->ended[0])
		printf("ended early: %s\n", result->ended);
}

void latency_print_table(const struct latency_options *options, const struct latency_result *result,
			 const struct latency_figures *figures)
{
	const struct latency_summary *bare, *own;
	struct utsname name;

	uname(&name);
	printf("kernel %s, Docker Engine %s, %" PRIu64 " rounds of clients, %" PRIu64
	       " writes; every change read back\n",
	       name.release, result->docker[0] ? result->docker : "none", options->iterations,
	       options->writes);
	for (int clock = 0; clock < LATENCY_CLOCKS; clock++)
		print_clock(options, result, figures, clock);
	for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
		own = &figures->rows[LATENCY_CGBPF][knob][LATENCY_CLI_WALL];
		bare = &figures->rows[LATENCY_BARE_PWRITE][knob][LATENCY_CLI_WALL];
		if (own->cnt && bare->p50_ns)
			printf("%s  cgbpf's write takes %.2f times a bare pwrite (%s, p50).\n",
			       knob ? "" : "\n", (double)own->p50_ns / (double)bare->p50_ns,
			       latency_knob_name(knob));
	}
	print_stages(figures);
	putchar('\n');
	print_rest(options, result);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Draws the stages of docker update, and every method's samples on a log scale. It never measures.
 */
#include "user/latency_picture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "user/latency_method.h"
#include "user/plot.h"

#define MS 1000000.0
#define US 1000.0
#define WIDTH 1100
#define ROW_PX 26
#define STAGES_PX 260
#define FRAME_PX 150
/* More points than these make the file large and the cloud no clearer. */
#define POINTS_MAX 300

static const char *const colours[LATENCY_STAGES] = {"#bab0ac", "#4e79a7", "#f28e2b", "#edc948",
						    "#b07aa1", "#e15759", "#59a14f", "#d7d3d0"};

/* Boxes one after the other, as long as their median; one row for each limit. */
static void put_stages(FILE *script, const struct latency_figures *figures)
{
	int last = LATENCY_STAGES - 1;

	for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
		double from = 0;

		fprintf(script, "$stages%d << EOD\n", knob);
		for (int i = 0; i < LATENCY_STAGES; i++) {
			double ms = (double)figures->stages[knob][i].p50_ns / MS;

			fprintf(script, "%d %.6f %.6f\n", LATENCY_KNOBS - knob, from, from + ms);
			from += ms;
		}
		fputs("EOD\n", script);
	}
	fputs("set title 'Where the time of docker update goes: each stage at its median'\n"
	      "set xlabel 'ms'\nset yrange [0.4:2.6]\nset xrange [0:*]\n"
	      "set ytics ('memory.max' 2, 'cpu.max' 1)\n"
	      "set key outside bottom center horizontal\nset grid xtics\n"
	      "set style fill solid 0.9 noborder\nplot ",
	      script);
	for (int i = 0; i < LATENCY_STAGES; i++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
			fprintf(script,
				"$stages%d every ::%d::%d using 2:1:2:3:($1-0.3):($1+0.3) with "
				"boxxyerror lc rgb '%s' ",
				knob, i, i, colours[i]);
			if (knob)
				fputs("notitle", script);
			else
				fprintf(script, "title '%s'", latency_stage_name(i));
			fputs(i == last && knob == LATENCY_KNOBS - 1 ? "\n" : ", ", script);
		}
}

/* A cloud a row: where a sample lies across has no meaning but to be seen. */
static void put_points(FILE *script, const struct latency_series *series, double row)
{
	size_t step = series->cnt / POINTS_MAX + 1;

	for (size_t i = 0; i < series->cnt; i += step)
		fprintf(script, "%.4f %.3f\n", (double)(series->ns[i] ? series->ns[i] : 1) / US,
			row + ((double)(i / step % 11) - 5) * 0.05);
}

static bool has_row(const struct latency_figures *figures, int method, int knob)
{
	return figures->rows[method][knob][LATENCY_REQUEST_TO_KERNEL].cnt > 0;
}

static int rows_of(const struct latency_figures *figures)
{
	int cnt = 0;

	for (int i = 0; i < LATENCY_METHODS; i++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++)
			cnt += has_row(figures, i, knob);
	return cnt;
}

static void put_distributions(FILE *script, const struct latency_result *result,
			      const struct latency_figures *figures)
{
	static const enum latency_clock clock = LATENCY_REQUEST_TO_KERNEL;
	int rows = rows_of(figures), row = rows;

	fputs("$points << EOD\n", script);
	for (int i = 0; i < LATENCY_METHODS; i++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++)
			if (has_row(figures, i, knob))
				put_points(script, &result->rows[i][knob].clocks[clock], row--);
	fputs("EOD\n$marks << EOD\n", script);
	row = rows;
	for (int i = 0; i < LATENCY_METHODS; i++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
			const struct latency_summary *one = &figures->rows[i][knob][clock];

			if (has_row(figures, i, knob))
				fprintf(script, "%.4f %d %.4f\n", (double)one->p50_ns / US, row--,
					(double)one->p99_ns / US);
		}
	fputs("EOD\nset ytics (", script);
	row = rows;
	for (int i = 0; i < LATENCY_METHODS; i++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
			char label[64], quoted[136];

			if (!has_row(figures, i, knob))
				continue;
			snprintf(label, sizeof(label), "%s %s", latency_method_row(i)->name,
				 latency_knob_name(knob));
			fprintf(script, "%s %d%s", plot_quote(label, quoted, sizeof(quoted)), row,
				row > 1 ? ", " : "");
			row--;
		}
	fprintf(script,
		")\nset title 'From the request until the kernel has the limit: every sample, "
		"its median (bar) and 99th percentile (diamond)'\n"
		"set xlabel 'log scale: each line is ten times the last'\n"
		"set logscale x\nset xrange [*:*]\nset yrange [0.3:%d.7]\n"
		"set xtics ('1 us' 1, '10 us' 10, '100 us' 100, '1 ms' 1e3, '10 ms' 1e4, "
		"'100 ms' 1e5, '1 s' 1e6, '10 s' 1e7)\n"
		"unset key\nset grid xtics\n"
		"plot $points using 1:2 with points pt 7 ps 0.35 lc rgb '#804e79a7', "
		"$marks using 1:($2-0.35):(0):(0.7) with vectors nohead lw 3 lc rgb '#e15759', "
		"$marks using 3:2 with points pt 13 ps 1 lc rgb '#f28e2b'\n",
		rows);
}

int latency_picture(const struct latency_result *result, const struct latency_figures *figures,
		    const char *file, char *error, size_t error_len)
{
	bool has_stages = figures->stages[LATENCY_MEMORY][LATENCY_STAGE_CLIENT].cnt ||
			  figures->stages[LATENCY_CPU][LATENCY_STAGE_CLIENT].cnt;
	int lower = FRAME_PX + rows_of(figures) * ROW_PX;
	int height = lower + (has_stages ? STAGES_PX : 0) + 40;
	char *text = NULL, title[192], quoted[400];
	struct utsname name;
	size_t len;
	FILE *script = open_memstream(&text, &len);
	int err;

	*error = '\0';
	if (!script)
		return -ENOMEM;
	uname(&name);
	snprintf(title, sizeof(title), "How long a limit takes: kernel %s, Docker Engine %s",
		 name.release, result->docker[0] ? result->docker : "none");
	fprintf(script, "set multiplot title %s\nset lmargin 34\nset rmargin 4\n",
		plot_quote(title, quoted, sizeof(quoted)));
	if (has_stages) {
		double share = (double)STAGES_PX / height;

		fprintf(script, "set size 1,%.3f\nset origin 0,%.3f\n", share,
			1 - share - 30.0 / height);
		put_stages(script, figures);
		fputs("set style fill empty\n", script);
	}
	fprintf(script, "set size 1,%.3f\nset origin 0,0\n", (double)lower / height);
	put_distributions(script, result, figures);
	fputs("unset multiplot\n", script);
	if (fclose(script) != 0) {
		free(text);
		return -ENOMEM;
	}
	err = plot_svg(text, file, WIDTH, height, error, error_len);
	free(text);
	return err;
}

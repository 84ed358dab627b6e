// SPDX-License-Identifier: BSD-2-Clause
/* Says what bench-latency found as JSON, in the words of its table. It never measures. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "user/latency_method.h"
#include "user/latency_report.h"

#define US 1000.0

static json_t *figures_json(json_t *object, const struct latency_summary *row)
{
	json_object_set_new(object, "min_us", json_real((double)row->min_ns / US));
	json_object_set_new(object, "p50_us", json_real((double)row->p50_ns / US));
	json_object_set_new(object, "p90_us", json_real((double)row->p90_ns / US));
	json_object_set_new(object, "p99_us", json_real((double)row->p99_ns / US));
	json_object_set_new(object, "max_us", json_real((double)row->max_ns / US));
	json_object_set_new(object, "mean_us", json_real(row->mean_ns / US));
	return object;
}

static void add_row(json_t *methods, const struct latency_result *result,
		    const struct latency_figures *figures, enum latency_method method,
		    enum latency_knob knob)
{
	const struct latency_row *row = &result->rows[method][knob];

	for (int clock = 0; clock < LATENCY_CLOCKS; clock++) {
		const struct latency_summary *summary = &figures->rows[method][knob][clock];
		json_t *object;

		if (!summary->cnt && !row->failed_cnt)
			continue;
		object = json_pack("{s:s, s:s, s:s, s:I, s:I}", "method",
				   latency_method_row(method)->name, "knob",
				   latency_knob_name(knob), "clock", latency_clock_name(clock), "n",
				   (json_int_t)summary->cnt, "failed", (json_int_t)row->failed_cnt);
		if (summary->cnt)
			figures_json(object, summary);
		if (row->failed_cnt)
			json_object_set_new(object, "failure", json_string(row->failure));
		json_array_append_new(methods, object);
	}
}

static json_t *methods_json(const struct latency_options *options,
			    const struct latency_result *result,
			    const struct latency_figures *figures)
{
	json_t *methods = json_array();

	for (int i = 0; i < LATENCY_METHODS; i++) {
		if (!options->is_wanted[i])
			continue;
		if (result->skipped[i][0])
			json_array_append_new(methods, json_pack("{s:s, s:s}", "method",
								 latency_method_row(i)->name,
								 "skipped", result->skipped[i]));
		for (int knob = 0; knob < LATENCY_KNOBS; knob++)
			add_row(methods, result, figures, i, knob);
	}
	return methods;
}

static void add_ratio(json_t *ratios, const struct latency_figures *figures, enum latency_method of,
		      enum latency_method to)
{
	for (int clock = 0; clock < LATENCY_CLOCKS; clock++)
		for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
			const struct latency_summary *one = &figures->rows[of][knob][clock];
			const struct latency_summary *other = &figures->rows[to][knob][clock];

			if (!one->cnt || !other->p50_ns)
				continue;
			json_array_append_new(
				ratios,
				json_pack("{s:s, s:s, s:s, s:s, s:f, s:f}", "clock",
					  latency_clock_name(clock), "knob",
					  latency_knob_name(knob), "of",
					  latency_method_row(of)->name, "to",
					  latency_method_row(to)->name, "p50",
					  (double)one->p50_ns / (double)other->p50_ns, "p99",
					  (double)one->p99_ns / (double)other->p99_ns));
		}
}

static json_t *ratios_json(const struct latency_figures *figures)
{
	json_t *ratios = json_array();

	for (int i = 0; i < LATENCY_METHODS; i++)
		if (i != LATENCY_CGBPF && i != LATENCY_BARE_PWRITE)
			add_ratio(ratios, figures, i, LATENCY_CGBPF);
	add_ratio(ratios, figures, LATENCY_CGBPF, LATENCY_BARE_PWRITE);
	return ratios;
}

static json_t *stages_json(const struct latency_figures *figures)
{
	json_t *stages = json_array();

	for (int knob = 0; knob < LATENCY_KNOBS; knob++)
		for (int i = 0; i < LATENCY_STAGES; i++) {
			const struct latency_summary *row = &figures->stages[knob][i];
			json_t *object;

			if (!row->cnt)
				continue;
			object = json_pack("{s:s, s:s, s:s, s:I}", "method", "docker-update",
					   "knob", latency_knob_name(knob), "stage",
					   latency_stage_name(i), "n", (json_int_t)row->cnt);
			json_array_append_new(stages, figures_json(object, row));
		}
	return stages;
}

void latency_print_json(const struct latency_options *options, const struct latency_result *result,
			const struct latency_figures *figures)
{
	time_t now = time(NULL);
	struct utsname name;
	char date[32], *text;
	json_t *all;

	uname(&name);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	all = json_pack(
		"{s:s, s:s?, s:s, s:i, s:I, s:I, s:b, s:s*, s:I, s:I, s:o, s:o, s:o}", "kernel",
		name.release, "docker", result->docker[0] ? result->docker : NULL, "date", date,
		"cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "iterations",
		(json_int_t)options->iterations, "writes", (json_int_t)options->writes, "complete",
		!result->ended[0], "ended", result->ended[0] ? result->ended : NULL,
		"foreign_writes", (json_int_t)result->foreign_cnt, "stamps_lost",
		(json_int_t)result->lost_cnt, "methods", methods_json(options, result, figures),
		"ratios", ratios_json(figures), "stages", stages_json(figures));
	text = json_dumps(all, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(8));
	if (text)
		puts(text);
	free(text);
	json_decref(all);
}

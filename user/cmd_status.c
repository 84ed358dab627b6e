// SPDX-License-Identifier: BSD-2-Clause
/* The command `status`: what is governed now, read from the pinned maps. It changes nothing. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cgfs.h"
#include "user/commands.h"
#include "user/histogram.h"
#include "user/live.h"
#include "user/log.h"
#include "user/measure.h"
#include "user/sample_json.h"
#include "user/text.h"
#include "user/units.h"

static void add_measured(json_t *row, int dir_fd, const struct cgbpf_rule *rule)
{
	struct measure measure;

	if (measure_cgroup(dir_fd, &measure))
		return;
	json_object_set_new(row, "cpu",
			    sample_cpu(&measure, rule->cpu_soft_ppm, rule->cpu_hard_ppm));
	if (measure.has_io)
		json_object_set_new(row, "io", sample_io(&measure));
	sample_add_psi(row, "psi", &measure.psi);
}

/* The distribution of a cgroup's memory use, where run keeps one. The map stays open until the end.
 */
static bool find_usage(uint64_t id, struct cgbpf_usage *ret_usage)
{
	static int map_fd;

	if (!map_fd)
		map_fd = bpf_obj_get(CGBPF_PIN_USAGE);
	return map_fd > 0 && !bpf_map_lookup_elem(map_fd, &id, ret_usage) && ret_usage->sample_cnt;
}

static void add_usage(json_t *row, uint64_t id)
{
	struct cgbpf_usage usage;

	if (find_usage(id, &usage))
		json_object_set_new(row, "usage",
				    json_pack("{s:I, s:I, s:I, s:I}", "count",
					      (json_int_t)usage.sample_cnt, "min",
					      (json_int_t)usage.min_bytes, "median",
					      (json_int_t)usage_median(&usage), "max",
					      (json_int_t)usage.max_bytes));
}

static void add_row(void *rows, uint64_t id, int dir_fd, const char *path,
		    const struct cgbpf_rule *rule, const struct cgbpf_cgroup *seen)
{
	char *utf8 = text_to_utf8(path, NULL), *target = text_to_utf8(rule->target, NULL);
	uint64_t max = 0, current = 0;
	json_t *row;

	cgfs_read_bytes(dir_fd, "memory.max", &max);
	cgfs_read_bytes(dir_fd, "memory.current", &current);
	row = json_pack("{s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "cgroup",
			utf8 ? utf8 : "?", "cgroup_id", (json_int_t)id, "target",
			target ? target : "?", "memory_current", (json_int_t)current, "memory_max",
			sample_number(max), "soft", sample_number(rule->soft_bytes), "hard",
			sample_number(rule->hard_bytes), "watermarks",
			(json_int_t)seen->watermark_cnt, "ooms", (json_int_t)seen->oom_cnt, "holds",
			(json_int_t)seen->hold_cnt, "kills", (json_int_t)seen->kill_cnt);
	add_measured(row, dir_fd, rule);
	add_usage(row, id);
	json_array_append_new(rows, row);
	free(utf8);
	free(target);
}

static void print_row(void *unused, uint64_t id, int dir_fd, const char *path,
		      const struct cgbpf_rule *rule, const struct cgbpf_cgroup *seen)
{
	char soft[32], hard[32], limit[32], usage[32], median[32] = "", shown[256];
	struct cgbpf_usage seen_use;
	uint64_t max = 0, current = 0;

	(void)unused;
	if (find_usage(id, &seen_use))
		units_format_bytes(usage_median(&seen_use), median, sizeof(median));
	cgfs_read_bytes(dir_fd, "memory.max", &max);
	cgfs_read_bytes(dir_fd, "memory.current", &current);
	printf("%-32s %10s %10s %10s %10s %10s %6llu %5llu %5llu\n",
	       text_escape(path, strlen(path), shown, sizeof(shown)),
	       units_format_bytes(current, usage, sizeof(usage)), median,
	       units_format_bytes(max, limit, sizeof(limit)),
	       units_format_bytes(rule->soft_bytes, soft, sizeof(soft)),
	       units_format_bytes(rule->hard_bytes, hard, sizeof(hard)), seen->watermark_cnt,
	       seen->oom_cnt, seen->kill_cnt);
}

static void print_json(const struct live *live)
{
	const struct cgbpf_stats *stats = &live->stats;
	json_t *rows = json_array(), *all;
	char *text;

	live__each(live, add_row, rows);
	all = json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:o}", "running", 1, "blind",
			live->is_blind, "holds", (json_int_t)stats->hold_cnt, "hold_longest_ns",
			(json_int_t)stats->hold_longest_ns, "kills", (json_int_t)stats->kill_cnt,
			"events_lost", (json_int_t)(stats->urgent_lost_cnt + stats->note_lost_cnt),
			"cgroups", rows);
	text = json_dumps(all, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	if (text)
		puts(text);
	free(text);
	json_decref(all);
}

static void print_table(const struct live *live)
{
	const struct cgbpf_stats *stats = &live->stats;

	printf("%-32s %10s %10s %10s %10s %10s %6s %5s %5s\n", "cgroup", "current", "median", "max",
	       "soft", "hard", "events", "ooms", "kills");
	live__each(live, print_row, NULL);
	printf("%s; %llu held at OOM, %llu killed, %llu events lost\n",
	       live->is_blind ? "BLIND: the kernel's programs do not run" : "seeing",
	       stats->hold_cnt, stats->kill_cnt, stats->urgent_lost_cnt + stats->note_lost_cnt);
}

static int main_status(int argc, char **argv)
{
	struct live live;
	bool is_json = false;
	const struct param params[] = {
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	int err = params_parse(&cmd_status, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	err = live__open(&live);
	if (err == -ENOENT) {
		puts(is_json ? "{\"running\": false}" : "no controller is running");
		return EXIT_DONE;
	}
	if (err) {
		log_error("status: " CGBPF_PIN_DIR ": %s", strerror(-err));
		return err == -EPERM || err == -EACCES ? EXIT_CANNOT : EXIT_FAILED;
	}
	if (is_json)
		print_json(&live);
	else
		print_table(&live);
	live__close(&live);
	return EXIT_DONE;
}

const struct command cmd_status = {
	"status",
	"what is governed now, and whether the kernel's side is seeing",
	NULL,
	main_status,
};

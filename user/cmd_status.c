// SPDX-License-Identifier: BSD-2-Clause
/* The command `status`: what is governed now, read from the pinned maps. It changes nothing. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "user/cgfs.h"
#include "user/commands.h"
#include "user/log.h"
#include "user/protect.h"
#include "user/text.h"
#include "user/units.h"

/* Three heartbeats missed. */
#define BLIND_AFTER_NS (15 * 1000000000ULL)

struct status {
	int root_fd, rules_fd, cgroups_fd;
	struct cgbpf_stats stats;
	bool is_blind;
	json_t *rows; /* NULL: a table */
};

static void print_row(struct status *status, uint64_t id, const struct cgbpf_rule *rule,
		      const struct cgbpf_cgroup *seen)
{
	char soft[32], hard[32], limit[32], usage[32], shown[256];
	uint64_t max = 0, current = 0;
	char *path = NULL;
	int fd;

	if (cgfs_open_id(status->root_fd, id, &fd))
		return;
	cgfs_path(status->root_fd, fd, &path);
	cgfs_read_bytes(fd, "memory.max", &max);
	cgfs_read_bytes(fd, "memory.current", &current);
	close(fd);
	if (!path)
		return;
	if (status->rows) {
		char *utf8 = text_to_utf8(path, NULL), *target = text_to_utf8(rule->target, NULL);

		json_array_append_new(
			status->rows,
			json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
				  "cgroup", utf8 ? utf8 : "?", "cgroup_id", (json_int_t)id,
				  "target", target ? target : "?", "memory_current",
				  (json_int_t)current, "memory_max", (json_int_t)max, "soft",
				  (json_int_t)rule->soft_bytes, "hard",
				  (json_int_t)rule->hard_bytes, "watermarks",
				  (json_int_t)seen->watermark_cnt, "ooms",
				  (json_int_t)seen->oom_cnt, "holds", (json_int_t)seen->hold_cnt,
				  "kills", (json_int_t)seen->kill_cnt));
		free(utf8);
		free(target);
	} else {
		printf("%-32s %10s %10s %10s %10s %6llu %5llu %5llu\n",
		       text_escape(path, strlen(path), shown, sizeof(shown)),
		       units_format_bytes(current, usage, sizeof(usage)),
		       units_format_bytes(max, limit, sizeof(limit)),
		       units_format_bytes(rule->soft_bytes, soft, sizeof(soft)),
		       units_format_bytes(rule->hard_bytes, hard, sizeof(hard)),
		       seen->watermark_cnt, seen->oom_cnt, seen->kill_cnt);
	}
	free(path);
}

static void each_rule(struct status *status)
{
	uint64_t id, *last = NULL, next;

	for (; !bpf_map_get_next_key(status->rules_fd, last, &next); last = &id) {
		struct cgbpf_cgroup seen = {};
		struct cgbpf_rule rule;

		id = next;
		if (bpf_map_lookup_elem(status->rules_fd, &id, &rule))
			continue;
		rule.target[sizeof(rule.target) - 1] = '\0';
		bpf_map_lookup_elem(status->cgroups_fd, &id, &seen);
		print_row(status, id, &rule, &seen);
	}
}

static void print_all(struct status *status)
{
	const struct cgbpf_stats *stats = &status->stats;

	if (status->rows) {
		json_t *all;
		char *text;

		each_rule(status);
		all = json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:O}", "running", 1, "blind",
				status->is_blind, "holds", (json_int_t)stats->hold_cnt,
				"hold_longest_ns", (json_int_t)stats->hold_longest_ns, "kills",
				(json_int_t)stats->kill_cnt, "events_lost",
				(json_int_t)(stats->urgent_lost_cnt + stats->note_lost_cnt),
				"cgroups", status->rows);
		text = json_dumps(all, JSON_INDENT(2));
		if (text)
			puts(text);
		free(text);
		json_decref(all);
		return;
	}
	printf("%-32s %10s %10s %10s %10s %6s %5s %5s\n", "cgroup", "current", "max", "soft",
	       "hard", "events", "ooms", "kills");
	each_rule(status);
	printf("%s; %llu held at OOM, %llu killed, %llu events lost\n",
	       status->is_blind ? "BLIND: the kernel's programs do not run" : "seeing",
	       stats->hold_cnt, stats->kill_cnt, stats->urgent_lost_cnt + stats->note_lost_cnt);
}

static int open_all(struct status *status)
{
	int stats_fd = bpf_obj_get(CGBPF_PIN_STATS), err;
	struct timespec now;
	uint32_t first = 0;

	if (stats_fd < 0)
		return stats_fd;
	err = bpf_map_lookup_elem(stats_fd, &first, &status->stats);
	close(stats_fd);
	if (err || status->stats.abi_version != CGBPF_ABI_VERSION)
		return err ? err : -EINVAL;
	clock_gettime(CLOCK_MONOTONIC, &now);
	status->is_blind =
		(uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec - status->stats.heartbeat_ns >
		BLIND_AFTER_NS;
	status->rules_fd = bpf_obj_get(CGBPF_PIN_RULES);
	status->cgroups_fd = bpf_obj_get(CGBPF_PIN_CGROUPS);
	err = cgfs_open_root(&status->root_fd);
	return status->rules_fd < 0	? status->rules_fd
	       : status->cgroups_fd < 0 ? status->cgroups_fd
					: err;
}

static int main_status(int argc, char **argv)
{
	struct status status = {-1, -1, -1, {}, false, NULL};
	bool is_json = false;
	const struct param params[] = {
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	int err = params_parse(&cmd_status, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	/* Pins outlive a controller that was killed. */
	err = protect_is_locked() ? open_all(&status) : -ENOENT;
	if (err == -ENOENT) {
		puts(is_json ? "{\"running\": false}" : "no controller is running");
		return EXIT_DONE;
	}
	if (err) {
		log_error("status: " CGBPF_PIN_DIR ": %s", strerror(-err));
		return err == -EPERM || err == -EACCES ? EXIT_CANNOT : EXIT_FAILED;
	}
	if (is_json)
		status.rows = json_array();
	print_all(&status);
	json_decref(status.rows);
	return EXIT_DONE;
}

const struct command cmd_status = {
	"status",
	"what is governed now, and whether the kernel's side is seeing",
	NULL,
	main_status,
};

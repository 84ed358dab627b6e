// SPDX-License-Identifier: BSD-2-Clause
/* The command `squeeze`: its options, and the question before it does harm. It never does the work
 * itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/commands.h"
#include "user/log.h"
#include "user/plot.h"
#include "user/squeeze.h"
#include "user/text.h"
#include "user/units.h"

#define INTERVAL_DEFAULT_NS (2 * 1000000000ULL)
#define INTERVAL_LEAST_NS (10 * 1000000ULL)
#define INTERVAL_MOST_NS (3600 * 1000000000ULL)

struct options {
	const char *cgroup, *container, *from, *to, *step, *svg;
	uint64_t interval_ns;
	bool is_yes, is_json;
};

/* Whole pages, as the kernel rounds it. */
static int parse_size(const char *name, const char *text, uint64_t *ret_bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes;
	char shown[64];

	if (!text) {
		log_error("squeeze: option '--%s' is needed (see 'cgbpf help squeeze')", name);
		return -EINVAL;
	}
	if (units_parse_bytes(text, &bytes) || bytes < page) {
		log_error("squeeze: option '--%s': '%s' is not a size from one page on, like 64M",
			  name, text_escape(text, strlen(text), shown, sizeof(shown)));
		return -EINVAL;
	}
	*ret_bytes = bytes / page * page;
	return 0;
}

static int plan_of(const struct options *options, struct squeeze_plan *ret_plan)
{
	struct squeeze_plan plan = {.interval_ns = options->interval_ns};

	if (!options->cgroup == !options->container) {
		log_error("squeeze: name one cgroup with --cgroup, or one container with "
			  "--container: nothing is squeezed that was not named");
		return -EINVAL;
	}
	if (parse_size("from", options->from, &plan.from_bytes) ||
	    parse_size("to", options->to, &plan.to_bytes) ||
	    parse_size("step", options->step, &plan.step_bytes))
		return -EINVAL;
	if (plan.to_bytes > plan.from_bytes) {
		log_error("squeeze: '--to' lies above '--from': a limit is only lowered");
		return -EINVAL;
	}
	if (plan.interval_ns < INTERVAL_LEAST_NS || plan.interval_ns > INTERVAL_MOST_NS) {
		log_error("squeeze: option '--interval' is from 0.01 to 3600 seconds");
		return -EINVAL;
	}
	if (squeeze_level_cnt(&plan) > SQUEEZE_MAX_LEVELS) {
		log_error("squeeze: more than %d limits from '--from' to '--to': a larger "
			  "'--step' is needed",
			  SQUEEZE_MAX_LEVELS);
		return -EINVAL;
	}
	*ret_plan = plan;
	return 0;
}

static bool is_agreed(const struct squeeze_target *target, const struct squeeze_plan *plan)
{
	char from[16], to[16], shown[512], answer[16] = "";

	if (!isatty(STDIN_FILENO)) {
		log_error("squeeze: it makes the kernel kill: say --yes where nobody can be asked");
		return false;
	}
	fprintf(stderr,
		"%s: memory.max goes from %s down to %s in %zu limits, and the kernel will kill "
		"what does not fit. Go on? [y/N] ",
		text_escape(target->path, strlen(target->path), shown, sizeof(shown)),
		units_format_bytes(plan->from_bytes, from, sizeof(from)),
		units_format_bytes(plan->to_bytes, to, sizeof(to)), squeeze_level_cnt(plan));
	if (!fgets(answer, sizeof(answer), stdin) ||
	    (strcmp(answer, "y\n") != 0 && strcmp(answer, "yes\n") != 0)) {
		log_error("squeeze: not agreed to, nothing was changed");
		return false;
	}
	return true;
}

static void show(const struct squeeze_target *target, const struct squeeze_record *record,
		 bool is_json)
{
	json_t *json;

	if (!record->level_cnt && !record->end)
		return; /* it did not begin */
	if (!is_json) {
		squeeze_print(target, record);
		return;
	}
	json = squeeze_json(target, record);
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(json);
}

static int squeeze(const struct options *options, const struct squeeze_plan *plan)
{
	struct squeeze_record record = {.plan = *plan};
	struct squeeze_target target = {.dir_fd = -1};
	int root_fd = -1, status = EXIT_WRONG_CALL, err = cgfs_open_root(&root_fd);

	if (err) {
		log_error("squeeze: " CGFS_ROOT ": %s", strerror(-err));
		return EXIT_CANNOT;
	}
	err = squeeze_target__find(root_fd, options->cgroup, options->container, &target);
	if (err == -EHOSTDOWN)
		status = EXIT_FAILED;
	if (!err) {
		if (options->is_yes || is_agreed(&target, plan)) {
			status = squeeze_drill(root_fd, &target, &record);
			show(&target, &record, options->is_json);
			if (options->svg && record.level_cnt &&
			    squeeze_plot(&target, &record, options->svg) && !status)
				status = EXIT_FAILED;
		}
	}
	squeeze_record__free(&record);
	squeeze_target__free(&target);
	close(root_fd);
	return status;
}

static int main_squeeze(int argc, char **argv)
{
	struct options options = {.interval_ns = INTERVAL_DEFAULT_NS};
	const struct param params[] = {
		{"cgroup", 0, PARAM_STRING, "PATH", "the cgroup, below " CGFS_ROOT, &options.cgroup,
		 0, 0},
		{"container", 0, PARAM_STRING, "NAME",
		 "the container with this name or id, of the Docker Engine", &options.container, 0,
		 0},
		{"from", 0, PARAM_STRING, "SIZE", "the first limit, such as 512M", &options.from, 0,
		 0},
		{"to", 0, PARAM_STRING, "SIZE", "the last limit", &options.to, 0, 0},
		{"step", 0, PARAM_STRING, "SIZE", "how far it is lowered each time", &options.step,
		 0, 0},
		{"interval", 0, PARAM_SECONDS, "SEC",
		 "a limit has settled when nothing was killed for so long (2)",
		 &options.interval_ns, 0, 0},
		{"yes", 'y', PARAM_FLAG, NULL, "do not ask", &options.is_yes, 0, 0},
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &options.is_json, 0, 0},
		{"svg", 0, PARAM_STRING, "FILE", "draw it, with gnuplot", &options.svg, 0, 0},
		{0},
	};
	struct squeeze_plan plan;
	int err = params_parse(&cmd_squeeze, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (plan_of(&options, &plan))
		return EXIT_WRONG_CALL;
	err = options.svg ? plot_check(options.svg) : 0;
	if (err) {
		log_error("squeeze: %s: %s", options.svg, plot_error(err));
		return err == -ENOPKG ? EXIT_CANNOT : EXIT_WRONG_CALL;
	}
	if (geteuid() != 0) {
		log_error("squeeze: root is needed: run it with sudo");
		return EXIT_CANNOT;
	}
	return squeeze(&options, &plan);
}

const struct command cmd_squeeze = {
	"squeeze",
	"lower memory.max step by step and watch what the kernel kills",
	"A drill: it makes the kernel kill, in the cgroup or container that is named and nowhere "
	"else. It asks before, unless --yes. The limit is put back at the end, on SIGINT too; "
	"after a crash by 'cgbpf restore'.",
	main_squeeze,
};

// SPDX-License-Identifier: BSD-2-Clause
/* The command `bench-latency`: how long a limit change takes, by every road. It checks the call and
 * hands out the results; it never measures by itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/commands.h"
#include "user/engine.h"
#include "user/feature.h"
#include "user/latency_method.h"
#include "user/latency_picture.h"
#include "user/latency_report.h"
#include "user/latency_session.h"
#include "user/log.h"
#include "user/plot.h"
#include "user/text.h"

#define DEFAULT_ITERATIONS 200
#define DEFAULT_WRITES_EACH 5 /* for each iteration, where --writes is not given */
#define MAX_ITERATIONS 100000
#define CSV_HEAD                                                                                   \
	"method,knob,round,result,start_ns,cli_wall_ns,request_to_kernel_ns,write_only_ns\n"

struct call {
	struct latency_options options;
	const char *methods, *docker_host, *svg, *samples;
	bool is_json;
};

/* "a,b,c"; without a list all are wanted. */
static int choose_methods(const char *list, struct latency_options *options)
{
	char shown[128];

	for (int i = 0; i < LATENCY_METHODS; i++)
		options->is_wanted[i] = !list;
	while (list) {
		size_t len = strcspn(list, ",");
		enum latency_method method = latency_method_find(list, len);

		if (method == LATENCY_METHODS) {
			log_error("bench-latency: option '--methods': there is no method '%s' (see "
				  "'cgbpf help bench-latency')",
				  text_escape(list, len, shown, sizeof(shown)));
			return -EINVAL;
		}
		options->is_wanted[method] = true;
		list = list[len] ? list + len + 1 : NULL;
	}
	return 0;
}

/* What nothing can be measured without. */
static int check_host(const struct features *features)
{
	static const enum feature needed[] = {
		FEATURE_ROOT, FEATURE_CGROUP2, FEATURE_CGROUP2_WRITABLE,
		FEATURE_BTF,  FEATURE_FTRACE,  FEATURE_PROCESS};

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		const struct feature_row *row = feature_row(needed[i]);

		if (features->has[needed[i]])
			continue;
		log_error("bench-latency: %s is missing: %s", row->what, row->cure);
		return -ENOTSUP;
	}
	return 0;
}

/* All that can be wrong with the call, before anything is touched: an exit status. */
static int check_call(struct call *call)
{
	int err;

	if (choose_methods(call->methods, &call->options))
		return EXIT_WRONG_CALL;
	if (!call->options.writes)
		call->options.writes = call->options.iterations * DEFAULT_WRITES_EACH;
	if (call->docker_host && engine_use(call->docker_host)) {
		log_error("bench-latency: option '--docker-host': it is no unix socket, as "
			  "unix:///run/docker.sock");
		return EXIT_WRONG_CALL;
	}
	err = call->svg ? plot_check(call->svg) : 0;
	if (err) {
		log_error("bench-latency: %s: %s", call->svg, plot_error(err));
		return err == -ENOPKG ? EXIT_CANNOT : EXIT_WRONG_CALL;
	}
	return EXIT_DONE;
}

/* Empties it: where nothing can be measured, what was there stays. */
static int open_samples(struct call *call)
{
	call->options.samples = fopen(call->samples, "we");
	/* Flushed: a device that is full is found now, and not at the end. */
	if (!call->options.samples || fputs(CSV_HEAD, call->options.samples) < 0 ||
	    fflush(call->options.samples)) {
		log_error("bench-latency: %s: %s", call->samples, strerror(errno));
		return EXIT_WRONG_CALL;
	}
	return EXIT_DONE;
}

static int hand_out(const struct call *call, const struct latency_result *result)
{
	static struct latency_figures figures;
	char error[256];
	int err = latency_figures_of(result, &figures);

	if (err) {
		log_error("bench-latency: %s", strerror(-err));
		return EXIT_FAILED;
	}
	if (call->is_json)
		latency_print_json(&call->options, result, &figures);
	else
		latency_print_table(&call->options, result, &figures);
	if (!figures.has_any) {
		log_error("bench-latency: nothing could be measured");
		return EXIT_CANNOT;
	}
	err = call->svg ? latency_picture(result, &figures, call->svg, error, sizeof(error)) : 0;
	if (err)
		log_error("bench-latency: %s: %s%s%s", call->svg, plot_error(err),
			  *error ? ": " : "", error);
	return err ? EXIT_FAILED : EXIT_DONE;
}

static int measure(struct call *call)
{
	static struct latency_result result;
	struct features features;
	int status, told;

	features_probe(&features);
	if (check_host(&features))
		return EXIT_CANNOT;
	if (call->samples && open_samples(call))
		return EXIT_WRONG_CALL;
	status = latency_session(&call->options, &features, &result);
	if (result.ended[0])
		log_error("bench-latency: %s; what was measured until then follows", result.ended);
	if (result.is_worth_telling) {
		told = hand_out(call, &result);
		status = status == EXIT_DONE ? told : status;
	}
	latency_result_free(&result);
	if (call->options.samples && fclose(call->options.samples) != 0) {
		log_error("bench-latency: %s: %s", call->samples, strerror(errno));
		status = EXIT_FAILED;
	}
	return status;
}

static int main_bench_latency(int argc, char **argv)
{
	struct call call = {.options = {.iterations = DEFAULT_ITERATIONS}};
	const struct param params[] = {
		{"iterations", 0, PARAM_UINT, "N",
		 "rounds: changes of each limit by each client (200)", &call.options.iterations, 1,
		 MAX_ITERATIONS},
		{"writes", 0, PARAM_UINT, "N",
		 "changes of each limit by each writer (five times the iterations)",
		 &call.options.writes, 1, MAX_ITERATIONS * 10},
		{"methods", 0, PARAM_STRING, "LIST",
		 "only these, with commas: docker-update, docker-api, runc-update, crun-update, "
		 "systemctl-set-property, shell-echo, open-write, cgbpf, bare-pwrite",
		 &call.methods, 0, 0},
		{"container", 0, PARAM_STRING, "NAME",
		 "change this running container's limits, and put them back (they are named at "
		 "first: after SIGKILL nothing else has them); without it a container is made and "
		 "removed",
		 &call.options.container, 0, 0},
		{"docker-host", 0, PARAM_STRING, "SOCKET",
		 "the Docker Engine's (DOCKER_HOST, else /var/run/docker.sock)", &call.docker_host,
		 0, 0},
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &call.is_json, 0, 0},
		{"svg", 0, PARAM_STRING, "FILE", "draw stages and distributions (needs gnuplot)",
		 &call.svg, 0, 0},
		{"samples", 0, PARAM_STRING, "FILE", "write every sample as a line of CSV",
		 &call.samples, 0, 0},
		{0},
	};
	int err = params_parse(&cmd_bench_latency, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	err = check_call(&call);
	return err ? err : measure(&call);
}

const struct command cmd_bench_latency = {
	"bench-latency",
	"how long a limit change takes, by every road",
	"Changes memory.max and cpu.max by every method in turn and stamps in the kernel when each "
	"began and ended. Every change is read back. Three clocks: cli_wall, from the start of the "
	"client to its exit; request_to_kernel, from the daemon's receive (or the client's first "
	"instruction) to the end of the kernel's write; write_only, that write alone. What is not "
	"installed is left out and named. Ends with 0 if anything was measured.",
	main_bench_latency,
};

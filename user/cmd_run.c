// SPDX-License-Identifier: BSD-2-Clause
/* The command `run`: its options. It never does the work itself. */
#include "user/commands.h"
#include "user/log.h"
#include "user/run.h"

static int main_run(int argc, char **argv)
{
	struct run_options options = {};
	bool is_verbose = false, is_quiet = false;
	const struct param params[] = {
		{"config", 'c', PARAM_STRING, "FILE",
		 "configuration (./cgbpf.yaml, /etc/cgbpf/cgbpf.yaml, or every limited cgroup)",
		 &options.config_file, 0, 0},
		{"dry-run", 0, PARAM_FLAG, NULL,
		 "do everything but write; the journal says what would have been written",
		 &options.is_dry_run, 0, 0},
		{"duration", 0, PARAM_SECONDS, "SEC", "end after this long", &options.duration_ns,
		 0, 0},
		{"journal", 0, PARAM_STRING, "FILE", "append a JSON line for everything done",
		 &options.journal_file, 0, 0},
		{"samples", 0, PARAM_STRING, "FILE",
		 "append a JSON line for every cgroup and interval, and for every change",
		 &options.samples_file, 0, 0},
		{"keep", 0, PARAM_FLAG, NULL,
		 "leave limits as they are at the end; 'restore' and the next run put them back",
		 &options.is_kept, 0, 0},
		{"observe", 0, PARAM_FLAG, NULL,
		 "write nothing: tell throttling, stalls, kills and limits that are met",
		 &options.is_observing, 0, 0},
		{"quiet", 'q', PARAM_FLAG, NULL, "say only what is wrong", &is_quiet, 0, 0},
		{"verbose", 'v', PARAM_FLAG, NULL, "say more", &is_verbose, 0, 0},
		{0},
	};
	int err = params_parse(&cmd_run, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (options.is_observing && (options.is_dry_run || options.is_kept)) {
		log_error("run: --observe changes nothing: not with --dry-run or --keep");
		return EXIT_WRONG_CALL;
	}
	if (is_verbose || is_quiet)
		log_set_level(is_verbose ? LOG_LEVEL_VERBOSE : LOG_LEVEL_QUIET);
	return run(&options);
}

const struct command cmd_run = {
	"run",
	"govern cgroups: raise a limit before the kernel kills, give it back later",
	"SIGTERM and SIGINT put every limit back and end it; SIGHUP reloads the configuration.\n"
	"What it changed is in the ledger: after a crash, 'cgbpf restore' puts it back.",
	main_run,
};

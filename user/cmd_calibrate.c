// SPDX-License-Identifier: BSD-2-Clause
/* The command `calibrate`: its options, and whether they make sense together. It never does the
 * work itself. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "user/calibrate.h"
#include "user/commands.h"
#include "user/feature.h"
#include "user/log.h"
#include "user/text.h"
#include "user/units.h"
#include "user/when.h"

#define MS_NS 1000000ULL
#define INTERVAL_LEAST_NS (10 * MS_NS)
#define INTERVAL_MOST_NS (3600 * 1000 * MS_NS)
#define INTERVAL_NS (1000 * MS_NS)
#define DURATION_LEAST_NS MS_NS

struct texts {
	const char *from, *to, *interval, *format;
};

static uint64_t real_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int wrong(const char *option, const char *text, const char *why)
{
	char shown[128];

	log_error("calibrate: option '%s': '%s' %s", option,
		  text_escape(text, strlen(text), shown, sizeof(shown)), why);
	return EXIT_WRONG_CALL;
}

/* A bare number counts milliseconds. */
static int read_interval(const char *text, uint64_t *ret_ns)
{
	char ms[32];
	uint64_t ns;

	if (!text[strspn(text, "0123456789.")] && strlen(text) < sizeof(ms) - 2) {
		strcat(strcpy(ms, text), "ms");
		if (units_parse_duration(ms, &ns))
			return wrong("--interval", text, "is not a time such as 100 (ms) or 1s");
	} else if (units_parse_duration(text, &ns)) {
		return wrong("--interval", text, "is not a time such as 100 (ms) or 1s");
	}
	if (ns < INTERVAL_LEAST_NS || ns > INTERVAL_MOST_NS)
		return wrong("--interval", text, "is outside 10 ms to 1 h");
	*ret_ns = ns;
	return 0;
}

static int read_moment(const char *option, const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
	if (when_parse(text, now_ns, ret_ns))
		return wrong(option, text, "is not a time such as 2026-11-24T18:30:00Z or now+5m");
	if (*ret_ns < now_ns)
		return wrong(option, text, "lies in the past");
	return 0;
}

static int read_span(const struct texts *texts, struct calibrate_options *options)
{
	uint64_t now_ns = real_now_ns(), from_ns = now_ns, to_ns = 0;
	int status = 0;

	if (!texts->from != !texts->to || !texts->from == !options->duration_ns) {
		log_error("calibrate: wants --duration, or --from and --to (see 'cgbpf help "
			  "calibrate')");
		return EXIT_WRONG_CALL;
	}
	if (options->duration_ns) {
		if (options->duration_ns < DURATION_LEAST_NS)
			log_error("calibrate: --duration is shorter than 1 ms");
		return options->duration_ns < DURATION_LEAST_NS ? EXIT_WRONG_CALL : 0;
	}
	status = read_moment("--from", texts->from, now_ns, &from_ns);
	if (!status)
		status = read_moment("--to", texts->to, now_ns, &to_ns);
	if (!status && to_ns <= from_ns)
		status = wrong("--to", texts->to, "is not after --from");
	if (status)
		return status;
	options->wait_ns = from_ns - now_ns;
	options->duration_ns = to_ns - from_ns;
	return 0;
}

static int read_format(const char *text, enum calibrate_format *ret_format)
{
	if (text && strcmp(text, "json") != 0 && strcmp(text, "csv") != 0)
		return wrong("--format", text, "is neither json nor csv");
	*ret_format = text && strcmp(text, "csv") == 0 ? CALIBRATE_CSV : CALIBRATE_JSON;
	return 0;
}

/* What sampling cannot do without. */
static int cannot(void)
{
	static const enum feature wanted[] = {FEATURE_ROOT, FEATURE_CGROUP2,
					      FEATURE_MEMORY_CONTROLLER, FEATURE_BTF,
					      FEATURE_SAMPLE};
	struct features features;

	features_probe(&features);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		const struct feature_row *row = feature_row(wanted[i]);

		if (features.has[wanted[i]])
			continue;
		log_error("calibrate: %s is missing: %s; %s (see 'cgbpf doctor')", row->what,
			  row->lost, row->cure);
		return EXIT_CANNOT;
	}
	return 0;
}

static int main_calibrate(int argc, char **argv)
{
	struct calibrate_options options = {.interval_ns = INTERVAL_NS};
	struct texts texts = {};
	uint64_t duration_ns = UINT64_MAX;
	bool is_quiet = false;
	const struct param params[] = {
		{"duration", 0, PARAM_SECONDS, "SEC", "sample from now on, for this long",
		 &duration_ns, 0, 0},
		{"from", 0, PARAM_STRING, "TIME",
		 "the first sample's time: RFC 3339, now, or now+5m", &texts.from, 0, 0},
		{"to", 0, PARAM_STRING, "TIME", "the last sample's time", &texts.to, 0, 0},
		{"interval", 0, PARAM_STRING, "MS",
		 "time between samples: milliseconds, or with a unit (1s; at least 10)",
		 &texts.interval, 0, 0},
		{"cgroup", 0, PARAM_LIST, "GLOB",
		 "only cgroups whose path below the root matches; may be given again",
		 &options.globs, 0, 0},
		{"output", 'o', PARAM_STRING, "FILE", "the result (standard output)",
		 &options.output_file, 0, 0},
		{"format", 0, PARAM_STRING, "FORMAT", "json or csv", &texts.format, 0, 0},
		{"recommend", 0, PARAM_STRING, "FILE",
		 "also write soft and hard limits that the data support, as a configuration for "
		 "'run -c'",
		 &options.recommend_file, 0, 0},
		{"quiet", 'q', PARAM_FLAG, NULL, "say only what is wrong", &is_quiet, 0, 0},
		{"verbose", 'v', PARAM_FLAG, NULL, "a table for people, too", &options.is_table, 0,
		 0},
		{0},
	};
	int err = params_parse(&cmd_calibrate, params, argc, argv), status;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (duration_ns == 0)
		return wrong("--duration", "0", "is no time at all");
	options.duration_ns = duration_ns == UINT64_MAX ? 0 : duration_ns;
	options.is_quiet = is_quiet;
	status = read_span(&texts, &options);
	if (!status && texts.interval)
		status = read_interval(texts.interval, &options.interval_ns);
	if (!status)
		status = read_format(texts.format, &options.format);
	if (!status)
		status = cannot();
	return status ? status : calibrate(&options);
}

const struct command cmd_calibrate = {
	"calibrate",
	"how much memory each cgroup uses: least, most and median over some time",
	"Sampled in the kernel, once an interval, for all cgroups in one walk; nothing is "
	"changed.\n"
	"The result is what 'machine: { calibration: FILE }' of 'run' takes.\n"
	"Interrupted, it writes what it has, marks it partial, and exits with 1.",
	main_calibrate,
};

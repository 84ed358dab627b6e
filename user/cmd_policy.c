// SPDX-License-Identifier: BSD-2-Clause
/* The command `policy`: train, evaluate and retrain. It never does the work itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/commands.h"
#include "user/log.h"
#include "user/model.h"
#include "user/outfile.h"
#include "user/policy_journal.h"
#include "user/policy_replay.h"
#include "user/policy_retrain.h"
#include "user/policy_save.h"
#include "user/policy_train.h"
#include "user/text.h"

#define STEP_DEFAULT "0.25"
#define RETURN_AFTER_DEFAULT_NS (60 * 1000000000ULL)
/* Measured answers of the controller on real machines are shorter. */
#define REACTION_S 0.001

static const struct command train_command, evaluate_command, retrain_command;

static int parse_cores(const struct command *command, const char *text, double *ret_cores)
{
	char shown[64], *end;
	double cores = strtod(text, &end);

	if (end == text || *end || !(cores > 0) || !(cores <= 1024)) {
		log_error("%s: option '--step': '%s' is not a number of cores like 0.25",
			  command->name, text_escape(text, strlen(text), shown, sizeof(shown)));
		return -EINVAL;
	}
	*ret_cores = cores;
	return 0;
}

static int need(const struct command *command, const char *name, const char *value)
{
	if (value)
		return 0;
	log_error("%s: option '--%s' is needed (see 'cgbpf %s --help')", command->name, name,
		  command->name);
	return -EINVAL;
}

static void print_json(json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(json);
}

static void print_guess(const char *name, const struct errors *errors)
{
	printf("%-14s %8.3f %10.4f %8.4f %8.4f %8.4f\n", name, errors_r2(errors),
	       errors_mae(errors), errors_quantile(errors, 0.5), errors_quantile(errors, 0.9),
	       errors_quantile(errors, 0.99));
}

static void print_trained(const struct trained *trained)
{
	printf("%llu rows of %llu lines used; dropped:", (unsigned long long)trained->read.row_cnt,
	       (unsigned long long)trained->read.line_cnt);
	for (int i = 0; i < DROP_REASONS; i++)
		if (trained->read.dropped[i])
			printf(" %s %llu", policy_drop_name(i),
			       (unsigned long long)trained->read.dropped[i]);
	printf("\nridge penalty %g, spread %.3f cores; on %.0f held-out rows, in cores:\n",
	       trained->facts.ridge, trained->model.spread_cores, trained->held_out[0].n);
	printf("%-14s %8s %10s %8s %8s %8s\n", "", "R2", "mean error", "p50", "p90", "p99");
	print_guess("model", &trained->held_out[GUESS_MODEL]);
	print_guess("keep present", &trained->held_out[GUESS_KEEP]);
	print_guess("fixed step", &trained->held_out[GUESS_STEP]);
}

static int say_train(const char *file, int err, const struct trained *trained)
{
	char shown[256];

	text_escape(file, strlen(file), shown, sizeof(shown));
	if (err == -ENODATA)
		log_error("policy train: %s: too few rows to learn from: %llu of %llu lines, at "
			  "least %d are needed",
			  shown, (unsigned long long)trained->read.row_cnt,
			  (unsigned long long)trained->read.line_cnt, TRAIN_ROWS_LEAST);
	else if (err == -ELIBACC)
		log_error("policy train: LAPACKE is missing: install liblapacke");
	else
		log_error("policy train: %s: %s", shown,
			  err == -EINVAL ? "it is no regular file" : strerror(-err));
	return err == -ELIBACC ? EXIT_CANNOT : err == -ENOMEM ? EXIT_FAILED : EXIT_WRONG_CALL;
}

static int save(const char *output, const char *samples, const struct trained *trained)
{
	int fd = policy_save_lock(output), err;

	if (fd < 0)
		return fd;
	err = policy_save(output, samples, trained);
	close(fd);
	return err;
}

static int main_train(int argc, char **argv)
{
	const char *samples = NULL, *output = NULL, *step = STEP_DEFAULT;
	bool is_json = false, is_quiet = false;
	const struct param params[] = {
		{"samples", 0, PARAM_STRING, "FILE", "what 'run --samples' wrote", &samples, 0, 0},
		{"output", 'o', PARAM_STRING, "FILE",
		 "the model; its figures go beside it, as .metrics.json", &output, 0, 0},
		{"step", 0, PARAM_STRING, "CORES",
		 "the fixed step it is compared with (" STEP_DEFAULT ")", &step, 0, 0},
		{"quiet", 'q', PARAM_FLAG, NULL, "show no progress", &is_quiet, 0, 0},
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	struct trained *trained;
	double step_cores;
	int err = params_parse(&train_command, params, argc, argv), status = EXIT_DONE;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (need(&train_command, "samples", samples) || need(&train_command, "output", output) ||
	    parse_cores(&train_command, step, &step_cores))
		return EXIT_WRONG_CALL;
	err = outfile_check(output);
	if (err) {
		log_error("policy train: %s: %s", output,
			  err == -EINVAL ? "it is no regular file" : strerror(-err));
		return EXIT_WRONG_CALL;
	}
	trained = calloc(1, sizeof(*trained));
	if (!trained)
		return EXIT_FAILED;
	err = policy_train(samples, step_cores, NULL, !is_quiet, trained);
	if (err) {
		status = say_train(samples, err, trained);
	} else if ((err = save(output, samples, trained))) {
		log_error("policy train: %s: %s", output, strerror(-err));
		status = EXIT_FAILED;
	} else if (is_json) {
		print_json(policy_train_metrics(samples, trained));
	} else {
		print_trained(trained);
	}
	free(trained);
	return status;
}

static int replay(const char *samples, const char *model_file, const struct sim_rule *rule,
		  bool is_json)
{
	struct replayed replayed[REPLAYS];
	struct policy_model model;
	struct model_facts facts;
	char error[MODEL_ERROR_LEN];
	int err = 0;

	if (model_file && model__load(model_file, &model, &facts, error)) {
		log_error("policy evaluate: %s", error);
		return EXIT_WRONG_CALL;
	}
	err = policy_replay(samples, rule, model_file ? &model : NULL, replayed);
	if (err) {
		log_error("policy evaluate: %s: %s", samples,
			  err == -ENODATA ? "no usable rows" : strerror(-err));
		return EXIT_WRONG_CALL;
	}
	if (is_json)
		print_json(policy_replay_json(replayed));
	else
		policy_replay_print(replayed);
	return EXIT_DONE;
}

static int from_journal(const char *journal, double step_cores, bool is_json)
{
	struct advice advice;
	int err = policy_journal__read(journal, step_cores, &advice);

	if (err) {
		log_error("policy evaluate: %s: %s", journal, strerror(-err));
		return EXIT_WRONG_CALL;
	}
	if (is_json)
		print_json(policy_journal_json(&advice));
	else
		policy_journal_print(&advice);
	return EXIT_DONE;
}

static int main_evaluate(int argc, char **argv)
{
	const char *journal = NULL, *samples = NULL, *model = NULL, *step = STEP_DEFAULT;
	uint64_t return_after_ns = RETURN_AFTER_DEFAULT_NS;
	struct sim_rule rule = {.reaction_s = REACTION_S};
	bool is_json = false;
	const struct param params[] = {
		{"journal", 0, PARAM_STRING, "FILE",
		 "a journal of 'run': what became of the model's advice", &journal, 0, 0},
		{"replay", 0, PARAM_STRING, "SAMPLES",
		 "samples: what each policy would have done with that load", &samples, 0, 0},
		{"model", 0, PARAM_STRING, "FILE",
		 "the model, for --replay: without one its policy is left out", &model, 0, 0},
		{"step", 0, PARAM_STRING, "CORES", "the fixed step (" STEP_DEFAULT ")", &step, 0,
		 0},
		{"return-after", 0, PARAM_SECONDS, "SEC",
		 "how long use is low before a step is given back (60)", &return_after_ns, 0, 0},
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	int err = params_parse(&evaluate_command, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (!journal == !samples) {
		log_error("policy evaluate: give --journal or --replay, one of them");
		return EXIT_WRONG_CALL;
	}
	if (parse_cores(&evaluate_command, step, &rule.step_cores))
		return EXIT_WRONG_CALL;
	if (journal)
		return from_journal(journal, rule.step_cores, is_json);
	rule.return_after_s = (double)return_after_ns / 1e9;
	return replay(samples, model, &rule, is_json);
}

static int main_retrain(int argc, char **argv)
{
	const char *samples = NULL, *model = NULL, *history = NULL, *step = STEP_DEFAULT;
	bool is_json = false;
	const struct param params[] = {
		{"samples", 0, PARAM_STRING, "FILE", "what 'run --samples' wrote", &samples, 0, 0},
		{"model", 0, PARAM_STRING, "FILE", "the model, replaced only by a better one",
		 &model, 0, 0},
		{"history", 0, PARAM_STRING, "FILE", "a line of JSON is added for each call",
		 &history, 0, 0},
		{"step", 0, PARAM_STRING, "CORES", "the fixed step (" STEP_DEFAULT ")", &step, 0,
		 0},
		{"json", 0, PARAM_FLAG, NULL, "print JSON", &is_json, 0, 0},
		{0},
	};
	double step_cores;
	int err = params_parse(&retrain_command, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (need(&retrain_command, "samples", samples) || need(&retrain_command, "model", model) ||
	    need(&retrain_command, "history", history) ||
	    parse_cores(&retrain_command, step, &step_cores))
		return EXIT_WRONG_CALL;
	return policy_retrain(samples, model, history, step_cores, is_json);
}

static const struct command train_command = {
	"policy train",
	"fit a model to samples",
	"The newest fifth of the samples is held out: the figures say how the model does on it.",
	main_train,
};
static const struct command evaluate_command = {
	"policy evaluate",
	"what became of the model's advice, or what would have become of it",
	NULL,
	main_evaluate,
};
static const struct command retrain_command = {
	"policy retrain",
	"fit a model anew, and keep it only if it is better",
	"A controller takes the new model at its next reload (SIGHUP).",
	main_retrain,
};

static int main_policy(int argc, char **argv)
{
	const struct command *const parts[] = {&train_command, &evaluate_command, &retrain_command};
	const char *name = argc > 1 ? argv[1] : "--help";

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strcmp(strchr(parts[i]->name, ' ') + 1, name) == 0)
			return parts[i]->run(argc - 1, argv + 1);
	if (argc > 1 && strcmp(name, "--help") != 0) {
		log_error("policy: say train, evaluate or retrain (see 'cgbpf policy --help')");
		return EXIT_WRONG_CALL;
	}
	printf("Usage: cgbpf policy train|evaluate|retrain [OPTIONS]\n\n");
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		printf("  %-18s %s\n", parts[i]->name, parts[i]->summary);
	printf("\n'cgbpf policy train --help' says more.\n");
	return argc > 1 ? EXIT_DONE : EXIT_WRONG_CALL;
}

const struct command cmd_policy = {
	"policy",
	"train, evaluate and retrain the learned CPU policy",
	NULL,
	main_policy,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns how a command line is read and how its help looks. It never guesses: no abbreviations, no
 * repeats, no positional arguments, and nothing is filled in before everything was understood. */
#include "user/params.h"

#include "user/log.h"
#include "user/text.h"
#include "user/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMS 32 /* options of one command */
#define HELP_WIDTH 100
#define HELP_MAX_COLUMN 36 /* the sentences start here at the latest */

static const struct param help_param = {
	.name = "help", .type = PARAM_FLAG, .help = "Print this help and exit."};

/* What was read for one option, until all of the line is known to be right. */
struct reading {
	bool is_given;
	const char *text;
	uint64_t number;
	struct param_list list;
};

/* One option as it stands on the command line. */
struct word {
	char shown[128]; /* its name, escaped */
	const struct param *param;
	const char *value; /* behind "=", or NULL */
};

static int count_params(const struct param *params)
{
	int cnt = 0;

	while (params[cnt].name)
		cnt++;
	return cnt;
}

/* Splits "--name", "--name=VALUE" or "-c"; .param stays NULL when there is no such option. */
static struct word word_of(const struct param *params, const char *arg)
{
	bool is_long = !strncmp(arg, "--", 2);
	const char *equals = is_long ? strchr(arg, '=') : NULL;
	size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
	struct word word = {.value = equals ? equals + 1 : NULL};

	text_escape(arg, len, word.shown, sizeof(word.shown));
	for (const struct param *param = params; param->name && !word.param; param++) {
		bool is_name = is_long && strlen(param->name) == len - 2 &&
			       !strncmp(param->name, arg + 2, len - 2);
		bool is_letter = param->letter && len == 2 && arg[1] == param->letter;

		if (is_name || is_letter)
			word.param = param;
	}
	return word;
}

/* "2.5" counts seconds; all else must carry its unit. */
static int parse_seconds(const char *text, uint64_t *ret_ns)
{
	char seconds[64];
	int len;

	if (!isdigit((unsigned char)text[strlen(text) - 1]))
		return units_parse_duration(text, ret_ns);
	len = snprintf(seconds, sizeof(seconds), "%ss", text);
	return len < (int)sizeof(seconds) ? units_parse_duration(seconds, ret_ns) : -ERANGE;
}

static int parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	unsigned long long number;

	if (text[strspn(text, "0123456789")])
		return -EINVAL;
	errno = 0;
	number = strtoull(text, NULL, 10);
	if (errno || number < min || number > max)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

static int read_value(const struct command *command, const struct word *word, const char *value,
		      struct reading *ret_reading)
{
	const struct param *param = word->param;
	struct reading reading = {.is_given = true, .text = value, .list = ret_reading->list};
	char shown[128];
	int err = 0;

	text_escape(value, strlen(value), shown, sizeof(shown));
	if (param->type == PARAM_SECONDS) {
		err = parse_seconds(value, &reading.number);
		if (err)
			log_error("%s: option '%s': '%s' is not a time like 2.5 or 500ms",
				  command->name, word->shown, shown);
	} else if (param->type == PARAM_UINT) {
		err = parse_uint(value, param->min, param->max, &reading.number);
		if (err)
			log_error("%s: option '%s': '%s' is not a whole number from %" PRIu64
				  " to %" PRIu64,
				  command->name, word->shown, shown, param->min, param->max);
	}
	if (err)
		return -EINVAL;
	if (param->type == PARAM_LIST)
		reading.list.texts[reading.list.cnt++] = value;
	*ret_reading = reading;
	return 0;
}

/* Reads the option that ARGS starts with. Returns how many arguments it took, or -EINVAL after one
 * line that says why. */
static int read_option(const struct command *command, const struct param *params, char **args,
		       struct reading *readings)
{
	struct word word = word_of(params, args[0]);
	const char *value = word.value ? word.value : args[1];
	const char *why = NULL;
	struct reading *reading;

	if (args[0][0] != '-' || !args[0][1]) {
		log_error("%s: unexpected argument '%s' (see 'cgbpf help %s')", command->name,
			  word.shown, command->name);
		return -EINVAL;
	}
	if (!word.param) {
		log_error("%s: unknown option '%s' (see 'cgbpf help %s')", command->name,
			  word.shown, command->name);
		return -EINVAL;
	}
	reading = &readings[word.param - params];
	if (reading->is_given && word.param->type != PARAM_LIST)
		why = "is given twice";
	else if (reading->list.cnt == PARAM_LIST_MAX)
		why = "is given too often";
	else if (word.param->type == PARAM_FLAG && word.value)
		why = "takes no value";
	else if (word.param->type == PARAM_FLAG)
		reading->is_given = true;
	else if (!value)
		why = "needs a value";
	else if (!*value)
		why = "has an empty value";
	else if (!word.value && value[0] == '-' && value[1]) /* "-" alone is standard output */
		why = "needs a value; one that begins with '-' goes behind '='";
	if (why) {
		log_error("%s: option '%s' %s (see 'cgbpf help %s')", command->name, word.shown,
			  why, command->name);
		return -EINVAL;
	}
	if (word.param->type == PARAM_FLAG)
		return 1;
	if (read_value(command, &word, value, reading))
		return -EINVAL;
	return word.value ? 1 : 2;
}

static void store(const struct param *param, const struct reading *reading)
{
	switch (param->type) {
	case PARAM_FLAG:
		*(bool *)param->value = true;
		break;
	case PARAM_LIST:
		*(struct param_list *)param->value = reading->list;
		break;
	case PARAM_STRING:
		*(const char **)param->value = reading->text;
		break;
	case PARAM_SECONDS:
	case PARAM_UINT:
		*(uint64_t *)param->value = reading->number;
		break;
	}
}

int params_parse(const struct command *command, const struct param *params, int argc, char **argv)
{
	struct reading readings[MAX_PARAMS] = {0};
	int params_cnt = count_params(params);

	if (params_cnt > MAX_PARAMS) {
		log_error("%s: more than %d options in its table", command->name, MAX_PARAMS);
		return -EINVAL;
	}
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			params_print_help(command, params);
			return 1;
		}
	}
	for (int i = 1; i < argc;) {
		int taken = read_option(command, params, &argv[i], readings);

		if (taken < 0)
			return taken;
		i += taken;
	}
	for (int i = 0; i < params_cnt; i++) {
		if (readings[i].is_given)
			store(&params[i], &readings[i]);
	}
	return 0;
}

/* Prints TEXT word by word from COLUMN on; lines after the first start at INDENT. */
static void print_wrapped(const char *text, int column, int indent)
{
	bool is_line_start = true;

	while (*text) {
		int len = (int)strcspn(text, " \n");

		if (len && !is_line_start && column + 1 + len > HELP_WIDTH) {
			column = printf("\n%*s", indent, "") - 1;
			is_line_start = true;
		}
		if (len) {
			column += printf("%s%.*s", is_line_start ? "" : " ", len, text);
			is_line_start = false;
		}
		text += len;
		if (*text == '\n') {
			column = printf("\n%*s", indent, "") - 1;
			is_line_start = true;
		}
		text += *text != '\0';
	}
	putchar('\n');
}

/* "  -c, --config FILE" into BUF; returns its length. */
static int format_option(const struct param *param, char *buf, size_t len)
{
	char letter[5] = "    ";

	if (param->letter)
		snprintf(letter, sizeof(letter), "-%c, ", param->letter);
	return snprintf(buf, len, "  %s--%s%s%s", letter, param->name,
			param->type == PARAM_FLAG ? "" : " ",
			param->type == PARAM_FLAG ? "" : param->placeholder);
}

static void print_option(const struct param *param, int indent)
{
	char option[HELP_WIDTH];
	int len = format_option(param, option, sizeof(option));

	if (len + 2 > indent)
		printf("%s\n%*s", option, indent, "");
	else
		printf("%-*s", indent, option);
	print_wrapped(param->help, indent, indent);
}

void params_print_help(const struct command *command, const struct param *params)
{
	char option[HELP_WIDTH];
	int indent = format_option(&help_param, option, sizeof(option)) + 2;

	for (const struct param *param = params; param->name; param++) {
		int len = format_option(param, option, sizeof(option)) + 2;

		if (len > indent && len <= HELP_MAX_COLUMN)
			indent = len;
	}
	printf("Usage: cgbpf %s [OPTIONS]\n\n", command->name);
	print_wrapped(command->summary, 0, 0);
	if (command->description) {
		putchar('\n');
		print_wrapped(command->description, 0, 0);
	}
	printf("\nOptions:\n");
	for (const struct param *param = params; param->name; param++)
		print_option(param, indent);
	print_option(&help_param, indent);
	fflush(stdout);
}

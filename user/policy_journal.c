// SPDX-License-Identifier: BSD-2-Clause
/* Sums up what a journal says of the model's advice. It keeps no line of it. */
#include "user/policy_journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/line_read.h"

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static bool is_text(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && strcmp(value, text) == 0;
}

static void take_verdict(struct advice *advice, const json_t *ml, double step_cores)
{
	double stood_s = number(ml, "stood_ms") / 1000;

	advice->throttled_before_s += number(ml, "throttled_before_us") / 1e6;
	advice->throttled_after_s += number(ml, "throttled_after_us") / 1e6;
	advice->given_core_s += (number(ml, "applied_cores") - number(ml, "was_cores")) * stood_s;
	advice->step_core_s += step_cores * stood_s;
}

static void take_record(struct advice *advice, const json_t *record, double step_cores)
{
	const json_t *ml = json_object_get(record, "ml");

	if (!ml)
		return;
	if (is_text(record, "event", "ml_effective")) {
		advice->effective++;
		take_verdict(advice, ml, step_cores);
	} else if (is_text(record, "event", "ml_no_improvement")) {
		advice->no_improvement++;
		take_verdict(advice, ml, step_cores);
	} else {
		advice->asked++;
		if (is_text(record, "event", "ml_adjustment")) {
			advice->applied++;
			advice->given_cores +=
				number(ml, "applied_cores") - number(ml, "was_cores");
			advice->step_cores += step_cores;
		}
		advice->not_more += is_text(ml, "says", "not_more");
		advice->out_of_range += is_text(ml, "says", "out_of_range");
		advice->no_model += is_text(ml, "says", "no_model");
		advice->not_a_number += is_text(ml, "says", "not_a_number");
	}
}

int policy_journal__read(const char *file, double step_cores, struct advice *ret_advice)
{
	struct advice advice = {};
	FILE *f = fopen(file, "re");
	char *line = NULL;
	uint64_t len;
	int err;

	if (!f)
		return -errno;
	line = malloc(LINE_MOST);
	while (line && (len = line_read(f, line, LINE_MOST)) > 0) {
		json_t *record = len > LINE_MOST ? NULL : json_loadb(line, len, 0, NULL);

		advice.lines++;
		if (record)
			take_record(&advice, record, step_cores);
		else
			advice.malformed++;
		json_decref(record);
	}
	err = !line ? -ENOMEM : ferror(f) ? -EIO : 0;
	free(line);
	fclose(f);
	if (!err)
		*ret_advice = advice;
	return err;
}

json_t *policy_journal_json(const struct advice *advice)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:{s:f, s:f}, "
			 "s:{s:f, s:f}, "
			 "s:{s:f, s:f}}",
			 "lines", (json_int_t)advice->lines, "malformed",
			 (json_int_t)advice->malformed, "asked", (json_int_t)advice->asked,
			 "applied", (json_int_t)advice->applied, "effective",
			 (json_int_t)advice->effective, "no_improvement",
			 (json_int_t)advice->no_improvement, "refused", "not_more",
			 (json_int_t)advice->not_more, "out_of_range",
			 (json_int_t)advice->out_of_range, "no_model", (json_int_t)advice->no_model,
			 "not_a_number", (json_int_t)advice->not_a_number, "throttled_seconds",
			 "before", advice->throttled_before_s, "after", advice->throttled_after_s,
			 "cores_given", "model", advice->given_cores, "fixed_step",
			 advice->step_cores, "core_seconds_given", "model", advice->given_core_s,
			 "fixed_step", advice->step_core_s);
}

void policy_journal_print(const struct advice *advice)
{
	printf("%-40s %llu\n", "the model was asked", (unsigned long long)advice->asked);
	printf("%-40s %llu\n", "applied", (unsigned long long)advice->applied);
	printf("%-40s %llu\n", "  then less throttled (effective)",
	       (unsigned long long)advice->effective);
	printf("%-40s %llu\n", "  then not (no improvement)",
	       (unsigned long long)advice->no_improvement);
	printf("%-40s %llu\n", "not applied: it said no more than now",
	       (unsigned long long)advice->not_more);
	printf("%-40s %llu\n", "not applied: out of the trained range",
	       (unsigned long long)advice->out_of_range);
	printf("%-40s %llu\n", "not applied: no model",
	       (unsigned long long)advice->no_model + advice->not_a_number);
	printf("%-40s %.3f s before, %.3f s after\n", "throttled, round what was judged",
	       advice->throttled_before_s, advice->throttled_after_s);
	printf("%-40s %.2f; the fixed step: %.2f\n", "cores given by what was applied",
	       advice->given_cores, advice->step_cores);
	printf("%-40s %.2f; the fixed step: %.2f\n", "core-seconds until it was judged",
	       advice->given_core_s, advice->step_core_s);
	if (advice->malformed)
		printf("%llu lines are no JSON\n", (unsigned long long)advice->malformed);
}

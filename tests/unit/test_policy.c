/* SPDX-License-Identifier: BSD-2-Clause */
/* Promises of the model: what it says, what it refuses, how fast. It never trains or reads one. */
#include "user/policy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tests/fixtures/model_of_demand.h"

#define PROMISE(name) static void name(__attribute__((unused)) void **state)
#define CLOSE(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static const struct policy_observation seen = {
	.usage_cores = 0.5,
	.throttled_share = 0.5,
	.throttle_ratio = 1,
	.quota_cores = 0.5,
	.hard_cores = 4,
};

static struct policy_answer ask(const struct policy_model *model,
				const struct policy_observation *observation)
{
	struct policy_answer answer;

	policy_ask(model, observation, &answer);
	return answer;
}

PROMISE(what_is_throttled_half_of_the_time_needs_twice_its_use)
{
	double x[POLICY_FEATURES];

	policy_features(&seen, x);
	CLOSE(x[POLICY_DEMAND], 1.0);
}

PROMISE(demand_is_at_most_hard)
{
	struct policy_observation all = seen;
	double x[POLICY_FEATURES];

	all.usage_cores = 3;
	all.throttled_share = 1;
	policy_features(&all, x);
	CLOSE(x[POLICY_DEMAND], 4.0);
}

/* The mean of what lies above the quota, of a normal distribution round the prediction. */
PROMISE(it_says_what_is_needed_given_that_it_is_more_than_there_is)
{
	struct policy_model model = model_of_demand();
	struct policy_observation now = seen;
	struct policy_answer answer = ask(&model, &now);

	assert_int_equal(answer.says, POLICY_SAYS_CORES);
	CLOSE(answer.predicted_cores, 1.0);
	assert_true(answer.cores > 1.0 && answer.cores < 1.02);
	now.quota_cores = 1.0;
	CLOSE(ask(&model, &now).cores, 1.0 + 0.25 * 0.79788456080286541);
	model.spread_cores = 0;
	CLOSE(ask(&model, &now).cores, 1.0);
}

PROMISE(however_far_the_quota_is_beyond_the_prediction_it_says_a_little_more)
{
	struct policy_model model = model_of_demand();
	struct policy_observation now = seen;
	double before = 1;

	for (now.quota_cores = 1; now.quota_cores < 3.9; now.quota_cores += 0.01) {
		double cores = ask(&model, &now).cores;

		assert_true(cores > now.quota_cores && cores > before);
		assert_true(cores < now.quota_cores + 0.2);
		before = cores;
	}
	now.quota_cores = 1e6;
	CLOSE(ask(&model, &now).cores, 4.0);
}

PROMISE(it_says_no_more_than_hard_and_no_less_than_nothing)
{
	struct policy_model model = model_of_demand();

	model.intercept = 9;
	CLOSE(ask(&model, &seen).cores, 4.0);
	model.intercept = -9;
	model.spread_cores = 0;
	CLOSE(ask(&model, &seen).cores, 0.0);
}

PROMISE(without_a_model_it_says_so)
{
	assert_int_equal(ask(NULL, &seen).says, POLICY_NO_MODEL);
}

PROMISE(out_of_the_trained_range_it_is_not_trusted_and_names_the_feature)
{
	struct policy_model model = model_of_demand();
	struct policy_answer answer;

	model.weights[POLICY_USAGE].most = 0.4;
	model.weights[POLICY_USAGE].least = 0.0;
	answer = ask(&model, &seen);
	assert_int_equal(answer.says, POLICY_OUT_OF_RANGE);
	assert_int_equal(answer.feature, POLICY_USAGE);
	assert_string_equal(policy_feature_name(answer.feature), "usage_cores");
	/* A twentieth of the range beyond it is still near. */
	model.weights[POLICY_USAGE].most = 0.49;
	assert_int_equal(ask(&model, &seen).says, POLICY_SAYS_CORES);
}

PROMISE(what_is_no_number_is_not_said)
{
	struct policy_model model = model_of_demand();
	struct policy_observation odd = seen;

	odd.trend_cores = NAN;
	assert_int_equal(ask(&model, &odd).says, POLICY_NOT_A_NUMBER);
	odd.trend_cores = INFINITY;
	assert_int_not_equal(ask(&model, &odd).says, POLICY_SAYS_CORES);
}

PROMISE(a_prediction_costs_less_than_two_microseconds)
{
	struct policy_model model = model_of_demand();
	struct policy_observation observation = seen;
	struct timespec from, to;
	double sum = 0, ns;
	int cnt = 200000;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (int i = 0; i < cnt; i++) {
		observation.usage_cores = 0.5 + i * 1e-7;
		sum += ask(&model, &observation).cores;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / cnt;
	assert_true(sum > 0);
	print_message("%.0f ns a prediction\n", ns);
	assert_true(ns < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_throttled_half_of_the_time_needs_twice_its_use),
		cmocka_unit_test(demand_is_at_most_hard),
		cmocka_unit_test(it_says_what_is_needed_given_that_it_is_more_than_there_is),
		cmocka_unit_test(
			however_far_the_quota_is_beyond_the_prediction_it_says_a_little_more),
		cmocka_unit_test(it_says_no_more_than_hard_and_no_less_than_nothing),
		cmocka_unit_test(without_a_model_it_says_so),
		cmocka_unit_test(out_of_the_trained_range_it_is_not_trusted_and_names_the_feature),
		cmocka_unit_test(what_is_no_number_is_not_said),
		cmocka_unit_test(a_prediction_costs_less_than_two_microseconds),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}

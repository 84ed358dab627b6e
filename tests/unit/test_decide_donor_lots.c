/* SPDX-License-Identifier: BSD-2-Clause */
/* Draws donors by lot and holds user/decide_donor.c to what is always true. It never draws others
 * twice: CGBPF_SEED, else a fixed seed, gives the same lots. */
#include <stdlib.h>

#include "tests/fixtures/lots.h"
#include "user/amount.h"
#include "user/decide_donor.h"
#include "user/decide_memory.h"

#define ROUNDS 200000U
#define SEED 20260401U
#define MIB (1ULL << 20)
#define LEAST_HITS (ROUNDS / 20)

struct lot {
	struct donor donors[DONORS_MAX];
	size_t cnt;
	uint64_t missing_bytes;
	unsigned int cpus;
	struct donor_plan plan;
};

static uint64_t any(void)
{
	uint64_t bytes = draw() >> draw() % 64;

	return draw() % 8 ? bytes : UINT64_MAX - bytes % (64 * MIB);
}

static struct donor draw_likely(void)
{
	uint64_t limit = (draw() % (1 << 20) + 256) * PAGE_BYTES;
	struct donor donor = {
		.limit_bytes = limit,
		.usage_bytes = draw() % (limit + MIB) / (1 + draw() % 8),
		.min_bytes = draw() % limit / 2,
		.median_bytes = draw() % limit,
		.most_bytes = draw() % 2 ? UINT64_MAX : draw() % limit,
		.watermark_ppm = 500000 + draw() % 490001,
		.is_due = draw() % 4 == 0,
	};

	return donor;
}

static struct donor draw_wild(void)
{
	return (struct donor){any(),	 any(), any(),
			      any(),	 any(), draw() % 4 ? 500000 + draw() % 490001 : 0,
			      draw() % 2};
}

static void each_lot(bool (*check)(const struct lot *lot))
{
	unsigned int hit_cnt = 0;

	drawn = seed;
	for (round_no = 0; round_no < ROUNDS; round_no++) {
		struct lot lot = {.cnt = draw() % (DONORS_MAX + 1), .cpus = 1 + draw() % 128};

		for (size_t i = 0; i < lot.cnt; i++)
			lot.donors[i] = round_no % 4 == 3 ? draw_wild() : draw_likely();
		lot.missing_bytes = draw() % 4 ? draw() % (1024 * MIB) : any();
		decide_donor_plan(lot.donors, lot.cnt, lot.missing_bytes, lot.cpus, &lot.plan);
		hit_cnt += check(&lot);
	}
	if (hit_cnt < LEAST_HITS)
		fail_msg("only %u of %u rounds are worth their name", hit_cnt, ROUNDS);
}

#define PROPERTY(name)                                                                             \
	static bool check_##name(const struct lot *lot);                                           \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		each_lot(check_##name);                                                            \
	}                                                                                          \
	static bool check_##name(const struct lot *lot)

PROPERTY(what_is_taken_is_what_the_receiver_gets)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < DONORS_MAX; i++)
		sum += lot->plan.parts[i];
	promise(sum == lot->plan.total_bytes);
	promise(sum <= lot->missing_bytes);
	promise(sum % PAGE_BYTES == 0);
	promise(lot->plan.is_feasible == (sum != 0));
	return sum != 0;
}

PROPERTY(no_donor_falls_below_its_minimum)
{
	bool is_hit = false;

	for (size_t i = 0; i < lot->cnt; i++) {
		if (!lot->plan.parts[i])
			continue;
		promise(lot->donors[i].limit_bytes - lot->plan.parts[i] >=
			lot->donors[i].min_bytes);
		is_hit |= lot->donors[i].min_bytes > 0;
	}
	return is_hit;
}

PROPERTY(no_donor_falls_below_its_use_plus_a_margin)
{
	bool is_hit = false;

	for (size_t i = 0; i < lot->cnt; i++) {
		const struct donor *donor = &lot->donors[i];
		uint64_t left = donor->limit_bytes - lot->plan.parts[i];

		if (!lot->plan.parts[i])
			continue;
		promise(left >= donor->usage_bytes);
		promise(left - donor->usage_bytes >=
			decide_memory_margin(donor->usage_bytes, lot->cpus));
		promise(left - donor->usage_bytes >= 4 * MIB);
		is_hit = true;
	}
	return is_hit;
}

PROPERTY(no_donor_is_brought_to_its_own_watermark)
{
	bool is_hit = false;

	for (size_t i = 0; i < lot->cnt; i++) {
		const struct donor *donor = &lot->donors[i];
		uint64_t left = donor->limit_bytes - lot->plan.parts[i];

		if (!lot->plan.parts[i])
			continue;
		promise((unsigned __int128)donor->usage_bytes * 1000000 <
			(unsigned __int128)left * donor->watermark_ppm);
		is_hit = true;
	}
	return is_hit;
}

PROPERTY(only_who_uses_less_than_its_median_gives)
{
	bool is_hit = false;

	for (size_t i = 0; i < lot->cnt; i++) {
		const struct donor *donor = &lot->donors[i];

		if (donor->is_due || donor->usage_bytes < donor->median_bytes)
			continue;
		promise(!lot->plan.parts[i]);
		is_hit |= lot->plan.is_feasible;
	}
	return is_hit;
}

PROPERTY(nobody_gives_more_than_it_may)
{
	bool is_hit = false;

	for (size_t i = 0; i < lot->cnt; i++) {
		promise(lot->plan.parts[i] <= lot->donors[i].most_bytes);
		promise(lot->plan.parts[i] <= decide_donor_spare(&lot->donors[i], lot->cpus));
		is_hit |= lot->plan.parts[i] && lot->donors[i].most_bytes != UINT64_MAX;
	}
	for (size_t i = lot->cnt; i < DONORS_MAX; i++)
		promise(!lot->plan.parts[i]);
	return is_hit;
}

PROPERTY(who_can_spare_more_gives_no_less)
{
	bool is_hit = false;

	for (size_t i = 0; i < lot->cnt; i++) {
		for (size_t j = 0; j < lot->cnt; j++) {
			uint64_t a = decide_donor_spare(&lot->donors[i], lot->cpus);
			uint64_t b = decide_donor_spare(&lot->donors[j], lot->cpus);

			if (!lot->plan.is_feasible || a < b)
				continue;
			/* But for the pages that rounding leaves over. */
			promise(lot->plan.parts[i] + DONORS_MAX * PAGE_BYTES >= lot->plan.parts[j]);
			is_hit |= i != j;
		}
	}
	return is_hit;
}

PROPERTY(what_is_not_worth_a_raise_is_not_taken)
{
	if (lot->plan.is_feasible)
		promise(lot->plan.total_bytes >= 512 << 10);
	else
		for (size_t i = 0; i < DONORS_MAX; i++)
			promise(!lot->plan.parts[i]);
	return !lot->plan.is_feasible;
}

static void three_equal_donors_share_equally(void **state)
{
	struct donor donors[3];
	struct donor_plan plan;

	(void)state;
	for (int i = 0; i < 3; i++)
		donors[i] = (struct donor){64 * MIB,   8 * MIB, 8 * MIB, 40 * MIB,
					   UINT64_MAX, 900000,	false};
	decide_donor_plan(donors, 3, 48 * MIB, 2, &plan);
	assert_true(plan.is_feasible);
	for (int i = 0; i < 3; i++)
		assert_int_equal(plan.parts[i], 16 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_is_what_the_receiver_gets),
		cmocka_unit_test(no_donor_falls_below_its_minimum),
		cmocka_unit_test(no_donor_falls_below_its_use_plus_a_margin),
		cmocka_unit_test(no_donor_is_brought_to_its_own_watermark),
		cmocka_unit_test(only_who_uses_less_than_its_median_gives),
		cmocka_unit_test(nobody_gives_more_than_it_may),
		cmocka_unit_test(who_can_spare_more_gives_no_less),
		cmocka_unit_test(what_is_not_worth_a_raise_is_not_taken),
		cmocka_unit_test(three_equal_donors_share_equally),
	};

	seed = getenv("CGBPF_SEED") ? strtoull(getenv("CGBPF_SEED"), NULL, 0) : SEED;
	return cmocka_run_group_tests_name("decide_donor by lot", tests, NULL, NULL);
}

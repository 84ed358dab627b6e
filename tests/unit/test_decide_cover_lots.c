/* SPDX-License-Identifier: BSD-2-Clause */
/* Draws families by lot, a parent with a limit, one child in need and others that lend, and holds
 * decide_memory, decide_cover and decide_donor together to what is always true of the sum of their
 * limits. CGBPF_SEED, else a fixed seed, gives the same lots. */
#include <stdlib.h>

#include "tests/fixtures/lots.h"
#include "user/amount.h"
#include "user/decide_cover.h"
#include "user/decide_donor.h"
#include "user/decide_memory.h"

#define ROUNDS 20000U
#define RAISES 12
#define SEED 20260401U
#define MIB (1ULL << 20)
#define LEAST_HITS (ROUNDS / 20)

struct family {
	uint64_t limit_bytes; /* the parent's; UINT64_MAX: none */
	uint64_t others_bytes; /* in use below it by who is neither receiver nor donor */
	struct memory_rule rule;
	struct memory_observation receiver;
	struct donor donors[DONORS_MAX];
	size_t cnt;
	unsigned int cpus;
};

/* One raise: as it was before, what was planned and what came of it. */
struct raise {
	struct family before, after;
	struct cover_plan cover;
	uint64_t taken_bytes;
};

static uint64_t pages(uint64_t most_bytes)
{
	return draw() % (most_bytes / PAGE_BYTES + 1) * PAGE_BYTES;
}

static uint64_t used(const struct family *family)
{
	uint64_t sum = family->others_bytes + family->receiver.usage_bytes;

	for (size_t i = 0; i < family->cnt; i++)
		sum += family->donors[i].usage_bytes;
	return sum;
}

static uint64_t sum_of_limits(const struct family *family)
{
	uint64_t sum = family->receiver.limit_bytes;

	for (size_t i = 0; i < family->cnt; i++)
		sum += family->donors[i].limit_bytes;
	return sum;
}

static void draw_family(struct family *ret_family)
{
	struct family family = {.cnt = draw() % (DONORS_MAX + 1), .cpus = 1 + draw() % 16};
	uint64_t soft = 8 * MIB + pages(128 * MIB);

	family.rule = (struct memory_rule){soft, soft + pages(1024 * MIB), MIB + pages(32 * MIB),
					   500000 + draw() % 490001};
	family.receiver.limit_bytes = soft;
	family.receiver.usage_bytes = soft - pages(soft / 4);
	for (size_t i = 0; i < family.cnt; i++) {
		uint64_t limit = 8 * MIB + pages(256 * MIB);

		family.donors[i] = (struct donor){
			.limit_bytes = limit,
			.usage_bytes = pages(limit) / (1 + draw() % 8),
			.min_bytes = pages(limit) / 2,
			.median_bytes = pages(limit),
			.most_bytes = UINT64_MAX,
			.watermark_ppm = 500000 + draw() % 490001,
		};
	}
	family.others_bytes = draw() % 2 ? pages(64 * MIB) : 0;
	/* Some have promised more than they have, some have plenty. */
	family.limit_bytes = draw() % 8 ? used(&family) + pages(512 * MIB) : UINT64_MAX;
	*ret_family = family;
}

/* As cover.c and donors.c do it: the parts that are decisions. */
static struct raise answer(const struct family *family)
{
	struct raise raise = {.before = *family, .after = *family};
	struct memory_observation seen = family->receiver;
	struct cover_need need;
	struct donor_plan lent = {};
	struct memory_plan plan;

	seen.moment = MOMENT_OOM;
	seen.growth_bytes_per_ms = draw() % 4 ? 0 : draw() % (64 * MIB);
	seen.reaction_us = draw() % 5000;
	seen.reach_bytes = family->limit_bytes == UINT64_MAX
				   ? UINT64_MAX
				   : family->limit_bytes - used(family) + seen.usage_bytes;
	decide_memory_raise(&family->rule, &seen, draw() % 4 ? UINT64_MAX : pages(64 * MIB), &plan);
	if (!plan.is_raise && plan.reason != REASON_NO_HEADROOM &&
	    plan.reason != REASON_PARENT_BINDS)
		return raise;
	need = (struct cover_need){
		.limit_bytes = seen.limit_bytes,
		.wanted_bytes = plan.wanted_bytes,
		.given_bytes = plan.limit_bytes,
		.reach_bytes = seen.reach_bytes,
	};
	for (size_t i = 0; i < family->cnt; i++)
		need.promised_bytes +=
			family->donors[i].limit_bytes - family->donors[i].usage_bytes;
	decide_cover(&need, &raise.cover);
	if (raise.cover.missing_bytes)
		decide_donor_plan(family->donors, family->cnt, raise.cover.missing_bytes,
				  family->cpus, &lent);
	for (size_t i = 0; i < family->cnt; i++)
		raise.after.donors[i].limit_bytes -= lent.parts[i];
	raise.taken_bytes = lent.total_bytes;
	raise.after.receiver.limit_bytes =
		decide_cover_limit(&need, &raise.cover, lent.total_bytes);
	return raise;
}

/* The child fills what it gets, so that it is in need again. */
static void each_raise(bool (*check)(const struct family *first, const struct raise *raise))
{
	unsigned int hit_cnt = 0;

	drawn = seed;
	for (round_no = 0; round_no < ROUNDS; round_no++) {
		struct family first, family;

		draw_family(&first);
		family = first;
		for (int i = 0; i < RAISES; i++) {
			struct raise raise = answer(&family);

			hit_cnt += check(&first, &raise);
			family = raise.after;
			family.receiver.usage_bytes = family.receiver.limit_bytes;
			if (family.limit_bytes < used(&family))
				break; /* it was over its parent's limit from the start */
		}
	}
	if (hit_cnt < LEAST_HITS)
		fail_msg("only %u raises are worth their name", hit_cnt);
}

#define PROPERTY(name)                                                                             \
	static bool check_##name(const struct family *first, const struct raise *raise);           \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		each_raise(check_##name);                                                          \
	}                                                                                          \
	static bool check_##name(const struct family *first, const struct raise *raise)

PROPERTY(where_a_parent_binds_the_sum_of_limits_stays)
{
	const struct family *before = &raise->before, *after = &raise->after;

	(void)first;
	if (!raise->cover.is_bound || raise->cover.own_bytes > before->receiver.limit_bytes)
		return false;
	promise(sum_of_limits(after) == sum_of_limits(before));
	return raise->taken_bytes != 0;
}

PROPERTY(the_sum_of_limits_never_passes_what_it_was_or_the_parents_limit)
{
	uint64_t before = sum_of_limits(first), most;

	if (first->limit_bytes == UINT64_MAX)
		return false;
	most = first->limit_bytes - first->others_bytes;
	promise(sum_of_limits(&raise->after) <= (before > most ? before : most));
	return raise->taken_bytes != 0 && before > most;
}

PROPERTY(no_child_is_raised_past_what_its_parent_has)
{
	const struct family *before = &raise->before, *after = &raise->after;

	(void)first;
	if (before->limit_bytes == UINT64_MAX ||
	    after->receiver.limit_bytes == before->receiver.limit_bytes)
		return false;
	promise(after->receiver.limit_bytes - before->receiver.usage_bytes <=
		before->limit_bytes - used(before));
	return true;
}

PROPERTY(what_donors_give_up_is_what_the_child_gets_above_its_own)
{
	uint64_t from = raise->before.receiver.limit_bytes;
	uint64_t to = raise->after.receiver.limit_bytes;

	(void)first;
	promise(to >= from);
	promise(to == from || to - from >= LEAST_RAISE_BYTES);
	promise(to <= raise->before.rule.hard_bytes || to == from);
	if (!raise->taken_bytes)
		return false;
	promise(to - raise->cover.own_bytes == raise->taken_bytes);
	return true;
}

PROPERTY(no_parent_without_a_limit_binds)
{
	(void)first;
	if (raise->before.limit_bytes != UINT64_MAX)
		return false;
	promise(!raise->cover.is_bound);
	return true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_a_parent_binds_the_sum_of_limits_stays),
		cmocka_unit_test(the_sum_of_limits_never_passes_what_it_was_or_the_parents_limit),
		cmocka_unit_test(no_child_is_raised_past_what_its_parent_has),
		cmocka_unit_test(what_donors_give_up_is_what_the_child_gets_above_its_own),
		cmocka_unit_test(no_parent_without_a_limit_binds),
	};

	seed = getenv("CGBPF_SEED") ? strtoull(getenv("CGBPF_SEED"), NULL, 0) : SEED;
	return cmocka_run_group_tests_name("decide_cover by lot", tests, NULL, NULL);
}

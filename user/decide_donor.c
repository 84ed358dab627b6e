// SPDX-License-Identifier: BSD-2-Clause
/* Decides what each donor gives. It never reads, writes or asks the time. */
#include "user/decide_donor.h"

#include "user/amount.h"
#include "user/decide_memory.h"

/* After giving, use is at most this part of the watermark: giving must not call for the next raise.
 */
#define CALM_SHARE_PPM 900000ULL
/* What a donor may fault in while its limit is being written: huge pages on every CPU. */
#define MARGIN_LEAST_BYTES (4ULL << 20)
#define MARGIN_CPU_BYTES (2ULL << 20)

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t decide_donor_margin(uint64_t usage_bytes, unsigned int cpus)
{
	uint64_t margin = decide_memory_margin(usage_bytes, cpus);

	return most(margin, most(MARGIN_LEAST_BYTES, cpus * MARGIN_CPU_BYTES));
}

uint64_t decide_donor_spare(const struct donor *donor, unsigned int cpus)
{
	uint64_t usage = donor->usage_bytes, floor, spare;
	unsigned __int128 calm;

	if (donor->limit_bytes == UINT64_MAX || !donor->watermark_ppm ||
	    (!donor->is_due && usage >= donor->median_bytes))
		return 0;
	calm = (unsigned __int128)usage * PPM / donor->watermark_ppm * PPM / CALM_SHARE_PPM + 1;
	floor = most(donor->min_bytes, plus(usage, decide_donor_margin(usage, cpus)));
	floor = most(floor, calm < UINT64_MAX ? (uint64_t)calm : UINT64_MAX);
	spare = donor->limit_bytes > floor ? page_floor(donor->limit_bytes - floor) : 0;
	return spare < donor->most_bytes ? spare : page_floor(donor->most_bytes);
}

void decide_donor_plan(const struct donor *donors, size_t cnt, uint64_t missing_bytes,
		       unsigned int cpus, struct donor_plan *ret_plan)
{
	struct donor_plan plan = {};
	uint64_t spares[DONORS_MAX] = {}, take, left;

	for (size_t i = 0; i < cnt && i < DONORS_MAX; i++) {
		spares[i] = decide_donor_spare(&donors[i], cpus);
		plan.spare_bytes = plus(plan.spare_bytes, spares[i]);
		plan.spares_cnt += spares[i] != 0;
	}
	take = page_floor(missing_bytes < plan.spare_bytes ? missing_bytes : plan.spare_bytes);
	plan.is_feasible = take >= LEAST_RAISE_BYTES && plan.spare_bytes != UINT64_MAX;
	left = plan.is_feasible ? take : 0;
	for (size_t i = 0; left && i < DONORS_MAX; i++) {
		plan.parts[i] = page_floor(
			(uint64_t)((unsigned __int128)take * spares[i] / plan.spare_bytes));
		left -= plan.parts[i];
	}
	/* What rounding left over. */
	for (size_t i = 0; left && i < DONORS_MAX; i++) {
		uint64_t more = spares[i] - plan.parts[i];

		more = more < left ? more : left;
		plan.parts[i] += more;
		left -= more;
	}
	plan.total_bytes = plan.is_feasible ? take : 0;
	*ret_plan = plan;
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * Owns the taking of memory from donors, in the rescuing thread's hands: no allocation, no reclaim,
 * no wait. It never lowers a limit under what is in use plus the margin.
 */
#include "user/donors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/apply.h"
#include "user/units.h"

/* A donor as it was found for one plan. */
struct candidate {
	struct group *group;
	struct ranked_donor *ranked; /* NULL: it is asked for what it owes */
	struct donor donor;
	uint64_t spare_bytes; /* by what was known before it was asked */
	bool is_out; /* vanished, or grew */
};

static int read_usage(int fd, uint64_t *ret_bytes)
{
	char text[32];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return len < 0 ? -errno : -ENODEV;
	text[len] = '\0';
	return units_parse_limit(text, ret_bytes);
}

/* Is one of the two in the other? */
static bool are_related(const char *a, const char *b)
{
	size_t len_a = strlen(a), len_b = strlen(b);
	size_t len = len_a < len_b ? len_a : len_b;

	if (strncmp(a, b, len) != 0)
		return false;
	return len_a == len_b || (len_a > len_b ? a : b)[len] == '/';
}

static bool is_below(const struct ranked_donor *ranked, uint64_t ancestor_id)
{
	if (!ancestor_id)
		return true;
	for (int i = 0; i < DONORS_ANCESTORS_MAX && ranked->ancestors[i]; i++)
		if (ranked->ancestors[i] == ancestor_id)
			return true;
	return false;
}

static bool may_give(const struct group *group, const struct group *receiver)
{
	return group && group != receiver && !group->is_stopped && !group->is_shrinking &&
	       !group->is_never_donor && group->limit_bytes != UINT64_MAX &&
	       !are_related(group->path, receiver->path);
}

/* Below one another the limits are no sum. */
static bool is_counted(const struct group *group, const struct candidate *counted, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (are_related(group->path, counted[i].group->path))
			return true;
	return false;
}

/* The same among all: the outer one counts, where it is below BINDER_ID and may give itself. */
static bool is_inside(const struct donors *donors, const struct ranked_donor *ranked,
		      const struct group *receiver, uint64_t binder_id)
{
	for (int i = 0; ranked->within_id && i < DONORS_ANCESTORS_MAX; i++) {
		if (ranked->ancestors[i] == binder_id)
			return false;
		if (ranked->ancestors[i] == ranked->within_id)
			return may_give(groups__find(donors->groups, ranked->within_id), receiver);
	}
	return false;
}

static bool has_borrowed(const struct donors *donors, uint64_t id)
{
	for (size_t i = 0; i < donors->loans_cnt; i++)
		if (donors->loans[i].borrower_id == id)
			return true;
	return false;
}

/* Who owes something to RECEIVER. */
static size_t find_debtors(const struct donors *donors, const struct group *receiver,
			   struct candidate *candidates)
{
	size_t cnt = 0;

	for (size_t i = 0; i < donors->loans_cnt && cnt < DONORS_MAX; i++) {
		const struct loan *loan = &donors->loans[i];
		struct group *group;

		if (loan->lender_id != receiver->id)
			continue;
		group = groups__find(donors->groups, loan->borrower_id);
		if (!group || group->is_stopped || group->is_shrinking || group->usage_fd < 0)
			continue;
		candidates[cnt++] = (struct candidate){
			.group = group,
			.donor = {.most_bytes = loan->bytes, .is_due = true},
		};
	}
	return cnt;
}

/* Its limit as it stands, its use as it was last seen. */
static struct donor donor_of(const struct ranked_donor *ranked, const struct group *group)
{
	return (struct donor){
		.limit_bytes = group->limit_bytes,
		.usage_bytes = ranked->usage_bytes,
		.min_bytes = ranked->min_bytes,
		.median_bytes = ranked->median_bytes,
		.most_bytes = UINT64_MAX,
		.watermark_ppm = group->rule.watermark_ppm,
	};
}

/*
 * The MOST (at most DONORS_MAX) that can spare most and were not asked yet, by what is known
 * without reading: limits as they were lowered since the ranking. *RET_POSSIBLE_CNT: of how many.
 */
static size_t find_donors(struct donors *donors, const struct group *receiver, uint64_t binder_id,
			  size_t most, struct candidate *candidates, size_t *ret_possible_cnt)
{
	size_t cnt = 0, possible_cnt = 0;

	for (size_t i = 0; i < donors->ranked_cnt; i++) {
		struct ranked_donor *ranked = &donors->ranked[i];
		struct candidate one = {.ranked = ranked};
		size_t at;

		/* Nobody who comes now has more. */
		if (cnt == most && candidates[cnt - 1].spare_bytes >= ranked->spare_bytes)
			break;
		if (!is_below(ranked, binder_id))
			continue;
		one.group = groups__find(donors->groups, ranked->id);
		if (!may_give(one.group, receiver))
			continue;
		possible_cnt++;
		one.donor = donor_of(ranked, one.group);
		one.spare_bytes = decide_donor_spare(&one.donor, donors->apply->cpus);
		at = cnt;
		if (!one.spare_bytes || ranked->asked_no == donors->takings_cnt ||
		    has_borrowed(donors, ranked->id) || is_counted(one.group, candidates, cnt) ||
		    (cnt == most && candidates[--at].spare_bytes >= one.spare_bytes))
			continue;
		for (; at > 0 && candidates[at - 1].spare_bytes < one.spare_bytes; at--)
			candidates[at] = candidates[at - 1];
		candidates[at] = one;
		cnt += cnt < most;
	}
	for (size_t i = 0; i < cnt; i++)
		candidates[i].ranked->asked_no = donors->takings_cnt;
	*ret_possible_cnt = possible_cnt;
	return cnt;
}

/* What is read is remembered: the next raise passes over who has nothing, unread. */
static int look_at(const struct group *group, struct ranked_donor *ranked, uint64_t *ret_bytes)
{
	int err = read_usage(group->usage_fd, ret_bytes);

	if (ranked)
		ranked->usage_bytes = err ? UINT64_MAX : *ret_bytes;
	return err;
}

uint64_t donors__promised(struct donors *donors, const struct group *receiver, uint64_t binder_id)
{
	uint64_t bytes = 0, usage = 0;
	size_t read_cnt = 0;

	for (size_t i = 0; i < donors->ranked_cnt; i++) {
		struct ranked_donor *ranked = &donors->ranked[i];
		const struct group *group;

		if (!is_below(ranked, binder_id))
			continue;
		group = groups__find(donors->groups, ranked->id);
		if (!may_give(group, receiver) || is_inside(donors, ranked, receiver, binder_id))
			continue;
		if (group->usage_fd >= 0 && read_cnt++ < DONORS_READS_MAX)
			look_at(group, ranked, &usage);
		if (ranked->usage_bytes < ranked->median_bytes &&
		    ranked->usage_bytes < group->limit_bytes)
			bytes = plus(bytes, group->limit_bytes - ranked->usage_bytes);
	}
	return bytes;
}

static void plan_with(const struct donors *donors, struct candidate *candidates, size_t cnt,
		      uint64_t missing_bytes, struct donor_plan *ret_plan)
{
	struct donor seen[DONORS_MAX] = {};

	for (size_t i = 0; i < cnt; i++) {
		struct candidate *each = &candidates[i];

		each->donor.limit_bytes = each->group->limit_bytes;
		each->donor.watermark_ppm = each->group->rule.watermark_ppm;
		each->is_out |= look_at(each->group, each->ranked, &each->donor.usage_bytes) != 0;
		if (!each->is_out)
			seen[i] = each->donor;
	}
	decide_donor_plan(seen, cnt, missing_bytes, donors->apply->cpus, ret_plan);
}

/* Lowers as planned. On the first failure all are put back, and *RET_OUT is the one to do without.
 */
static int carry_out(struct donors *donors, struct candidate *candidates, size_t cnt,
		     const struct donor_plan *plan, struct taking *taking, size_t *ret_out)
{
	struct taking now = {};

	for (size_t i = 0; i < cnt; i++) {
		struct candidate *each = &candidates[i];
		uint64_t usage = each->donor.usage_bytes;
		int err;

		if (!plan->parts[i])
			continue;
		err = apply__lower_unused(
			donors->apply, each->group, each->group->limit_bytes - plan->parts[i],
			each->group->usage_fd, decide_donor_margin(usage, donors->apply->cpus));
		if (err) {
			donors__undo(donors, &now);
			*ret_out = i;
			return err;
		}
		now.donations[now.cnt++] = (struct donation){
			.id = each->group->id,
			.bytes = plan->parts[i],
			.limit_bytes = each->donor.limit_bytes - plan->parts[i],
			.is_repayment = each->donor.is_due,
		};
	}
	for (size_t i = 0; i < now.cnt && taking->cnt < DONORS_MAX; i++) {
		taking->donations[taking->cnt++] = now.donations[i];
		taking->bytes += now.donations[i].bytes;
	}
	return 0;
}

static void take_from(struct donors *donors, struct candidate *candidates, size_t cnt,
		      uint64_t missing_bytes, struct taking *taking)
{
	struct donor_plan plan;
	size_t out;

	/* Each turn but the last leaves one out. */
	for (size_t turn = 0; turn <= cnt; turn++) {
		plan_with(donors, candidates, cnt, missing_bytes, &plan);
		if (!turn) {
			taking->spares_cnt += plan.spares_cnt;
			taking->spare_bytes += plan.spare_bytes;
		}
		if (!plan.is_feasible || !carry_out(donors, candidates, cnt, &plan, taking, &out))
			return;
		candidates[out].is_out = true;
	}
}

void donors__take(struct donors *donors, const struct group *receiver, uint64_t binder_id,
		  uint64_t missing_bytes, struct taking *ret_taking)
{
	struct candidate candidates[DONORS_MAX];
	struct taking taking = {.is_of_parent = binder_id != 0};
	size_t cnt = find_debtors(donors, receiver, candidates), debtors_cnt = cnt;
	size_t possible_cnt = 0;

	donors->takings_cnt++;
	take_from(donors, candidates, cnt, missing_bytes, &taking);
	/* What is not remembered would not be given back. */
	for (int turn = 0;
	     turn < DONORS_TURNS && taking.bytes < missing_bytes && taking.cnt < DONORS_MAX &&
	     donors->loans_cnt + DONORS_MAX <= DONORS_LOANS_MAX;
	     turn++) {
		cnt = find_donors(donors, receiver, binder_id, DONORS_MAX - taking.cnt, candidates,
				  &possible_cnt);
		if (!cnt)
			break;
		take_from(donors, candidates, cnt, missing_bytes - taking.bytes, &taking);
	}
	taking.asked_cnt = debtors_cnt + possible_cnt;
	*ret_taking = taking;
}

void donors__undo(struct donors *donors, const struct taking *taking)
{
	uint64_t written_ns;

	for (size_t i = taking->cnt; i-- > 0;) {
		const struct donation *donation = &taking->donations[i];
		struct group *group = groups__find(donors->groups, donation->id);

		/* One that is gone needs nothing; what cannot be written goes back at exit. */
		if (group)
			apply__raise(donors->apply, group, group->limit_bytes + donation->bytes,
				     &written_ns);
	}
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * Owns the taking of memory from donors, in the rescuing thread's hands: no allocation, no reclaim,
 * no wait. It never lowers a limit under what is in use plus the margin.
 */
#include "user/donors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/units.h"

/* A donor as it was found for one plan. */
struct candidate {
	struct group *group;
	int usage_fd;
	struct donor donor;
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
static bool is_counted(const struct group *group, const struct group *const *counted, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (are_related(group->path, counted[i]->path))
			return true;
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

		if (loan->lender_id != receiver->id || loan->usage_fd < 0)
			continue;
		group = groups__find(donors->groups, loan->borrower_id);
		if (!group || group->is_stopped || group->is_shrinking)
			continue;
		candidates[cnt++] = (struct candidate){
			.group = group,
			.usage_fd = loan->usage_fd,
			.donor = {.most_bytes = loan->bytes, .is_due = true},
		};
	}
	return cnt;
}

static size_t find_donors(const struct donors *donors, const struct group *receiver,
			  uint64_t binder_id, struct candidate *candidates)
{
	const struct group *counted[DONORS_MAX];
	size_t cnt = 0;

	for (size_t i = 0; i < donors->ranked_cnt && cnt < DONORS_MAX; i++) {
		const struct ranked_donor *ranked = &donors->ranked[i];
		struct group *group = groups__find(donors->groups, ranked->id);

		if (!may_give(group, receiver) || !is_below(ranked, binder_id) ||
		    has_borrowed(donors, ranked->id) || is_counted(group, counted, cnt))
			continue;
		counted[cnt] = group;
		candidates[cnt++] = (struct candidate){
			.group = group,
			.usage_fd = ranked->usage_fd,
			.donor = {.min_bytes = ranked->min_bytes,
				  .median_bytes = ranked->median_bytes,
				  .most_bytes = UINT64_MAX},
		};
	}
	return cnt;
}

uint64_t donors__promised(const struct donors *donors, const struct group *receiver,
			  uint64_t binder_id)
{
	const struct group *counted[DONORS_RANKED_MAX];
	uint64_t bytes = 0, usage = 0, more;
	size_t cnt = 0;

	for (size_t i = 0; i < donors->ranked_cnt; i++) {
		const struct ranked_donor *ranked = &donors->ranked[i];
		const struct group *group = groups__find(donors->groups, ranked->id);

		if (!may_give(group, receiver) || !is_below(ranked, binder_id) ||
		    is_counted(group, counted, cnt) || read_usage(ranked->usage_fd, &usage))
			continue;
		counted[cnt++] = group;
		more = group->limit_bytes > usage ? group->limit_bytes - usage : 0;
		bytes += more < UINT64_MAX - bytes ? more : UINT64_MAX - bytes;
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
		each->is_out |= read_usage(each->usage_fd, &each->donor.usage_bytes) != 0;
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
		err = apply__lower_unused(donors->apply, each->group,
					  each->group->limit_bytes - plan->parts[i], each->usage_fd,
					  decide_donor_margin(usage, donors->apply->cpus));
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

	if (cnt > DONORS_MAX - taking->cnt)
		cnt = DONORS_MAX - taking->cnt;
	/* Each turn but the last leaves one out. */
	for (size_t turn = 0; turn <= cnt; turn++) {
		plan_with(donors, candidates, cnt, missing_bytes, &plan);
		if (!turn) {
			taking->asked_cnt += cnt;
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
	size_t cnt;

	/* What is not remembered would not be given back. */
	if (donors->loans_cnt + DONORS_MAX <= DONORS_LOANS_MAX) {
		cnt = find_debtors(donors, receiver, candidates);
		take_from(donors, candidates, cnt, missing_bytes, &taking);
		if (taking.bytes < missing_bytes) {
			cnt = find_donors(donors, receiver, binder_id, candidates);
			take_from(donors, candidates, cnt, missing_bytes - taking.bytes, &taking);
		}
	}
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

static void drop_loan(struct donors *donors, size_t i)
{
	if (donors->loans[i].usage_fd >= 0)
		close(donors->loans[i].usage_fd);
	donors->loans[i] = donors->loans[--donors->loans_cnt];
}

static void pay(struct donors *donors, uint64_t lender_id, uint64_t borrower_id, uint64_t bytes)
{
	for (size_t i = donors->loans_cnt; i-- > 0 && bytes;) {
		struct loan *loan = &donors->loans[i];
		uint64_t part = loan->bytes < bytes ? loan->bytes : bytes;

		if (loan->lender_id != lender_id ||
		    (borrower_id && loan->borrower_id != borrower_id))
			continue;
		bytes -= part;
		loan->bytes -= part;
		if (!loan->bytes)
			drop_loan(donors, i);
	}
}

static void lend(struct donors *donors, uint64_t lender_id, uint64_t borrower_id, uint64_t bytes,
		 bool is_of_parent)
{
	for (size_t i = 0; i < donors->loans_cnt; i++) {
		struct loan *loan = &donors->loans[i];

		if (loan->lender_id == lender_id && loan->borrower_id == borrower_id) {
			loan->bytes += bytes;
			loan->is_of_parent |= is_of_parent;
			return;
		}
	}
	if (donors->loans_cnt < DONORS_LOANS_MAX)
		donors->loans[donors->loans_cnt++] =
			(struct loan){lender_id, borrower_id, bytes, -1, is_of_parent};
}

void donors__keep(struct donors *donors, const struct group *receiver, const struct taking *taking)
{
	for (size_t i = 0; i < taking->cnt; i++) {
		const struct donation *donation = &taking->donations[i];

		if (donation->is_repayment)
			pay(donors, receiver->id, donation->id, donation->bytes);
		else
			lend(donors, donation->id, receiver->id, donation->bytes,
			     taking->is_of_parent);
	}
}

uint64_t donors__lent(const struct donors *donors, uint64_t id)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < donors->loans_cnt; i++)
		if (donors->loans[i].lender_id == id)
			bytes += donors->loans[i].bytes;
	return bytes;
}

void donors__rose(struct donors *donors, uint64_t id, uint64_t bytes)
{
	pay(donors, id, 0, bytes);
}

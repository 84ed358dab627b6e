// SPDX-License-Identifier: BSD-2-Clause
/*
 * Owns what donors need ahead of time and afterwards, in the main thread's hands: ranking, and
 * giving back what was lent. It never takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/controller.h"
#include "user/donors.h"
#include "user/learn.h"

/* Ids of the folders above, without the root. */
static void climb(const struct controller *controller, const struct group *group,
		  uint64_t ancestors[DONORS_ANCESTORS_MAX])
{
	int fd = fcntl(group->dir_fd, F_DUPFD_CLOEXEC, 3), up;
	struct stat root, here;

	if (fstat(controller->root_fd, &root) < 0)
		root.st_ino = 0;
	for (int i = 0; i < DONORS_ANCESTORS_MAX && fd >= 0; i++) {
		up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
		if (fd < 0 || fstat(fd, &here) < 0 || here.st_ino == root.st_ino)
			break;
		ancestors[i] = here.st_ino;
	}
	if (fd >= 0)
		close(fd);
}

/* Whether GROUP may lend, and what is known of it. */
static bool consider(struct controller *controller, const struct group *group,
		     struct ranked_donor *ret_one, size_t *unknown_cnt)
{
	const struct donors *donors = &controller->donors;
	const struct ranked_donor *before = group->rank ? &donors->ranked[group->rank - 1] : NULL;
	struct learned learned;
	struct donor donor;

	if (group->is_stopped || group->is_never_donor || group->limit_bytes == UINT64_MAX)
		return false;
	learn__know(controller->learn, controller, group, &learned);
	if (!learned.is_known) {
		++*unknown_cnt;
		return false;
	}
	donor = (struct donor){
		.limit_bytes = group->limit_bytes,
		.usage_bytes = learned.usage_bytes,
		.min_bytes = learned.min_bytes,
		.median_bytes = learned.median_bytes,
		.most_bytes = UINT64_MAX,
		.watermark_ppm = group->rule.watermark_ppm,
	};
	*ret_one = (struct ranked_donor){
		.id = group->id,
		.min_bytes = learned.min_bytes,
		.median_bytes = learned.median_bytes,
		.usage_bytes = learned.usage_bytes,
		.spare_bytes = decide_donor_spare(&donor, controller->apply.cpus),
	};
	if (before)
		memcpy(ret_one->ancestors, before->ancestors, sizeof(before->ancestors));
	else
		climb(controller, group, ret_one->ancestors);
	return true;
}

static int by_spare(const void *a, const void *b)
{
	const struct ranked_donor *one = a, *other = b;

	return (one->spare_bytes < other->spare_bytes) - (one->spare_bytes > other->spare_bytes);
}

/* The nearest above it that is ranked too. */
static uint64_t find_outer(struct groups *groups, const struct ranked_donor *one)
{
	for (int i = 0; i < DONORS_ANCESTORS_MAX && one->ancestors[i]; i++) {
		const struct group *above = groups__find(groups, one->ancestors[i]);

		if (above && above->rank)
			return above->id;
	}
	return 0;
}

void donors__rank(struct controller *controller)
{
	struct ranked_donor *ranked = calloc(controller->groups.cnt + 1, sizeof(*ranked)), *old;
	struct donors *donors = &controller->donors;
	struct group *group = NULL;
	size_t cnt = 0, unknown_cnt = 0;

	if (!ranked) /* the older one serves */
		return;
	while ((group = groups__next(&controller->groups, group)))
		if (consider(controller, group, &ranked[cnt], &unknown_cnt))
			cnt++;
		else
			group->rank = 0;
	qsort(ranked, cnt, sizeof(*ranked), by_spare);
	for (size_t i = 0; i < cnt; i++) {
		group = groups__find(&controller->groups, ranked[i].id);
		group->rank = i + 1;
		if (!ranked[i].spare_bytes)
			continue;
		pthread_mutex_lock(&controller->groups.lock);
		govern__open_usage(group);
		pthread_mutex_unlock(&controller->groups.lock);
	}
	for (size_t i = 0; i < cnt; i++)
		ranked[i].within_id = find_outer(&controller->groups, &ranked[i]);
	pthread_mutex_lock(&controller->groups.lock);
	old = donors->ranked;
	donors->ranked = ranked;
	donors->ranked_cnt = cnt;
	donors->unknown_cnt = unknown_cnt;
	pthread_mutex_unlock(&controller->groups.lock);
	free(old);
}

void donors__attend(struct controller *controller)
{
	struct donors *donors = &controller->donors;
	struct group *group;

	pthread_mutex_lock(&controller->groups.lock);
	for (size_t i = 0; i < donors->loans_cnt; i++) {
		group = groups__find(&controller->groups, donors->loans[i].borrower_id);
		if (group)
			govern__open_usage(group);
	}
	pthread_mutex_unlock(&controller->groups.lock);
}

/* Raises the lender of a loan by BYTES of it. Under the groups' lock; what came of it is told
 * later, without. */
static bool give_back(struct controller *controller, size_t i, uint64_t bytes,
		      struct journal_record *ret_record)
{
	struct donors *donors = &controller->donors;
	struct loan *loan = &donors->loans[i];
	struct group *lender = groups__find(&controller->groups, loan->lender_id);
	uint64_t written_ns, to;
	int err = 0;

	*ret_record = (struct journal_record){};
	bytes = bytes < loan->bytes ? bytes : loan->bytes;
	if (lender && !lender->is_stopped && !lender->is_shrinking) {
		*ret_record = report_about(lender, JOURNAL_LIMIT_RETURNED);
		to = lender->limit_bytes + bytes;
		if (to > lender->rule.hard_bytes && to > lender->limit_bytes)
			to = lender->rule.hard_bytes > lender->limit_bytes ? lender->rule.hard_bytes
									   : lender->limit_bytes;
		err = apply__raise(&controller->apply, lender, to, &written_ns);
		ret_record->new_bytes = lender->limit_bytes;
	}
	loan->bytes -= bytes;
	if (!loan->bytes)
		*loan = donors->loans[--donors->loans_cnt];
	return lender && !err && ret_record->new_bytes != ret_record->old_bytes;
}

static void tell(struct controller *controller, struct journal_record *record, enum reason reason)
{
	record->reason = reason_name(reason);
	record->detail = reason_sentence(reason);
	report(controller, record);
}

void donors__returned(struct controller *controller, uint64_t borrower_id, uint64_t bytes)
{
	struct donors *donors = &controller->donors;
	struct journal_record record;
	bool is_told;

	for (size_t i = donors->loans_cnt; i-- > 0 && bytes;) {
		uint64_t part = 0;

		/* The rescuer changes loans too. */
		pthread_mutex_lock(&controller->groups.lock);
		is_told = false;
		if (i < donors->loans_cnt && donors->loans[i].borrower_id == borrower_id) {
			part = donors->loans[i].bytes < bytes ? donors->loans[i].bytes : bytes;
			is_told = give_back(controller, i, part, &record);
		}
		pthread_mutex_unlock(&controller->groups.lock);
		bytes -= part;
		if (is_told)
			tell(controller, &record, REASON_REPAID);
	}
}

void donors__repay(struct controller *controller)
{
	struct donors *donors = &controller->donors;
	struct journal_record record;
	bool is_told;

	for (size_t i = donors->loans_cnt; i-- > 0;) {
		const struct loan *loan = &donors->loans[i];

		pthread_mutex_lock(&controller->groups.lock);
		is_told = i < donors->loans_cnt && !loan->is_of_parent &&
			  pool__spare(&controller->pool, 0, 0, 0) >= loan->bytes &&
			  give_back(controller, i, loan->bytes, &record);
		pthread_mutex_unlock(&controller->groups.lock);
		if (is_told)
			tell(controller, &record, REASON_HEADROOM);
	}
}

void donors__forget(struct controller *controller, uint64_t id)
{
	struct donors *donors = &controller->donors;

	donors__returned(controller, id, UINT64_MAX);
	pthread_mutex_lock(&controller->groups.lock);
	donors__rose(donors, id, UINT64_MAX);
	pthread_mutex_unlock(&controller->groups.lock);
}

void donors__close(struct donors *donors)
{
	free(donors->ranked);
	donors->ranked = NULL;
	donors->ranked_cnt = donors->loans_cnt = 0;
}

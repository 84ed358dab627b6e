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

struct ranking {
	struct ranked_donor top[DONORS_RANKED_MAX];
	size_t cnt, unknown_cnt;
};

static void insert(struct ranking *ranking, const struct ranked_donor *one)
{
	size_t at = ranking->cnt;

	if (at == DONORS_RANKED_MAX && ranking->top[--at].spare_bytes >= one->spare_bytes)
		return;
	if (ranking->cnt < DONORS_RANKED_MAX)
		ranking->cnt++;
	for (; at > 0 && ranking->top[at - 1].spare_bytes < one->spare_bytes; at--)
		ranking->top[at] = ranking->top[at - 1];
	ranking->top[at] = *one;
}

static void consider(struct controller *controller, const struct group *group,
		     struct ranking *ranking)
{
	struct ranked_donor one = {.id = group->id, .usage_fd = -1};
	struct learned learned;
	struct donor donor;

	if (group->is_stopped || group->is_never_donor || group->limit_bytes == UINT64_MAX)
		return;
	learn__know(controller->learn, controller, group, &learned);
	if (!learned.is_known) {
		ranking->unknown_cnt++;
		return;
	}
	donor = (struct donor){
		.limit_bytes = group->limit_bytes,
		.usage_bytes = learned.usage_bytes,
		.min_bytes = learned.min_bytes,
		.median_bytes = learned.median_bytes,
		.most_bytes = UINT64_MAX,
		.watermark_ppm = group->rule.watermark_ppm,
	};
	one.min_bytes = learned.min_bytes;
	one.median_bytes = learned.median_bytes;
	one.spare_bytes = decide_donor_spare(&donor, controller->apply.cpus);
	if (one.spare_bytes)
		insert(ranking, &one);
}

static int open_usage(const struct group *group)
{
	return group ? openat(group->dir_fd, "memory.current", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
		     : -1;
}

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

/* What was known of the same donor is taken over; else its files are opened. */
static void prepare(struct controller *controller, struct ranked_donor *one)
{
	struct donors *donors = &controller->donors;
	struct group *group = groups__find(&controller->groups, one->id);

	for (size_t i = 0; i < donors->ranked_cnt; i++) {
		if (donors->ranked[i].id != one->id || donors->ranked[i].usage_fd < 0)
			continue;
		one->usage_fd = donors->ranked[i].usage_fd;
		memcpy(one->ancestors, donors->ranked[i].ancestors, sizeof(one->ancestors));
		return;
	}
	one->usage_fd = open_usage(group);
	if (group)
		climb(controller, group, one->ancestors);
}

static bool is_kept(const struct ranking *ranking, int fd)
{
	for (size_t i = 0; i < ranking->cnt; i++)
		if (ranking->top[i].usage_fd == fd)
			return true;
	return false;
}

void donors__rank(struct controller *controller)
{
	struct donors *donors = &controller->donors;
	struct ranking ranking = {};
	struct group *group = NULL;
	int left[DONORS_RANKED_MAX];
	size_t left_cnt = 0;

	while ((group = groups__next(&controller->groups, group)))
		consider(controller, group, &ranking);
	for (size_t i = 0; i < ranking.cnt; i++)
		prepare(controller, &ranking.top[i]);
	pthread_mutex_lock(&controller->groups.lock);
	for (size_t i = 0; i < donors->ranked_cnt; i++)
		if (!is_kept(&ranking, donors->ranked[i].usage_fd))
			left[left_cnt++] = donors->ranked[i].usage_fd;
	memcpy(donors->ranked, ranking.top, ranking.cnt * sizeof(*ranking.top));
	donors->ranked_cnt = ranking.cnt;
	donors->unknown_cnt = ranking.unknown_cnt;
	pthread_mutex_unlock(&controller->groups.lock);
	while (left_cnt-- > 0)
		if (left[left_cnt] >= 0)
			close(left[left_cnt]);
}

void donors__attend(struct controller *controller)
{
	struct donors *donors = &controller->donors;

	pthread_mutex_lock(&controller->groups.lock);
	for (size_t i = 0; i < donors->loans_cnt; i++)
		if (donors->loans[i].usage_fd < 0)
			donors->loans[i].usage_fd = open_usage(
				groups__find(&controller->groups, donors->loans[i].borrower_id));
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
	if (!loan->bytes) {
		if (loan->usage_fd >= 0)
			close(loan->usage_fd);
		*loan = donors->loans[--donors->loans_cnt];
	}
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
	for (size_t i = 0; i < donors->ranked_cnt; i++)
		if (donors->ranked[i].usage_fd >= 0)
			close(donors->ranked[i].usage_fd);
	for (size_t i = 0; i < donors->loans_cnt; i++)
		if (donors->loans[i].usage_fd >= 0)
			close(donors->loans[i].usage_fd);
	donors->ranked_cnt = donors->loans_cnt = 0;
}

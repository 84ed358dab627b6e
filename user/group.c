// SPDX-License-Identifier: BSD-2-Clause
/* Owns the table of governed cgroups. It never reads a cgroup file and never decides. */
#include "user/group.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "user/advise.h"

#define BUCKETS 4096

static size_t bucket_of(uint64_t id)
{
	/* Ids are counted up by kernfs: their low bits spread well. */
	return (id ^ id >> 32) % BUCKETS;
}

int groups__init(struct groups *groups)
{
	pthread_mutexattr_t attr;

	groups->buckets = calloc(BUCKETS, sizeof(*groups->buckets));
	if (!groups->buckets)
		return -ENOMEM;
	groups->cnt = 0;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&groups->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return 0;
}

void groups__free(struct groups *groups)
{
	struct group *group, *next;

	if (!groups->buckets)
		return;
	for (group = groups__next(groups, NULL); group; group = next) {
		next = groups__next(groups, group);
		group__free(group);
	}
	free(groups->buckets);
	groups->buckets = NULL;
	pthread_mutex_destroy(&groups->lock);
}

int groups__add(struct groups *groups, struct group *group)
{
	struct group **bucket = &groups->buckets[bucket_of(group->id)];

	if (groups->cnt >= CGBPF_MAX_GOVERNED)
		return -ENOSPC;
	group->next = *bucket;
	*bucket = group;
	groups->cnt++;
	groups->changed_cnt++;
	return 0;
}

struct group *groups__find(struct groups *groups, uint64_t id)
{
	struct group *group = groups->buckets[bucket_of(id)];

	while (group && group->id != id)
		group = group->next;
	return group;
}

struct group *groups__take(struct groups *groups, uint64_t id)
{
	struct group **link = &groups->buckets[bucket_of(id)], *group;

	while (*link && (*link)->id != id)
		link = &(*link)->next;
	group = *link;
	if (group) {
		*link = group->next;
		groups->cnt--;
		groups->changed_cnt++;
	}
	return group;
}

struct group *groups__next(const struct groups *groups, const struct group *group)
{
	size_t bucket = 0;

	if (group && group->next)
		return group->next;
	if (group)
		bucket = bucket_of(group->id) + 1;
	for (; bucket < BUCKETS; bucket++)
		if (groups->buckets[bucket])
			return groups->buckets[bucket];
	return NULL;
}

void group__free(struct group *group)
{
	if (!group)
		return;
	if (group->dir_fd >= 0)
		close(group->dir_fd);
	if (group->max_fd >= 0)
		close(group->max_fd);
	if (group->usage_fd >= 0)
		close(group->usage_fd);
	if (group->has_high)
		close(group->high_fd);
	free(group->sample);
	group_cpu__free(group->cpu);
	group_io__free(group->io);
	free(group->path);
	free(group);
}

uint64_t group__high_at(const struct group *group, uint64_t limit_bytes)
{
	uint64_t high;

	if (!group->has_high)
		return UINT64_MAX;
	if (limit_bytes == UINT64_MAX)
		return group->high_bytes; /* as it is */
	high = limit_bytes > group->high_gap_bytes ? limit_bytes - group->high_gap_bytes : 0;
	return high > group->high_least_bytes ? high : group->high_least_bytes;
}

bool group__is_high_due(const struct group *group, bool may_lower)
{
	uint64_t high = group__high_at(group, group->limit_bytes);

	return group->has_high &&
	       (high > group->high_bytes || (may_lower && high < group->high_bytes));
}

uint64_t group__reach_at(const struct group *group, uint64_t limit_bytes)
{
	uint64_t high =
		limit_bytes == UINT64_MAX ? limit_bytes : group__high_at(group, limit_bytes);

	return high < limit_bytes ? high : limit_bytes;
}

void group_cpu__free(struct group_cpu *cpu)
{
	if (!cpu)
		return;
	if (cpu->fd >= 0)
		close(cpu->fd);
	if (cpu->advise)
		advise__close(cpu->advise);
	free(cpu->advise);
	free(cpu);
}

void group_io__free(struct group_io *io)
{
	if (io && io->fd >= 0)
		close(io->fd);
	free(io);
}

uint64_t group_cpu__amount(const struct group_cpu *cpu)
{
	return cpu->mode == CPU_MODE_WEIGHT ? cpu->weight : quota_cores_ppm(&cpu->standing);
}

struct cgbpf_ledger_key group__key(const struct group *group, uint32_t knob, uint32_t device)
{
	return (struct cgbpf_ledger_key){group->id, knob, device};
}

void group__promise(struct group *group, uint64_t usage_bytes, uint64_t *promised_bytes)
{
	uint64_t limit = group->limit_bytes, given, unused = 0;

	if (!group->is_stopped && limit != UINT64_MAX && limit > group->rule.soft_bytes) {
		given = limit - group->rule.soft_bytes;
		unused = limit > usage_bytes ? limit - usage_bytes : 0;
		unused = unused < given ? unused : given;
	}
	*promised_bytes += unused - group->unused_bytes;
	group->unused_bytes = unused;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the queue from the rescuing to the main thread: fixed in size, never waiting. It never looks
 * at what it carries. */
#include "user/actions.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ACTIONS 1024 /* a power of two; a burst longer than this is counted, not kept */

struct actions {
	pthread_mutex_t lock; /* priority inheriting */
	struct action ring[ACTIONS];
	unsigned int head, tail;
	uint64_t lost_cnt;
	int fd;
};

int actions__open(struct actions **ret_actions)
{
	struct actions *actions = calloc(1, sizeof(*actions));
	pthread_mutexattr_t attr;

	if (!actions)
		return -ENOMEM;
	actions->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (actions->fd < 0) {
		free(actions);
		return -errno;
	}
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&actions->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	*ret_actions = actions;
	return 0;
}

void actions__close(struct actions *actions)
{
	if (!actions)
		return;
	close(actions->fd);
	pthread_mutex_destroy(&actions->lock);
	free(actions);
}

int actions__fd(const struct actions *actions)
{
	return actions->fd;
}

void actions__add(struct actions *actions, const struct action *action)
{
	uint64_t one = 1;

	pthread_mutex_lock(&actions->lock);
	if (actions->head - actions->tail == ACTIONS)
		actions->lost_cnt++;
	else
		actions->ring[actions->head++ % ACTIONS] = *action;
	pthread_mutex_unlock(&actions->lock);
	if (write(actions->fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: the main thread is awake */
}

bool actions__next(struct actions *actions, struct action *ret_action, uint64_t *ret_lost)
{
	uint64_t ticks;
	bool has;

	pthread_mutex_lock(&actions->lock);
	has = actions->head != actions->tail;
	if (has)
		*ret_action = actions->ring[actions->tail++ % ACTIONS];
	else if (read(actions->fd, &ticks, sizeof(ticks)) < 0)
		has = false; /* it was empty */
	if (ret_lost) {
		*ret_lost = actions->lost_cnt;
		actions->lost_cnt = 0;
	}
	pthread_mutex_unlock(&actions->lock);
	return has;
}

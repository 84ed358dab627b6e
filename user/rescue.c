// SPDX-License-Identifier: BSD-2-Clause
/* Owns the answering thread, its ring and its heartbeat. It allocates nothing after its start and
 * lowers no limit. */
#include "user/rescue.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/log.h"

#define ACTIONS 1024 /* a power of two; a burst longer than this is counted, not kept */
#define HEARTBEAT_SECONDS 5
/* Below interrupt threads, above everything that computes. */
#define PRIORITY 40
#define STACK_BYTES (256 << 10)
/* The mean answer follows new ones by this part, and what is told to the kernel side is twice the
 * mean. */
#define REACTION_SHARE 8
#define REACTION_LEAST_US 50
#define REACTION_MOST_US 100000
/* A look at page cache that is older says nothing. */
#define LOOK_FRESH_NS 1000000000ULL

struct rescue {
	struct loader *loader;
	struct groups *groups;
	struct pool *pool;
	const struct apply *apply;
	struct ring_buffer *ring;
	pthread_t thread, main_thread;
	int stop_fd, timer_fd, heartbeat_fd, action_fd;
	uint64_t reaction_us;
	bool is_blind;
	atomic_int first_beat; /* 0: not yet; 1: felt; -1: not felt */
	pthread_mutex_t actions_lock;
	struct action actions[ACTIONS];
	unsigned int head, tail;
	uint64_t lost_cnt;
};

static void hand_on(struct rescue *rescue, const struct action *action)
{
	uint64_t one = 1;

	pthread_mutex_lock(&rescue->actions_lock);
	if (rescue->head - rescue->tail == ACTIONS)
		rescue->lost_cnt++;
	else
		rescue->actions[rescue->head++ % ACTIONS] = *action;
	pthread_mutex_unlock(&rescue->actions_lock);
	if (write(rescue->action_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: the main thread is awake */
}

bool rescue__next(struct rescue *rescue, struct action *ret_action, uint64_t *ret_lost)
{
	bool has;

	pthread_mutex_lock(&rescue->actions_lock);
	has = rescue->head != rescue->tail;
	if (has)
		*ret_action = rescue->actions[rescue->tail++ % ACTIONS];
	if (ret_lost) {
		*ret_lost = rescue->lost_cnt;
		rescue->lost_cnt = 0;
	}
	pthread_mutex_unlock(&rescue->actions_lock);
	return has;
}

int rescue__fd(const struct rescue *rescue)
{
	return rescue->action_fd;
}

static enum memory_moment moment_of(uint32_t kind)
{
	return kind == CGBPF_EVENT_OOM		   ? MOMENT_OOM
	       : kind == CGBPF_EVENT_TIME_TO_LIMIT ? MOMENT_TIME_TO_LIMIT
						   : MOMENT_WATERMARK;
}

/* Under the lock. What was promised to GROUP and is not in use counts against everybody else. */
static void promise(struct rescue *rescue, struct group *group, uint64_t usage_bytes)
{
	uint64_t unused = group->limit_bytes > group->rule.soft_bytes &&
					  group->limit_bytes != UINT64_MAX &&
					  group->limit_bytes > usage_bytes
				  ? group->limit_bytes - usage_bytes
				  : 0;

	rescue->pool->promised_bytes += unused - group->unused_bytes;
	group->unused_bytes = unused;
}

static void learn_reaction(struct rescue *rescue, uint64_t took_ns)
{
	int64_t took_us = (int64_t)(took_ns / 1000);
	int64_t mean = (int64_t)rescue->reaction_us;

	mean += (took_us - mean) / REACTION_SHARE;
	mean = mean < REACTION_LEAST_US	 ? REACTION_LEAST_US
	       : mean > REACTION_MOST_US ? REACTION_MOST_US
					 : mean;
	rescue->reaction_us = (uint64_t)mean;
	loader__set_reaction(rescue->loader, 2 * rescue->reaction_us);
}

static uint64_t since(const struct cgbpf_event *event, uint64_t now_ns)
{
	return now_ns > event->kernel_ns ? now_ns - event->kernel_ns : 1;
}

static void observe(const struct rescue *rescue, const struct group *group,
		    const struct cgbpf_event *event, uint64_t now_ns,
		    struct memory_observation *ret_seen)
{
	const struct cgbpf_memory_event *memory = &event->memory;

	*ret_seen = (struct memory_observation){
		.moment = moment_of(event->kind),
		.usage_bytes = memory->usage_bytes,
		.limit_bytes = memory->limit_bytes,
		.file_bytes = memory->file_bytes,
		.growth_bytes_per_ms = memory->growth_bytes_per_ms,
		.reaction_us = rescue->reaction_us,
		.room_bytes = memory->room_bytes,
	};
	if (now_ns - group->look_ns < LOOK_FRESH_NS && group->look_file_bytes > memory->file_bytes)
		ret_seen->file_bytes = group->look_file_bytes;
}

static uint64_t spare_for(const struct rescue *rescue, const struct group *group,
			  uint64_t free_bytes, uint64_t usage_bytes)
{
	uint64_t unused = group->limit_bytes > usage_bytes ? group->limit_bytes - usage_bytes : 0;

	return pool__spare(rescue->pool, free_bytes, unused, group->unused_bytes);
}

/* Raises GROUP as planned and hands on what came of it. Returns whether the limit rose. */
static bool carry_out(struct rescue *rescue, struct group *group, const struct cgbpf_event *event,
		      const struct memory_plan *plan, struct action *action)
{
	uint64_t written_ns = 0, now_ns;

	action->old_bytes = group->limit_bytes;
	action->new_bytes = plan->limit_bytes;
	action->reason = plan->reason;
	action->cgroup_id = group->id;
	if (!plan->is_raise) {
		action->kind = ACTION_REFUSED;
		return false;
	}
	if (group->limit_bytes <= group->rule.soft_bytes)
		rescue->groups->raised_cnt++;
	action->err = apply__raise(rescue->apply, group, plan->limit_bytes, &written_ns);
	now_ns = apply_now_ns();
	if (group->is_shrinking)
		pthread_kill(rescue->main_thread, SIGURG); /* ends reclaim under the older limit */
	action->kind = action->err ? ACTION_FAILED : ACTION_RAISED;
	action->times.written_ns = since(event, written_ns);
	if (action->err)
		return false;
	action->times.effective_ns = since(event, now_ns);
	group->calm_since_ns = 0;
	group->is_hard_said = false;
	return true;
}

/* The tightest ancestor is governed and binds: it rises first, by what is missing, as far as its
 * own rule lets it. */
static void raise_parent(struct rescue *rescue, const struct cgbpf_event *event, uint64_t missing,
			 struct memory_observation *child)
{
	struct group *parent = groups__find(rescue->groups, event->memory.binder_id);
	struct action action = {.moment = child->moment, .binder_id = event->cgroup_id};
	struct memory_observation seen;
	struct memory_plan plan;
	uint64_t before;

	if (!parent || parent->is_stopped || parent->limit_bytes == UINT64_MAX)
		return;
	before = parent->limit_bytes;
	seen = (struct memory_observation){
		.moment = MOMENT_OOM, /* its child's need is proved */
		.usage_bytes = before - (child->room_bytes < before ? child->room_bytes : before) +
			       missing,
		.limit_bytes = before,
		.room_bytes = UINT64_MAX,
	};
	decide_memory_raise(&parent->rule, &seen,
			    spare_for(rescue, parent, event->memory.free_bytes, before), &plan);
	if (plan.is_raise)
		plan.reason = REASON_CHILD_NEEDS;
	action.times = (struct journal_times){.received_ns = since(event, apply_now_ns())};
	action.times.decided_ns = action.times.received_ns;
	if (carry_out(rescue, parent, event, &plan, &action)) {
		child->room_bytes += parent->limit_bytes - before;
		promise(rescue, parent, before);
	}
	hand_on(rescue, &action);
}

static void answer(struct rescue *rescue, const struct cgbpf_event *event, uint64_t received_ns)
{
	struct action action = {
		.moment = moment_of(event->kind),
		.cgroup_id = event->cgroup_id,
		.binder_id = event->memory.binder_id,
		.is_held = event->memory.flags & CGBPF_MEMORY_HELD,
	};
	struct group *group = groups__find(rescue->groups, event->cgroup_id);
	struct memory_observation seen;
	struct memory_plan plan;
	uint64_t spare, reach;

	if (!group || group->is_stopped)
		return;
	/*
	 * Another limit than ours: somebody else's write is on its way to the main thread, or this
	 * record is older than our last raise. While the limit is being lowered, the one it comes
	 * from is ours too.
	 */
	if (event->memory.limit_bytes != group->limit_bytes &&
	    !(group->is_shrinking && event->memory.limit_bytes == group->shrink_from_bytes))
		return;
	observe(rescue, group, event, received_ns, &seen);
	spare = spare_for(rescue, group, event->memory.free_bytes, seen.usage_bytes);
	decide_memory_raise(&group->rule, &seen, spare, &plan);
	reach = seen.room_bytes > UINT64_MAX - seen.usage_bytes
			? UINT64_MAX
			: seen.usage_bytes + seen.room_bytes;
	if (plan.wanted_bytes > reach && (plan.is_raise || plan.reason == REASON_PARENT_BINDS)) {
		raise_parent(rescue, event, plan.wanted_bytes - reach, &seen);
		decide_memory_raise(&group->rule, &seen, spare, &plan);
	}
	action.times.received_ns = since(event, received_ns);
	action.times.decided_ns = since(event, apply_now_ns());
	if (carry_out(rescue, group, event, &plan, &action)) {
		promise(rescue, group, seen.usage_bytes);
		learn_reaction(rescue, action.times.effective_ns);
	} else if (plan.reason == REASON_HARD_LIMIT) {
		if (group->is_hard_said)
			return;
		group->is_hard_said = true;
	}
	hand_on(rescue, &action);
}

void rescue__answer(struct rescue *rescue, const struct cgbpf_event *event)
{
	pthread_mutex_lock(&rescue->groups->lock);
	answer(rescue, event, apply_now_ns());
	pthread_mutex_unlock(&rescue->groups->lock);
}

static int on_record(void *context, void *data, size_t size)
{
	const struct cgbpf_event *event = data;

	if (size == sizeof(*event) && event->version == CGBPF_ABI_VERSION)
		rescue__answer(context, event);
	return 0;
}

/*
 * Writes a word that the kernel refuses (EINVAL) and sees whether our own program felt it. A quiet
 * machine and one on which fentry does not run (kernel.ftrace_enabled=0) look alike otherwise.
 */
static void beat(struct rescue *rescue)
{
	const struct cgbpf_stats *stats = loader__stats(rescue->loader);
	struct action action = {.kind = ACTION_HEARTBEAT};
	uint64_t before = stats->heartbeat_cnt;
	bool is_blind;

	if (pwrite(rescue->heartbeat_fd, CGBPF_HEARTBEAT_WORD, sizeof(CGBPF_HEARTBEAT_WORD) - 1,
		   0) > 0)
		log_debug("the heartbeat was taken for a value, ignoring");
	is_blind = *(volatile const __u64 *)&stats->heartbeat_cnt == before;
	atomic_store(&rescue->first_beat, is_blind ? -1 : 1);
	if (is_blind != rescue->is_blind)
		action.kind = is_blind ? ACTION_BLIND : ACTION_SIGHTED;
	rescue->is_blind = is_blind;
	hand_on(rescue, &action);
}

static void *rescuer(void *context)
{
	struct epoll_event ready, wanted = {.events = EPOLLIN};
	struct rescue *rescue = context;
	int fds[] = {ring_buffer__epoll_fd(rescue->ring), rescue->timer_fd, rescue->stop_fd};
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t ticks;

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		wanted.data.fd = fds[i];
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &wanted);
	}
	loader__set_rescuer(rescue->loader, gettid());
	beat(rescue);
	for (;;) {
		if (epoll_wait(epoll_fd, &ready, 1, -1) < 1)
			continue;
		if (ready.data.fd == rescue->stop_fd)
			break;
		/* The ring first, whatever it was that woke us. */
		ring_buffer__consume(rescue->ring);
		if (ready.data.fd == rescue->timer_fd &&
		    read(rescue->timer_fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			beat(rescue);
	}
	close(epoll_fd);
	return NULL;
}

static void release(struct rescue *rescue)
{
	int *fds[] = {&rescue->stop_fd, &rescue->timer_fd, &rescue->heartbeat_fd,
		      &rescue->action_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (*fds[i] >= 0)
			close(*fds[i]);
	ring_buffer__free(rescue->ring);
	pthread_mutex_destroy(&rescue->actions_lock);
	free(rescue);
}

static int open_all(struct rescue *rescue, int root_fd)
{
	struct itimerspec every = {.it_interval.tv_sec = HEARTBEAT_SECONDS,
				   .it_value.tv_sec = HEARTBEAT_SECONDS};
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&rescue->actions_lock, &attr);
	pthread_mutexattr_destroy(&attr);
	rescue->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rescue->action_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rescue->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	rescue->heartbeat_fd = openat(root_fd, "cgroup.max.depth", O_WRONLY | O_CLOEXEC);
	rescue->ring = ring_buffer__new(loader__urgent_fd(rescue->loader), on_record, rescue, NULL);
	if (!rescue->ring || rescue->stop_fd < 0 || rescue->action_fd < 0 || rescue->timer_fd < 0 ||
	    rescue->heartbeat_fd < 0 || timerfd_settime(rescue->timer_fd, 0, &every, NULL) < 0)
		return errno ? -errno : -ENOMEM;
	return 0;
}

static int start_thread(struct rescue *rescue)
{
	struct sched_param priority = {.sched_priority = PRIORITY};
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	err = pthread_create(&rescue->thread, &attr, rescuer, rescue);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	err = pthread_setschedparam(rescue->thread, SCHED_FIFO, &priority);
	if (err)
		log_warning("no real-time priority for the rescuing thread: %s, ignoring",
			    strerror(err));
	return 0;
}

int rescue__start(struct loader *loader, struct groups *groups, struct pool *pool,
		  const struct apply *apply, int root_fd, struct rescue **ret_rescue)
{
	struct rescue *rescue = calloc(1, sizeof(*rescue));
	int err;

	if (!rescue)
		return -ENOMEM;
	rescue->loader = loader;
	rescue->groups = groups;
	rescue->pool = pool;
	rescue->apply = apply;
	rescue->main_thread = pthread_self();
	rescue->reaction_us = 500;
	err = open_all(rescue, root_fd);
	if (!err)
		err = start_thread(rescue);
	if (err) {
		release(rescue);
		return err;
	}
	poll(&(struct pollfd){.fd = rescue->action_fd, .events = POLLIN}, 1,
	     1000 * HEARTBEAT_SECONDS);
	if (atomic_load(&rescue->first_beat) != 1) {
		rescue__stop(rescue);
		return -ENODEV;
	}
	*ret_rescue = rescue;
	return 0;
}

void rescue__stop(struct rescue *rescue)
{
	uint64_t one = 1;

	if (!rescue)
		return;
	if (write(rescue->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(rescue->thread, NULL);
	release(rescue);
}

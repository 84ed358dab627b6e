// SPDX-License-Identifier: BSD-2-Clause
/* Keeps originals in the pinned map `ledger`. It never touches a cgroup file and never decides what
 * goes back. */
#include "user/ledger.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Changes read, then write; the rescuing and the main thread change different things of one entry.
 */
static pthread_mutex_t change_lock;
static pthread_once_t change_once = PTHREAD_ONCE_INIT;

static void init_change_lock(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&change_lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

static void set(char *field, size_t len, const char *text)
{
	memset(field, 0, len);
	snprintf(field, len, "%s", text);
}

static void sign(struct cgbpf_ledger_entry *entry)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	entry->changed_ns = (__u64)now.tv_sec * 1000000000ULL + now.tv_nsec;
	entry->writer_pid = getpid();
	entry->version = CGBPF_ABI_VERSION;
}

/* The kernel answers EINVAL where the value has no lock, whatever the key (map_lookup_elem() in
 * kernel/bpf/syscall.c). */
static bool has_lock(int map_fd)
{
	struct cgbpf_ledger_key none = {};
	struct cgbpf_ledger_entry entry;

	return bpf_map_lookup_elem_flags(map_fd, &none, &entry, BPF_F_LOCK) == -ENOENT;
}

/* What another version wrote, only that version can read. */
static int refuse_others(void *context, const struct cgbpf_ledger_key *key,
			 const struct cgbpf_ledger_entry *entry)
{
	(void)context;
	(void)key;
	return entry->version == CGBPF_ABI_VERSION ? 0 : -EINVAL;
}

int ledger__open_pinned(int *ret_map_fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(CGBPF_PIN_LEDGER), err;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != BPF_MAP_TYPE_HASH ||
	    info.key_size != sizeof(struct cgbpf_ledger_key) ||
	    info.value_size != sizeof(struct cgbpf_ledger_entry) || !has_lock(fd)) {
		close(fd);
		return -EINVAL;
	}
	err = ledger__each(fd, refuse_others, NULL);
	if (err) {
		close(fd);
		return err;
	}
	*ret_map_fd = fd;
	return 0;
}

int ledger__get(int map_fd, const struct cgbpf_ledger_key *key,
		struct cgbpf_ledger_entry *ret_entry)
{
	struct cgbpf_ledger_entry entry;
	int err = bpf_map_lookup_elem_flags(map_fd, key, &entry, BPF_F_LOCK);

	if (err)
		return err;
	entry.original[sizeof(entry.original) - 1] = '\0';
	entry.previous[sizeof(entry.previous) - 1] = '\0';
	entry.current[sizeof(entry.current) - 1] = '\0';
	entry.target[sizeof(entry.target) - 1] = '\0';
	entry.lower[sizeof(entry.lower) - 1] = '\0';
	*ret_entry = entry;
	return 0;
}

int ledger__remember(int map_fd, const struct cgbpf_ledger_key *key, const char *original,
		     const char *target)
{
	struct cgbpf_ledger_entry entry = {};

	set(entry.original, sizeof(entry.original), original);
	set(entry.previous, sizeof(entry.previous), original);
	set(entry.current, sizeof(entry.current), original);
	set(entry.target, sizeof(entry.target), target);
	sign(&entry);
	return bpf_map_update_elem(map_fd, key, &entry, BPF_NOEXIST);
}

enum change { AMEND, INTEND, RETRACT, LOWER, LOWERED };

static int change(int map_fd, const struct cgbpf_ledger_key *key, enum change what,
		  const char *value)
{
	struct cgbpf_ledger_entry entry;
	int err;

	pthread_once(&change_once, init_change_lock);
	pthread_mutex_lock(&change_lock);
	err = ledger__get(map_fd, key, &entry);
	if (!err) {
		if (what == INTEND || (what == LOWERED && value))
			memcpy(entry.previous, entry.current, sizeof(entry.previous));
		if (what == RETRACT)
			memcpy(entry.current, entry.previous, sizeof(entry.current));
		if (what == INTEND || (what == LOWERED && value))
			set(entry.current, sizeof(entry.current), value);
		if (what == LOWER || what == LOWERED)
			set(entry.lower, sizeof(entry.lower), what == LOWER ? value : "");
		if (what == AMEND)
			set(entry.original, sizeof(entry.original), value);
		sign(&entry);
		err = bpf_map_update_elem(map_fd, key, &entry, BPF_EXIST | BPF_F_LOCK);
	}
	pthread_mutex_unlock(&change_lock);
	return err;
}

int ledger__amend(int map_fd, const struct cgbpf_ledger_key *key, const char *original)
{
	return change(map_fd, key, AMEND, original);
}

int ledger__intend(int map_fd, const struct cgbpf_ledger_key *key, const char *next)
{
	return change(map_fd, key, INTEND, next);
}

int ledger__retract(int map_fd, const struct cgbpf_ledger_key *key)
{
	return change(map_fd, key, RETRACT, NULL);
}

int ledger__lower(int map_fd, const struct cgbpf_ledger_key *key, const char *next)
{
	return change(map_fd, key, LOWER, next);
}

int ledger__lowered(int map_fd, const struct cgbpf_ledger_key *key, const char *standing)
{
	return change(map_fd, key, LOWERED, standing);
}

int ledger__forget(int map_fd, const struct cgbpf_ledger_key *key)
{
	return bpf_map_delete_elem(map_fd, key);
}

int ledger__each(int map_fd, ledger_visit visit, void *context)
{
	struct cgbpf_ledger_key *keys = NULL, *last = NULL, key;
	struct cgbpf_ledger_entry entry;
	size_t cnt = 0, room = 0;
	int err = 0;

	while (!bpf_map_get_next_key(map_fd, last, &key)) {
		if (cnt == room) {
			struct cgbpf_ledger_key *more;

			room = room ? 2 * room : 64;
			more = realloc(keys, room * sizeof(*keys));
			if (!more) {
				free(keys);
				return -ENOMEM;
			}
			keys = more;
		}
		keys[cnt] = key;
		last = &keys[cnt++];
	}
	for (size_t i = 0; i < cnt && err >= 0; i++)
		if (!ledger__get(map_fd, &keys[i], &entry))
			err = visit(context, &keys[i], &entry);
	free(keys);
	return err < 0 ? err : 0;
}

bool ledger_is_ours(const struct cgbpf_ledger_entry *entry, const char *value)
{
	return strcmp(value, entry->current) == 0 || strcmp(value, entry->previous) == 0 ||
	       (*value && strcmp(value, entry->lower) == 0);
}

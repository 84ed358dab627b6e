// SPDX-License-Identifier: BSD-2-Clause
/* Writes limits: ledger first, one pwrite a value, read back. It never decides, and nobody else
 * writes. */
#include "user/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/units.h"

/* What one call to memory.reclaim is asked for: small, so that a signal or a deadline is never far.
 */
#define RECLAIM_CHUNK_BYTES (16ULL << 20)
#define RECLAIM_TRIES 64
/* Reclaim is given up after this long; exit has to be done within a second. */
#define RECLAIM_MOST_NS (400 * 1000000ULL)

uint64_t apply_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static struct cgbpf_ledger_key key_of(uint64_t id)
{
	return (struct cgbpf_ledger_key){.cgroup_id = id, .knob = CGBPF_KNOB_MEMORY_MAX};
}

/*
 * O_NONBLOCK: newer kernels then leave out the reclaim in memory_max_write(); older ones accept the
 * flag and do not look at it.
 */
static int open_limit(int dir_fd, int flags, int *ret_fd)
{
	int fd = openat(dir_fd, "memory.max", O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int apply__open_limit(int dir_fd, int *ret_fd)
{
	return open_limit(dir_fd, O_NONBLOCK, ret_fd);
}

int apply_write_whole(int fd, const char *value)
{
	size_t len = strlen(value);
	ssize_t written;

	do
		written = pwrite(fd, value, len, 0);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		return -errno;
	return (size_t)written == len ? 0 : -EIO;
}

/* Ledger first; what was not taken is not recorded. */
static int write_recorded(const struct apply *apply, const struct cgbpf_ledger_key *key, int fd,
			  const char *value)
{
	int err = ledger__intend(apply->ledger_fd, key, value);

	if (err)
		return err;
	err = apply_write_whole(fd, value);
	if (err)
		ledger__retract(apply->ledger_fd, key);
	return err;
}

int apply__standing(const struct group *group, uint64_t *ret_bytes)
{
	char text[32];
	ssize_t len = pread(group->max_fd, text, sizeof(text) - 1, 0);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	return units_parse_limit(text, ret_bytes);
}

int apply__remember(const struct apply *apply, const struct group *group, const char *original)
{
	struct cgbpf_ledger_key key = key_of(group->id);

	return apply__remember_knob(apply, &key, original, group->target);
}

void apply__amend(const struct apply *apply, uint64_t id, uint64_t original_bytes)
{
	struct cgbpf_ledger_key key = key_of(id);
	char value[24];

	units_format_limit(original_bytes, value, sizeof(value));
	apply__amend_knob(apply, &key, value);
}

void apply__forget(const struct apply *apply, uint64_t id)
{
	struct cgbpf_ledger_key key = key_of(id);

	apply__forget_knob(apply, &key);
}

/* Does the text of FD, a number of bytes, leave MARGIN under LIMIT? */
static int is_under(int fd, uint64_t limit_bytes, uint64_t margin_bytes)
{
	uint64_t bytes = 0;
	char text[32];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	int err;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	err = units_parse_limit(text, &bytes);
	return err ? err : limit_bytes >= margin_bytes && bytes <= limit_bytes - margin_bytes;
}

int apply__write_high(const struct apply *apply, const struct group *group, uint64_t high_bytes)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_HIGH, 0);
	char ours[24], value[24];

	units_format_limit(group->high_bytes, ours, sizeof(ours));
	units_format_limit(high_bytes, value, sizeof(value));
	return apply__replace(apply, &key, group->high_fd, ours, value, NULL);
}

int apply__follow_high(const struct apply *apply, struct group *group, bool may_lower)
{
	uint64_t high_bytes = group__high_at(group, group->limit_bytes);
	int err;

	if (apply->is_dry_run || !group__is_high_due(group, may_lower))
		return 0;
	if (group->is_high_moving)
		return -EBUSY;
	/* Above the value that is written memory_high_write() (mm/memcontrol.c) reclaims, also
	 * where that is higher than the one before. */
	err = is_under(group->usage_fd, high_bytes, 0);
	if (err <= 0)
		return err ? err : -EBUSY;
	err = apply__write_high(apply, group, high_bytes);
	if (!err)
		group->high_bytes = high_bytes;
	return err;
}

int apply__raise(const struct apply *apply, struct group *group, uint64_t limit_bytes,
		 uint64_t *ret_written_ns)
{
	struct cgbpf_ledger_key key = key_of(group->id);
	uint64_t standing = 0, effective = 0;
	char value[24];
	int err;

	if (apply->is_dry_run) {
		*ret_written_ns = apply_now_ns();
		return 0;
	}
	/* A raise that lowers is none: somebody else has written a higher limit. */
	err = apply__standing(group, &standing);
	if (err)
		return err;
	if (standing > limit_bytes)
		return -EAGAIN;
	units_format_limit(limit_bytes, value, sizeof(value));
	err = write_recorded(apply, &key, group->max_fd, value);
	*ret_written_ns = apply_now_ns();
	if (!err)
		err = apply__standing(group, &effective);
	if (err)
		return err;
	group->limit_bytes = effective;
	apply__follow_high(apply, group, false);
	/* Somebody else's stays, and their write is a note. */
	return effective == limit_bytes ? 0 : -EIO;
}

int apply__lower_unused(const struct apply *apply, struct group *group, uint64_t limit_bytes,
			int usage_fd, uint64_t margin_bytes)
{
	struct cgbpf_ledger_key key = key_of(group->id);
	uint64_t standing = 0, from = group->limit_bytes, written_ns;
	char value[24];
	uint64_t reach_bytes = group__reach_at(group, limit_bytes);
	int err = is_under(usage_fd, reach_bytes, margin_bytes);

	if (err <= 0)
		return err ? err : -EAGAIN;
	if (apply->is_dry_run)
		return 0;
	err = apply__standing(group, &standing);
	if (!err && standing != from)
		err = -EAGAIN;
	if (err)
		return err;
	units_format_limit(limit_bytes, value, sizeof(value));
	err = write_recorded(apply, &key, group->max_fd, value);
	if (err)
		return err;
	group->limit_bytes = limit_bytes;
	/* Half of the margin gone in this moment: the rest would not last. */
	err = is_under(usage_fd, reach_bytes, margin_bytes / 2);
	if (!err)
		err = -EAGAIN;
	if (err < 0)
		apply__raise(apply, group, from, &written_ns);
	else
		apply__follow_high(apply, group, true);
	return err < 0 ? err : 0;
}

/* memory.reclaim takes what it can and never kills. */
int apply__make_room(const struct apply *apply, int dir_fd, uint64_t limit_bytes)
{
	uint64_t began_ns = apply_now_ns();

	if (apply->is_dry_run || limit_bytes == UINT64_MAX)
		return 0;
	for (int i = 0; i < RECLAIM_TRIES; i++) {
		struct memory_look look;
		uint64_t margin, ask;
		char value[24];
		int err, fd;

		err = cgfs_look(dir_fd, &look);
		if (err)
			return err;
		margin = decide_memory_margin(look.fixed_bytes, apply->cpus);
		if (look.current_bytes + margin <= limit_bytes)
			return 0;
		if (apply->deadline_ns && apply_now_ns() > apply->deadline_ns)
			return -EBUSY;
		if (look.fixed_bytes + margin > limit_bytes ||
		    apply_now_ns() - began_ns > RECLAIM_MOST_NS)
			return -EBUSY;
		ask = look.current_bytes + margin - limit_bytes;
		units_format_limit(ask < RECLAIM_CHUNK_BYTES ? ask : RECLAIM_CHUNK_BYTES, value,
				   sizeof(value));
		fd = openat(dir_fd, "memory.reclaim", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOENT ? -EBUSY : -errno;
		/* EAGAIN: less than asked was found; the next look tells. */
		err = write(fd, value, strlen(value)) < 0 && errno != EAGAIN && errno != EINTR
			      ? -errno
			      : 0;
		close(fd);
		if (err)
			return err;
	}
	return -EBUSY;
}

int apply__write(const struct apply *apply, uint64_t id, int dir_fd, const char *value)
{
	struct cgbpf_ledger_key key = key_of(id);
	int fd = -1, err;

	if (apply->is_dry_run)
		return 0;
	err = open_limit(dir_fd, O_NONBLOCK, &fd);
	if (err)
		return err;
	err = write_recorded(apply, &key, fd, value);
	close(fd);
	return err;
}

/* A controller that is switched off and on again brings another file. */
static bool is_same_file(int fd, int other_fd)
{
	struct stat one, other;

	return !fstat(fd, &one) && !fstat(other_fd, &other) && one.st_ino == other.st_ino;
}

/* Not through max_fd: kernfs_fop_write_iter() (fs/kernfs/file.c) has one writer of a descriptor
 * wait for the other. */
int apply__lower(const struct apply *apply, const struct group *group, uint64_t limit_bytes)
{
	struct cgbpf_ledger_key key = key_of(group->id);
	char value[24];
	int fd = -1, err = open_limit(group->dir_fd, O_NONBLOCK, &fd);

	if (err)
		return err;
	units_format_limit(limit_bytes, value, sizeof(value));
	err = is_same_file(fd, group->max_fd) ? 0 : -ENODEV;
	if (!err)
		err = ledger__lower(apply->ledger_fd, &key, value);
	if (!err)
		err = apply_write_whole(fd, value);
	close(fd);
	return err;
}

void apply__lowered(const struct apply *apply, uint64_t id, uint64_t limit_bytes, bool is_standing)
{
	struct cgbpf_ledger_key key = key_of(id);
	char value[24];

	units_format_limit(limit_bytes, value, sizeof(value));
	ledger__lowered(apply->ledger_fd, &key, is_standing ? value : NULL);
}

int apply__remember_knob(const struct apply *apply, const struct cgbpf_ledger_key *key,
			 const char *original, const char *target)
{
	int err;

	if (apply->is_dry_run)
		return 0;
	err = ledger__remember(apply->ledger_fd, key, original, target);
	return err == -EEXIST ? 0 : err;
}

void apply__amend_knob(const struct apply *apply, const struct cgbpf_ledger_key *key,
		       const char *original)
{
	if (!apply->is_dry_run)
		ledger__amend(apply->ledger_fd, key, original);
}

void apply__forget_knob(const struct apply *apply, const struct cgbpf_ledger_key *key)
{
	if (!apply->is_dry_run)
		ledger__forget(apply->ledger_fd, key);
}

int apply__intend(const struct apply *apply, const struct cgbpf_ledger_key *key, const char *value)
{
	return apply->is_dry_run ? 0 : ledger__intend(apply->ledger_fd, key, value);
}

int apply__set(const struct apply *apply, const struct cgbpf_ledger_key *key, int fd,
	       const char *value, uint64_t *ret_written_ns)
{
	char standing[CGBPF_VALUE_LEN];
	int err;

	if (apply->is_dry_run) {
		if (ret_written_ns)
			*ret_written_ns = apply_now_ns();
		return 0;
	}
	err = ledger__intend(apply->ledger_fd, key, value);
	if (err)
		return err;
	err = apply_write_whole(fd, value);
	if (ret_written_ns)
		*ret_written_ns = apply_now_ns();
	if (err) {
		ledger__retract(apply->ledger_fd, key);
		/* ENODEV for a device that is not there and for a cgroup that is not; reading
		 * tells. */
		return err == -ENODEV && key->device &&
				       !knob__read_fd(fd, key, standing, sizeof(standing))
			       ? -ENXIO
			       : err;
	}
	err = knob__read_fd(fd, key, standing, sizeof(standing));
	return err ? err : strcmp(standing, value) == 0 ? 0 : -EIO;
}

int apply__replace(const struct apply *apply, const struct cgbpf_ledger_key *key, int fd,
		   const char *ours, const char *value, uint64_t *ret_written_ns)
{
	char standing[CGBPF_VALUE_LEN];
	int err = apply->is_dry_run ? 0 : knob__read_fd(fd, key, standing, sizeof(standing));

	if (!err && !apply->is_dry_run && strcmp(standing, ours) != 0)
		err = -EAGAIN;
	return err ? err : apply__set(apply, key, fd, value, ret_written_ns);
}

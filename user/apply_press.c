// SPDX-License-Identifier: BSD-2-Clause
/* Writes a limit that the kernel reclaims and kills for, as squeeze wants it, and that a signal can
 * end. It never chooses a limit. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/ledger.h"

/* What was pending is delivered before the write, and would not end it (signal_pending() in
 * memory_max_write(), mm/memcontrol.c). */
static int write_unless_ended(int fd, const char *value, const struct apply_end *end)
{
	sigset_t closed;
	int err;

	sigprocmask(SIG_SETMASK, end->open_mask, &closed);
	err = *end->is_asked ? -ECANCELED : apply_write_whole(fd, value);
	sigprocmask(SIG_SETMASK, &closed, NULL);
	return err;
}

int apply__press(const struct apply *apply, uint64_t id, int dir_fd, uint64_t limit_bytes,
		 const struct apply_end *end)
{
	struct cgbpf_ledger_key key = {.cgroup_id = id, .knob = CGBPF_KNOB_MEMORY_MAX};
	int err, fd = openat(dir_fd, "memory.max", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	char value[24];

	if (fd < 0)
		return -errno;
	snprintf(value, sizeof(value), "%" PRIu64, limit_bytes);
	err = ledger__intend(apply->ledger_fd, &key, value);
	if (!err) {
		err = write_unless_ended(fd, value, end);
		if (err)
			ledger__retract(apply->ledger_fd, &key);
	}
	close(fd);
	return err;
}

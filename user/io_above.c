// SPDX-License-Identifier: BSD-2-Clause
/* Reads the io.max of the cgroups above one. It never writes and never judges them. */
#include <fcntl.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/io.h"
#include "user/knob.h"

void io_levels__read_above(int dir_fd, uint32_t device, struct io_levels *levels)
{
	struct cgbpf_ledger_key key = {.knob = CGBPF_KNOB_IO_MAX, .device = device};
	char line[CGBPF_VALUE_LEN];
	int fd = dir_fd;

	while (levels->cnt < IO_LEVELS_MAX) {
		int up_fd = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd != dir_fd)
			close(fd);
		fd = up_fd;
		if (fd < 0)
			return;
		/* The root has none: there it ends. */
		if (cgfs_id(fd, &levels->ids[levels->cnt]) ||
		    knob__read(fd, &key, line, sizeof(line)) ||
		    io_parse(line, levels->limits[levels->cnt]))
			break;
		levels->cnt++;
	}
	if (fd != dir_fd)
		close(fd);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Starts and stops a slice of systemd's for bench-latency. It never changes a unit it did not
 * start.
 */
#include "user/latency_unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "user/latency_child.h"

#define SYSTEMCTL_MS 30000
#define ARGUMENTS 6

bool latency_unit_has_systemd(void)
{
	/* sd_booted(3) */
	return access("/run/systemd/system", F_OK) == 0;
}

static int systemctl(int signal_fd, const char *const argv[ARGUMENTS])
{
	struct latency_child child = {};
	int err = latency_child_run((char *const *)argv, signal_fd, SYSTEMCTL_MS, &child);

	return err ? err : child.status ? -EREMOTEIO : 0;
}

int latency_unit_make(int signal_fd, char *unit, size_t len)
{
	int err;

	/* Without a dash: each would be one more slice above it. */
	snprintf(unit, len, "cgbpfbench%d.slice", getpid());
	err = systemctl(signal_fd, (const char *[ARGUMENTS]){"systemctl", "start", unit});
	/* Controllers are handed down for a limit, and not before. */
	if (!err)
		err = systemctl(signal_fd,
				(const char *[ARGUMENTS]){"systemctl", "set-property", "--runtime",
							  unit, "MemoryMax=512M"});
	if (!err)
		err = systemctl(signal_fd,
				(const char *[ARGUMENTS]){"systemctl", "set-property", "--runtime",
							  unit, "CPUQuota=50%"});
	return err;
}

int latency_unit_remove(int signal_fd, const char *unit)
{
	int err = systemctl(signal_fd, (const char *[ARGUMENTS]){"systemctl", "stop", unit});
	int revert_err =
		systemctl(signal_fd, (const char *[ARGUMENTS]){"systemctl", "revert", unit});

	return err ? err : revert_err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* The command `restore`: puts back every limit still in the ledger. It never runs beside a
 * controller. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/commands.h"
#include "user/feature.h"
#include "user/knob.h"
#include "user/ledger.h"
#include "user/log.h"
#include "user/protect.h"
#include "user/restore.h"
#include "user/text.h"

static const char *const words[] = {
	[RESTORED_BACK] = "put back",
	[RESTORED_UNCHANGED] = "was as it had been",
	[RESTORED_GONE] = "is gone",
	[RESTORED_NOT_OURS] = "left: somebody else has set it since",
	[RESTORED_IN_USE] = ("left: its original lies under present use; try again when less is in "
			     "use, or use --force (the kernel may kill)"),
	[RESTORED_DEVICE_GONE] = "is gone with its device",
	[RESTORED_FAILED] = "left: it cannot be read or written",
};

static void tell(void *context, const char *path, const struct cgbpf_ledger_key *key,
		 const struct cgbpf_ledger_entry *entry, enum restored outcome,
		 const struct restored_limit *limit)
{
	char shown[512];

	(void)context;
	(void)limit;
	printf("%s (id %" PRIu64 "): %s %s %s\n",
	       text_escape(path, strlen(path), shown, sizeof(shown)), (uint64_t)key->cgroup_id,
	       knob_name(key->knob), entry->original, words[outcome]);
}

static void say_no_root(int err)
{
	const struct feature_row *row = feature_row(FEATURE_CGROUP2);

	if (err == -ENOENT || err == -ENOTSUP)
		log_error("restore: %s is missing: %s; %s (see 'cgbpf doctor')", row->what,
			  row->lost, row->cure);
	else
		log_error("restore: " CGFS_ROOT ": %s", strerror(-err));
}

static int restore(bool is_forced)
{
	struct apply apply = {.ledger_fd = -1, .cpus = sysconf(_SC_NPROCESSORS_ONLN)};
	int root_fd, left, err;

	err = cgfs_open_root(&root_fd);
	if (err) {
		say_no_root(err);
		return EXIT_CANNOT;
	}
	err = ledger__open_pinned(&apply.ledger_fd);
	if (err == -ENOENT) {
		printf("nothing to restore\n");
		close(root_fd);
		return EXIT_DONE;
	}
	if (err) {
		log_error("restore: " CGBPF_PIN_LEDGER ": %s",
			  err == -EINVAL ? "another version wrote it, and only that one can read it"
					 : strerror(-err));
		close(root_fd);
		return err == -EINVAL ? EXIT_CANNOT : EXIT_FAILED;
	}
	left = restore__all(&apply, root_fd, is_forced, tell, NULL);
	if (!left) {
		unlink(CGBPF_PIN_LEDGER);
		unlink(CGBPF_PIN_RULES);
		unlink(CGBPF_PIN_CGROUPS);
		unlink(CGBPF_PIN_STATS);
		unlink(CGBPF_PIN_USAGE);
		rmdir(CGBPF_PIN_DIR);
	}
	close(apply.ledger_fd);
	close(root_fd);
	return left ? EXIT_FAILED : EXIT_DONE;
}

static int main_restore(int argc, char **argv)
{
	bool is_forced = false;
	const struct param params[] = {
		{"force", 0, PARAM_FLAG, NULL,
		 "also where more is in use, or somebody else wrote: the kernel may kill",
		 &is_forced, 0, 0},
		{0},
	};
	int err = params_parse(&cmd_restore, params, argc, argv), lock_fd, status;
	pid_t holder = 0;

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (geteuid() != 0) {
		log_error("restore: root is needed: run it with sudo");
		return EXIT_CANNOT;
	}
	err = protect_lock(&lock_fd, &holder);
	if (err == -EWOULDBLOCK) {
		log_error("restore: a controller is running: pid %d; end it and it restores itself",
			  holder);
		return EXIT_FAILED;
	}
	if (err) {
		log_error("restore: /run/cgbpf/lock: %s", strerror(-err));
		return EXIT_FAILED;
	}
	status = restore(is_forced);
	close(lock_fd);
	return status;
}

const struct command cmd_restore = {
	"restore",
	"put back every limit still recorded as changed",
	"For after a crash, or for limits that were in use when the controller ended. Ends with 1 "
	"while a limit has to stay. What somebody else has set since is left, told with its "
	"original, and no longer recorded.",
	main_restore,
};

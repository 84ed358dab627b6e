/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts originals back from the ledger: at exit, after a crash, by command. It never governs. */
#ifndef CGBPF_RESTORE_H
#define CGBPF_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "user/apply.h"

enum restored {
	RESTORED_BACK = 1, /* the original stands again, byte for byte; the entry is gone */
	RESTORED_UNCHANGED = 2, /* it stood there all the time; the entry is gone */
	RESTORED_GONE = 3, /* the cgroup is gone; the entry too */
	RESTORED_NOT_OURS = 4, /* somebody else's value stands: left, the entry is gone */
	RESTORED_IN_USE = 5, /* the original lies under present use: left, the entry stays */
	RESTORED_FAILED = 6, /* could not be read or written: left, the entry stays */
	RESTORED_DEVICE_GONE = 7, /* nothing is left that io.max could limit; the entry is gone */
};

/* The value as found and as it stands now; both empty when the cgroup is gone. The times are
 * nanoseconds since the file was first looked at; 0: not reached. */
struct restored_limit {
	char before[CGBPF_VALUE_LEN], after[CGBPF_VALUE_LEN];
	uint64_t decided_ns, written_ns, effective_ns;
};

/* FORCED: the original goes back
 * whatever is in use or who wrote since; the kernel may kill. */
enum restored restore__one(const struct apply *apply, int root_fd,
			   const struct cgbpf_ledger_key *key,
			   const struct cgbpf_ledger_entry *entry, bool is_forced,
			   struct restored_limit *ret_limit);

/* The same by key, never forced; RESTORED_UNCHANGED where nothing is recorded. */
enum restored restore__key(const struct apply *apply, int root_fd,
			   const struct cgbpf_ledger_key *key, struct restored_limit *ret_limit);

/* What became of one entry; PATH is "?" when the cgroup is gone. */
typedef void (*restore_report)(void *context, const char *path, const struct cgbpf_ledger_key *key,
			       const struct cgbpf_ledger_entry *entry, enum restored outcome,
			       const struct restored_limit *limit);

/* All entries; reports each. Returns how many stay in the ledger, or a negative errno. */
int restore__all(const struct apply *apply, int root_fd, bool is_forced, restore_report tell,
		 void *context);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Originals of every file that is changed, in a pinned map that outlives us. It never touches a
 * cgroup file.
 *
 * Life: ledger__open once; ledger__remember before a file is first changed; ledger__intend before
 * every write; ledger__forget when the original is back. After a crash, whoever opens the pin finds
 * what was left.
 */
#ifndef CGBPF_LEDGER_H
#define CGBPF_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

/* Opens the pinned map. -ENOENT: nothing is pinned; -EINVAL: what is pinned there is not a ledger
 * of this version. */
int ledger__open_pinned(int *ret_map_fd);

/* Functions return 0 or a negative errno. Values are texts as read from the file, without the
 * newline. */
int ledger__remember(int map_fd, const struct cgbpf_ledger_key *key, const char *original,
		     const char *target);
/* Replaces the original that is to go back (somebody else's word counts more than what was there
 * before). */
int ledger__amend(int map_fd, const struct cgbpf_ledger_key *key, const char *original);
/* NEXT is about to be written where CURRENT stands. In place: no memory is allocated. */
int ledger__intend(int map_fd, const struct cgbpf_ledger_key *key, const char *next);
/* What was intended was not written: what stands is `previous` again. */
int ledger__retract(int map_fd, const struct cgbpf_ledger_key *key);
/*
 * NEXT is about to be written by a thread that waits in the kernel, while another may intend and
 * write what it wants: the three that can stand meanwhile are all known as ours. ledger__lowered
 * ends that: STANDING is what stands, or NULL where the other's does.
 */
int ledger__lower(int map_fd, const struct cgbpf_ledger_key *key, const char *next);
int ledger__lowered(int map_fd, const struct cgbpf_ledger_key *key, const char *standing);
int ledger__forget(int map_fd, const struct cgbpf_ledger_key *key);
int ledger__get(int map_fd, const struct cgbpf_ledger_key *key,
		struct cgbpf_ledger_entry *ret_entry);

/* Calls VISIT for each entry of a snapshot of the keys, so that VISIT may forget; stops at a
 * negative return. */
typedef int (*ledger_visit)(void *context, const struct cgbpf_ledger_key *key,
			    const struct cgbpf_ledger_entry *entry);
int ledger__each(int map_fd, ledger_visit visit, void *context);

bool ledger_is_ours(const struct cgbpf_ledger_entry *entry, const char *value);

#endif

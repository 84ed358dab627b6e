/* SPDX-License-Identifier: BSD-2-Clause */
/* What the process does for its own survival, and that there is only one of it. */
#ifndef CGBPF_PROTECT_H
#define CGBPF_PROTECT_H

#include <sys/types.h>

/* Locks memory as it is touched, and asks to be killed last. What cannot be had is said, and gone
 * without. */
void protect_self(void);
/* Of the calling thread: what only loading the programs needed. */
void protect_drop_capabilities(void);
/* As many descriptors as governing needs: two a cgroup. */
void protect_descriptors(void);

/*
 * One controller a machine. Returns 0 and a descriptor that holds the lock until it is closed (also
 * by a crash), or -EWOULDBLOCK with the holder's pid in *RET_HOLDER, or another negative errno.
 */
int protect_lock(int *ret_fd, pid_t *ret_holder);
/* Locks FD for itself alone; -EWOULDBLOCK: somebody holds it, and not for a moment only. */
int protect_take_lock(int fd);
/* Does somebody hold that lock? 1, 0, or a negative errno: only root may look. */
int protect_is_locked(void);
/* Who holds it; 0: nobody, or not to be seen. */
pid_t protect_lock_holder(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The cgroup file system, read-only: folders by path or id, files as text or numbers. It never
 * writes (see apply). */
#ifndef CGBPF_CGFS_H
#define CGBPF_CGFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGFS_ROOT "/sys/fs/cgroup"

/*
 * All functions return 0 or a negative errno and leave their outputs untouched on failure.
 * Descriptors returned are O_CLOEXEC and belong to the caller. A removed cgroup shows as -ENOENT,
 * -ENODEV or -ESTALE: cgfs_is_gone().
 */

/* The root of the v2 hierarchy. -ENOENT: nothing mounted there; -ENOTSUP: mounted, but not cgroup2.
 */
int cgfs_open_root(int *ret_root_fd);

/* PATH begins with "/" and stays below the root: no "..", no link, no other mount (openat2). */
int cgfs_open_path(int root_fd, const char *path, int *ret_dir_fd);

/* By id: the inode number of the folder, which kernfs takes as a file handle of type FILEID_KERNFS
 * (since 5.5). */
int cgfs_open_id(int root_fd, uint64_t id, int *ret_dir_fd);

int cgfs_id(int dir_fd, uint64_t *ret_id);

/* Path below the root ("/" for the root itself) of any length and with any bytes; the caller frees.
 */
int cgfs_path(int root_fd, int dir_fd, char **ret_path);

/* One file's text without its last newline, cut to LEN - 1 bytes. */
int cgfs_read(int dir_fd, const char *file, char *buf, size_t len);
/* A limit or a count; "max" is UINT64_MAX. */
int cgfs_read_bytes(int dir_fd, const char *file, uint64_t *ret_bytes);

/* One value of a flat keyed file's text; 0 where the key is missing. */
uint64_t cgfs_stat_value(const char *text, const char *key);

/* What memory.current and memory.stat say of a cgroup and all below it, in bytes. */
struct memory_look {
	uint64_t current_bytes;
	uint64_t file_bytes; /* page cache on the LRU lists: no need, whatever its state */
	uint64_t fixed_bytes; /* what reclaim cannot take at once: all but clean page cache */
};
int cgfs_look(int dir_fd, struct memory_look *ret_look);

/* What cpu.stat says. */
struct cpu_look {
	uint64_t usage_us, throttled_us;
	uint32_t periods_cnt, throttled_cnt;
};
int cgfs_look_cpu(int dir_fd, struct cpu_look *ret_look);

/*
 * Calls VISIT for every cgroup below the root, parents first. VISIT borrows DIR_FD and PATH; 0 goes
 * on below it, a positive return leaves out what is below it, a negative return ends the walk with
 * that value. Folders that vanish meanwhile are passed over.
 */
typedef int (*cgfs_visit)(void *context, int dir_fd, const char *path);
int cgfs_walk(int root_fd, cgfs_visit visit, void *context);

/* The path below the root of the cgroup that PID is in; the caller frees. -ESRCH: no such process.
 */
int cgfs_path_of_pid(uint32_t pid, char **ret_path);

bool cgfs_is_gone(int err);

#endif

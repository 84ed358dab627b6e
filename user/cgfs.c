// SPDX-License-Identifier: BSD-2-Clause
/* Reads the cgroup file system through descriptors that cannot leave it. It never writes and never
 * keeps state. */
#include "user/cgfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "user/units.h"

/* include/linux/exportfs.h; not in any header for user space. */
#define FILEID_KERNFS 0xfe
/* memory.stat has about 60 lines; what is needed stands in the first 2 KiB of it. */
#define STAT_BYTES 8192

/* Returns a descriptor of what lies below DIR_FD in the same mount, or a negative errno. */
static int open_beneath(int dir_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV |
			   RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int cgfs_open_root(int *ret_root_fd)
{
	struct statfs fs;
	int fd = open(CGFS_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root_fd;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		return -ENOTSUP;
	}
	/* The way all others go: where a filter of system calls takes openat2() away, nothing
	 * works. */
	root_fd = open_beneath(fd, ".");
	close(fd);
	if (root_fd < 0)
		return root_fd;
	*ret_root_fd = root_fd;
	return 0;
}

int cgfs_open_path(int root_fd, const char *path, int *ret_dir_fd)
{
	int fd;

	path += strspn(path, "/");
	fd = open_beneath(root_fd, *path ? path : ".");
	if (fd < 0)
		return fd;
	*ret_dir_fd = fd;
	return 0;
}

int cgfs_open_id(int root_fd, uint64_t id, int *ret_dir_fd)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} u = {.handle = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	int fd;

	memcpy(u.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(root_fd, &u.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_dir_fd = fd;
	return 0;
}

int cgfs_id(int dir_fd, uint64_t *ret_id)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return -errno;
	*ret_id = st.st_ino;
	return 0;
}

/* The name of the folder with inode INO in PARENT_FD; the caller frees. */
static int name_in(int parent_fd, ino_t ino, char **ret_name)
{
	int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	char *name = NULL;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (!name && (entry = readdir(dir)))
		if (entry->d_ino == ino && strcmp(entry->d_name, ".") != 0)
			name = strdup(entry->d_name);
	closedir(dir);
	if (!name)
		return -ENOENT;
	*ret_name = name;
	return 0;
}

/* For paths longer than PATH_MAX, which /proc cannot tell: name by name, up to the root. */
static int climb(int root_fd, int dir_fd, char **ret_path)
{
	struct stat root, here;
	char *path = strdup("");
	int fd = dup(dir_fd), up, err = 0;

	if (!path || fd < 0 || fstat(root_fd, &root) < 0)
		err = -ENOMEM;
	while (!err) {
		char *name = NULL, *longer;

		if (fstat(fd, &here) < 0 || here.st_ino == root.st_ino)
			break;
		up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (up < 0) {
			err = -errno;
			break;
		}
		err = name_in(up, here.st_ino, &name);
		close(fd);
		fd = up;
		if (err)
			break;
		if (asprintf(&longer, "/%s%s", name, path) < 0) {
			err = -ENOMEM;
		} else {
			free(path);
			path = longer;
		}
		free(name);
	}
	if (fd >= 0)
		close(fd);
	if (err) {
		free(path);
		return err;
	}
	*ret_path = path;
	return 0;
}

int cgfs_path(int root_fd, int dir_fd, char **ret_path)
{
	char link[32], text[PATH_MAX];
	size_t root_len = strlen(CGFS_ROOT);
	ssize_t len;
	char *path;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
	len = readlink(link, text, sizeof(text) - 1);
	if (len < 0 || (size_t)len >= sizeof(text) - 1)
		return climb(root_fd, dir_fd, ret_path);
	text[len] = '\0';
	if (strncmp(text, CGFS_ROOT, root_len) != 0)
		return -EXDEV;
	path = strdup(text[root_len] ? text + root_len : "/");
	if (!path)
		return -ENOMEM;
	*ret_path = path;
	return 0;
}

int cgfs_read(int dir_fd, const char *file, char *buf, size_t len)
{
	int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read(fd, buf, len - 1);
	if (got < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	close(fd);
	if (got > 0 && buf[got - 1] == '\n')
		got--;
	buf[got] = '\0';
	return 0;
}

int cgfs_read_bytes(int dir_fd, const char *file, uint64_t *ret_bytes)
{
	char text[32];
	int err = cgfs_read(dir_fd, file, text, sizeof(text));

	return err ? err : units_parse_limit(text, ret_bytes);
}

uint64_t cgfs_stat_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoull(line + len + 1, NULL, 10);
	}
	return 0;
}

int cgfs_look(int dir_fd, struct memory_look *ret_look)
{
	char stat[STAT_BYTES] = ""; /* clang-tidy takes -errno for 0 */
	struct memory_look look;
	uint64_t unmoved;
	int err;

	err = cgfs_read_bytes(dir_fd, "memory.current", &look.current_bytes);
	if (!err)
		err = cgfs_read(dir_fd, "memory.stat", stat, sizeof(stat));
	if (err)
		return err;
	look.file_bytes =
		cgfs_stat_value(stat, "inactive_file") + cgfs_stat_value(stat, "active_file");
	if (look.file_bytes > look.current_bytes)
		look.file_bytes = look.current_bytes;
	/* Pages on their way to the disk are page cache, and not free yet. */
	unmoved = cgfs_stat_value(stat, "file_dirty") + cgfs_stat_value(stat, "file_writeback");
	look.fixed_bytes = look.current_bytes - look.file_bytes;
	look.fixed_bytes += unmoved < look.file_bytes ? unmoved : look.file_bytes;
	*ret_look = look;
	return 0;
}

int cgfs_look_cpu(int dir_fd, struct cpu_look *ret_look)
{
	char stat[1024] = "";
	int err = cgfs_read(dir_fd, "cpu.stat", stat, sizeof(stat));

	if (err)
		return err;
	*ret_look = (struct cpu_look){
		.usage_us = cgfs_stat_value(stat, "usage_usec"),
		.throttled_us = cgfs_stat_value(stat, "throttled_usec"),
		.periods_cnt = cgfs_stat_value(stat, "nr_periods"),
		.throttled_cnt = cgfs_stat_value(stat, "nr_throttled"),
	};
	return 0;
}

static int walk(int dir_fd, const char *path, cgfs_visit visit, void *context)
{
	struct dirent *entry;
	DIR *dir = fdopendir(dir_fd);
	int err = 0;

	if (!dir) {
		close(dir_fd);
		return -ENOMEM;
	}
	while (!err && (entry = readdir(dir))) {
		char *below;
		int fd;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		fd = open_beneath(dirfd(dir), entry->d_name);
		if (fd < 0)
			continue;
		if (asprintf(&below, "%s/%s", path, entry->d_name) < 0) {
			close(fd);
			err = -ENOMEM;
			break;
		}
		err = visit(context, fd, below);
		if (err == 0) {
			err = walk(fd, below, visit, context);
		} else {
			close(fd);
			err = err < 0 ? err : 0;
		}
		free(below);
	}
	closedir(dir);
	return err;
}

int cgfs_walk(int root_fd, cgfs_visit visit, void *context)
{
	int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : walk(fd, "", visit, context);
}

int cgfs_path_of_pid(uint32_t pid, char **ret_path)
{
	char file[32];
	char *line = NULL, *path = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *f;

	/* 0 stands for the caller. */
	if (pid)
		snprintf(file, sizeof(file), "/proc/%u/cgroup", pid);
	else
		snprintf(file, sizeof(file), "/proc/self/cgroup");
	f = fopen(file, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	/* "0::" is always the last line; a name cannot forge it, because newline is refused in
	 * names. */
	while (!path && (len = getline(&line, &size, f)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (strncmp(line, "0::/", 4) == 0)
			path = strdup(line + 3);
	}
	free(line);
	fclose(f);
	if (!path)
		return -ESRCH;
	*ret_path = path;
	return 0;
}

bool cgfs_is_gone(int err)
{
	return err == -ENOENT || err == -ENODEV || err == -ESTALE;
}

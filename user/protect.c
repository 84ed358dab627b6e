// SPDX-License-Identifier: BSD-2-Clause
/* Keeps the process alive and alone. It never touches another process. */
#include "user/protect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "user/log.h"

#define RUN_DIR "/run/cgbpf"
#define LOCK_FILE RUN_DIR "/lock"
/* As systemd-oomd.service: before it nearly everything else goes, but it is not beyond reach. */
#define OOM_SCORE_ADJ "-900"
/* A governed cgroup's folder, its limit and its use. */
#define DESCRIPTORS (3 * CGBPF_MAX_GOVERNED + 64)

void protect_self(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, OOM_SCORE_ADJ, strlen(OOM_SCORE_ADJ)) < 0)
		log_warning("oom_score_adj (CAP_SYS_RESOURCE): %s, ignoring", strerror(errno));
	if (fd >= 0)
		close(fd);
	/* What is here now is brought in, so that no answer waits for a disk; what comes later
	 * stays once touched. */
	if (mlockall(MCL_CURRENT) < 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning("memory is not locked (CAP_IPC_LOCK): %s, ignoring", strerror(errno));
}

/*
 * Files of cgroups that belong to somebody else, cgroups opened by id, other tasks' priorities,
 * memory that is touched later, watches on pressure (psi_trigger_create() in kernel/sched/psi.c).
 */
#define KEPT                                                                                       \
	(1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_SYS_NICE |                 \
	 1U << CAP_IPC_LOCK | 1U << CAP_SYS_RESOURCE)

void protect_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data) == 0) {
		data[0].effective &= KEPT;
		data[0].permitted &= KEPT;
		data[0].inheritable &= KEPT;
		memset(&data[1], 0, sizeof(data[1]));
		if (syscall(SYS_capset, &header, data) == 0)
			return;
	}
	log_warning("capabilities are not dropped: %s, ignoring", strerror(errno));
}

void protect_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max < DESCRIPTORS)
		limit.rlim_max = DESCRIPTORS;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("RLIMIT_NOFILE: %s, ignoring", strerror(errno));
}

/* Who only looks holds the lock too, for as long as two system calls take. */
#define LOCK_TRIES 5
#define LOCK_AGAIN_NS (10 * 1000000L)

int protect_take_lock(int fd)
{
	const struct timespec moment = {.tv_nsec = LOCK_AGAIN_NS};

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return -errno;
		nanosleep(&moment, NULL);
	}
	return 0;
}

int protect_lock(int *ret_fd, pid_t *ret_holder)
{
	char text[16] = {};
	int fd, err;

	if (mkdir(RUN_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	/* flock(2) asks for no more than a file opened to read: whoever may do that could keep us
	 * from starting. */
	fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0)
		log_warning("%s: %s, ignoring", LOCK_FILE, strerror(errno));
	err = protect_take_lock(fd);
	if (err) {
		if (err == -EWOULDBLOCK && pread(fd, text, sizeof(text) - 1, 0) > 0)
			*ret_holder = atoi(text);
		close(fd);
		return err;
	}
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		log_warning("%s: %s, ignoring", LOCK_FILE, strerror(errno));
	*ret_fd = fd;
	return 0;
}

pid_t protect_lock_holder(void)
{
	char text[16] = {};
	int fd = open(LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	pid_t holder = 0;

	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK &&
	    pread(fd, text, sizeof(text) - 1, 0) > 0)
		holder = atoi(text);
	close(fd);
	return holder;
}

int protect_is_locked(void)
{
	int fd = open(LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), is;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	is = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return is;
}

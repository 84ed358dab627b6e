// SPDX-License-Identifier: BSD-2-Clause
/* Owns a client's process from its start to its end. It never decides what that end means. */
#include "user/latency_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/engine.h"
#include "user/text.h"

#define BY_SIGNAL 128

extern char **environ;

/* What the client says goes to a file in memory, one for all of them. */
static int words_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("words", MFD_CLOEXEC);
	if (fd >= 0 && (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		return -errno;
	return fd < 0 ? -errno : fd;
}

static void read_words(int fd, char *words, size_t len)
{
	char text[1024], *line;
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = size > (off_t)sizeof(text) - 1 ? size - (off_t)sizeof(text) + 1 : 0;
	ssize_t got = pread(fd, text, sizeof(text) - 1, from);

	text[got > 0 ? got : 0] = '\0';
	while ((line = strrchr(text, '\n')) && !line[1])
		*line = '\0';
	text_escape(line ? line + 1 : text, strlen(line ? line + 1 : text), words, len);
}

static int spawn(char *const argv[], int words, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int err;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	/* A group of its own: Ctrl-C is for the bench, which ends its client itself. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0);
	err = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* 0 when PID has ended and can be waited for. */
static int wait_end(pid_t pid, int signal_fd, int timeout_ms)
{
	struct pollfd fds[2] = {{.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN},
				{.fd = signal_fd, .events = POLLIN}};
	int cnt, err = 0;

	if (fds[0].fd < 0)
		return -errno;
	do
		cnt = poll(fds, 2, timeout_ms);
	while (cnt < 0 && errno == EINTR);
	if (cnt < 0)
		err = -errno;
	else if (!(fds[0].revents & POLLIN))
		err = cnt ? -EINTR : -ETIMEDOUT;
	close(fds[0].fd);
	return err;
}

int latency_child_run(char *const argv[], int signal_fd, int timeout_ms,
		      struct latency_child *ret_child)
{
	struct latency_child child = {};
	int words = words_fd(), status, err;
	char host[PATH_MAX];
	pid_t pid;

	if (words < 0)
		return words;
	snprintf(host, sizeof(host), "unix://%s", engine_socket());
	setenv("DOCKER_HOST", host, 1);
	child.start_ns = apply_now_ns();
	err = spawn(argv, words, &pid);
	if (err)
		return err;
	err = wait_end(pid, signal_fd, timeout_ms);
	if (err)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	child.end_ns = apply_now_ns();
	child.pid = pid;
	child.status = WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
	read_words(words, child.words, sizeof(child.words));
	*ret_child = child;
	return err;
}

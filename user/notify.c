// SPDX-License-Identifier: BSD-2-Clause
/* Owns the one datagram to the service manager. It never waits and never fails its caller. */
#include "user/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/log.h"

void notify(const char *words)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* a name in no file system */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (sendto(fd, words, strlen(words), MSG_NOSIGNAL, (struct sockaddr *)&address,
		   sizeof(address.sun_family) + len) < 0)
		log_debug("the service manager was not told %s, ignoring", words);
	close(fd);
}

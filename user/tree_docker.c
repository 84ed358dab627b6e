/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the Docker Engine for its cgroup driver. It never changes an Engine's settings. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/cmd_tree.h"
#include "user/engine.h"

/* The Engine's own words for it come first. */
const char tree_docker_cure[] =
	"\"cgroup-parent for systemd cgroup should be a valid slice\": Docker uses the cgroup "
	"driver "
	"systemd, and takes no paths.\n"
	"Either let it use cgroupfs: put into /etc/docker/daemon.json\n"
	"  {\n"
	"    \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"]\n"
	"  }\n"
	"and run 'sudo systemctl restart docker';\n"
	"or let cgbpf make slices instead: 'cgbpf tree apply --driver systemd'";

int tree_docker_driver(enum tree_driver *ret_driver)
{
	const char *text;
	json_t *info = NULL;
	int err;

	/* Before a library is loaded for nothing. */
	if (access(engine_socket(), F_OK) < 0)
		return -errno;
	err = engine_get("/info", &info);
	if (err)
		return err;
	text = json_string_value(json_object_get(info, "CgroupDriver"));
	if (text && strcmp(text, "cgroupfs") == 0)
		*ret_driver = TREE_CGROUPFS;
	else if (text && strcmp(text, "systemd") == 0)
		*ret_driver = TREE_SYSTEMD;
	else
		err = -ENOTSUP;
	json_decref(info);
	return err;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds container_path_parse() to the paths that container runtimes make. It never asks a runtime.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/container_path.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define HEX16 "0123456789abcdef"
#define HEX32 HEX16 HEX16
#define ID HEX32 HEX32
#define INNER "fedcba9876543210" HEX32 "fedcba9876543210"
#define UID "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
#define UID_ "f81d4fae_7dec_11d0_a765_00a0c91e6bf6"
#define KUBE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define ROOTLESS "/user.slice/user-1000.slice/user@1000.service"

struct row {
	const char *path;
	const char *runtime, *id; /* NULL: no container */
	bool is_inside; /* the path lies within the container's cgroup */
};

static const struct row runtimes[] = {
	/* kubelet's own folders: quality of service, pods, static pods */
	{"/kubepods.slice/kubepods-burstable.slice", NULL, NULL, false},
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice", NULL,
	 NULL, false},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice", NULL, NULL, false},
	{"/kubepods.slice/kubepods-pod" HEX32 ".slice", NULL, NULL, false},
	{"/kubepods/burstable/pod" UID, NULL, NULL, false},
	{"/kubepods/pod" UID, NULL, NULL, false},
	{"/kubepods/pod" HEX32, NULL, NULL, false},
	{"/kubepods/pod" HEX32 "/" ID, "kubernetes", ID, false},
	{"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	 "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	 "containerd", ID, false},
	/* containerd */
	{KUBE "/cri-containerd-" ID ".scope", "containerd", ID, false},
	{"/kubepods/burstable/pod" UID "/" ID, "kubernetes", ID, false},
	{"/system.slice/containerd.service" KUBE ":cri-containerd:" ID, "containerd", ID, false},
	/* CRI-O */
	{KUBE "/crio-" ID ".scope", "cri-o", ID, false},
	{KUBE "/crio-" ID ".scope/container", "cri-o", ID, true},
	{KUBE "/crio-conmon-" ID ".scope", NULL, NULL, false},
	{"/kubepods/burstable/pod" UID "/crio-" ID, "cri-o", ID, false},
	{"/kubepods/burstable/pod" UID "/crio-conmon-" ID, NULL, NULL, false},
	/* Docker */
	{KUBE "/docker-" ID ".scope", "docker", ID, false},
	{"/system.slice/docker-" ID ".scope", "docker", ID, false},
	{"/foo.slice/docker-" ID ".scope", "docker", ID, false},
	{"/docker/" ID, "docker", ID, false},
	{"/docker/" ID "/docker/" INNER, "docker", INNER, false},
	{"/docker/" ID "/docker/" INNER "/init", "docker", INNER, true},
	{ROOTLESS "/user.slice/docker-" ID ".scope", "docker", ID, false},
	{ROOTLESS "/cgbpf/run-main-1-0a1b2c3d-local/crs1/" ID, "container", ID, false},
	{"/cgbpf.slice/cgbpf-w.slice/cgbpf-w-crs1.slice/docker-" ID ".scope", "docker", ID, false},
	/* Podman */
	{"/machine.slice/libpod-" ID ".scope", "podman", ID, false},
	{"/machine.slice/libpod-" ID ".scope/container", "podman", ID, true},
	{"/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL, false},
	{"/machine.slice/machine-libpod_pod_" ID ".slice", NULL, NULL, false},
	{"/machine.slice/machine-libpod_pod_" ID ".slice/libpod-" INNER ".scope", "podman", INNER,
	 false},
	{ROOTLESS "/user.slice/libpod-" ID ".scope/container", "podman", ID, true},
	{ROOTLESS "/user.slice/user-libpod_pod_" ID ".slice/libpod-" INNER ".scope", "podman",
	 INNER, false},
	{"/libpod_parent/libpod-" ID, "podman", ID, false},
	{"/libpod_parent/libpod-conmon-" ID, NULL, NULL, false},
	{"/system.slice/web.service/libpod-payload-" ID, "podman", ID, false},
	{"/system.slice/web.service/runtime", NULL, NULL, false},
	{ROOTLESS "/app.slice/web.service/libpod-payload-" ID, "podman", ID, false},
	/* nerdctl */
	{"/system.slice/nerdctl-" ID ".scope", "nerdctl", ID, false},
	{"/default/" ID, "container", ID, false},
	/* runc and crun by themselves: the id is free text */
	{"/system.slice/runc-web.scope", "runc", "web", false},
	{"/system.slice/runc-" ID ".scope", "runc", ID, false},
	{"/system.slice/crun-web-1.scope", "crun", "web-1", false},
	{ROOTLESS "/user.slice/crun-web.scope", "crun", "web", false},
	/* LXC, LXD, Incus, libvirt */
	{"/lxc.payload.web", "lxc", "web", false},
	{"/lxc.payload.web/init.scope", "lxc", "web", true},
	{"/lxc/web", "lxc", "web", false},
	{"/lxc.monitor.web", NULL, NULL, false},
	{"/machine.slice/machine-lxc\\x2d4711\\x2dweb.scope", "libvirt-lxc", "web", false},
	{"/machine.slice/machine-qemu\\x2d1\\x2dweb.scope", NULL, NULL, false},
	/* systemd-nspawn */
	{"/machine.slice/systemd-nspawn@web.service/payload", "nspawn", "web", true},
	{"/machine.slice/systemd-nspawn@web.service/supervisor", NULL, NULL, false},
	{"/machine.slice/machine-web.scope/payload", "nspawn", "web", true},
	{"/machine.slice/machine-web.scope/supervisor", NULL, NULL, false},
	/* ECS, Nomad, bpm */
	{"/ecstasks.slice/ecstasks-" HEX32 ".slice", NULL, NULL, false},
	{"/ecstasks.slice/ecstasks-" HEX32 ".slice/docker-" ID ".scope", "docker", ID, false},
	{"/ecs/" HEX32 "/" ID, "container", ID, false},
	{"/nomad.slice/share.slice/" UID ".web.scope", "nomad", UID ".web", false},
	{"/nomad.slice/reserve.slice/" UID ".web.scope", "nomad", UID ".web", false},
	{"/system.slice/bpm-mfzwizlbmfzwizlb.scope", "bpm", "mfzwizlbmfzwizlb", false},
	/* units of systemd are no containers */
	{"/system.slice/ssh.service", NULL, NULL, false},
	{"/system.slice/web\\x2dfront.service", NULL, NULL, false},
	{"/user.slice/user-1000.slice/session-3.scope", NULL, NULL, false},
	{"/system.slice/system-getty.slice/getty@tty1.service", NULL, NULL, false},
};

static const struct row others[] = {
	{"/docker/" ID "0", NULL, NULL, false},
	{"/docker/" HEX16 HEX16 HEX16 "0123456789abcde", NULL, NULL, false},
	{"/docker/" HEX16 HEX16 HEX16 "0123456789ABCDEF", NULL, NULL, false},
	{"/docker/" HEX16 HEX16 HEX16 "0123456789abcdeg", NULL, NULL, false},
	{"/docker/" ID "/" ID "0", "docker", ID, true},
	{"/docker/" HEX32 "/" HEX32, NULL, NULL, false},
	{"/x/unknown-" ID ".scope", "container", ID, false},
	{"/docker-.scope", NULL, NULL, false},
	{"/lxc.payload.", NULL, NULL, false},
	{"/runc-.scope", NULL, NULL, false},
	{"/", NULL, NULL, false},
	{"", NULL, NULL, false},
	{"docker", NULL, NULL, false},
};

static void check(const struct row *rows, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		struct container_path container = {.runtime = "untouched"};
		bool is = container_path_parse(rows[i].path, &container);

		if (is != (rows[i].id != NULL))
			fail_msg("%s: %s", rows[i].path, is ? container.runtime : "none");
		if (!is) {
			assert_string_equal(container.runtime, "untouched");
			continue;
		}
		if (strcmp(container.runtime, rows[i].runtime) != 0 ||
		    container.id_len != strlen(rows[i].id) ||
		    memcmp(container.id, rows[i].id, container.id_len) != 0 ||
		    container.is_own == rows[i].is_inside)
			fail_msg("%s: %s %.*s", rows[i].path, container.runtime,
				 (int)container.id_len, container.id);
		assert_int_equal(container.is_hex, strlen(rows[i].id) == CONTAINER_ID_LEN);
	}
}

static void a_container_is_known_by_its_path_under_every_runtime(void **state)
{
	(void)state;
	check(runtimes, ARRAY_SIZE(runtimes));
}

static void only_64_digits_in_lower_case_are_an_id(void **state)
{
	(void)state;
	check(others, ARRAY_SIZE(others));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_is_known_by_its_path_under_every_runtime),
		cmocka_unit_test(only_64_digits_in_lower_case_are_an_id),
	};

	return cmocka_run_group_tests_name("container_path", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds target_container_id() to the paths that container runtimes make. It never asks a runtime.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/target.h"

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
	const char *path, *id; /* NULL: no container's id is in it */
};

static const struct row runtimes[] = {
	{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice", NULL},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice", NULL},
	{"/kubepods/burstable/pod" UID, NULL},
	{"/kubepods/pod" UID, NULL},
	{"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	 "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	 ID},
	{"/kubepods/pod" HEX32, NULL}, /* a static pod */
	{"/kubepods/pod" HEX32 "/" ID, ID},
	{KUBE "/cri-containerd-" ID ".scope", ID},
	{"/kubepods/burstable/pod" UID "/" ID, ID},
	{"/system.slice/containerd.service/" KUBE ":cri-containerd:" ID, ID},
	{KUBE "/crio-" ID ".scope", ID},
	{KUBE "/crio-" ID ".scope/container", ID},
	{"/kubepods/burstable/pod" UID "/crio-" ID, ID},
	{KUBE "/docker-" ID ".scope", ID},
	{"/system.slice/docker-" ID ".scope", ID},
	{"/foo.slice/docker-" ID ".scope", ID},
	{"/docker/" ID, ID},
	{"/docker/" ID "/docker/" INNER, INNER},
	{"/docker/" ID "/docker/" INNER "/init", INNER},
	{ROOTLESS "/user.slice/docker-" ID ".scope", ID},
	{"/machine.slice/libpod-" ID ".scope", ID},
	{"/machine.slice/libpod-" ID ".scope/container", ID},
	{"/machine.slice/machine-libpod_pod_" ID ".slice/libpod-" INNER ".scope", INNER},
	{ROOTLESS "/user.slice/libpod-" ID ".scope/container", ID},
	{ROOTLESS "/user.slice/user-libpod_pod_" ID ".slice/libpod-" INNER ".scope", INNER},
	{"/libpod_parent/libpod-" ID, ID},
	{"/system.slice/web.service/libpod-payload-" ID, ID},
	{"/system.slice/web.service/runtime", NULL},
	{ROOTLESS "/app.slice/web.service/libpod-payload-" ID, ID},
	{"/system.slice/nerdctl-" ID ".scope", ID},
	{"/default/" ID, ID},
	{"/system.slice/runc-web.scope", NULL},
	{"/system.slice/runc-" ID ".scope", ID},
	{ROOTLESS "/user.slice/crun-web.scope", NULL},
	{"/lxc.payload.web", NULL},
	{"/lxc/web", NULL},
	{"/lxc.monitor.web", NULL},
	{"/machine.slice/machine-lxc\\x2d4711\\x2dweb.scope", NULL},
	{"/machine.slice/systemd-nspawn@web.service/payload", NULL},
	{"/machine.slice/machine-web.scope/payload", NULL},
	{"/ecstasks.slice/ecstasks-" HEX32 ".slice/docker-" ID ".scope", ID},
	{"/ecs/" HEX32 "/" ID, ID},
	{"/nomad.slice/share.slice/" UID ".web.scope", NULL},
	{"/system.slice/bpm-mfzwizlbmfzwizlb.scope", NULL},
	{"/system.slice/ssh.service", NULL},
	{"/system.slice/system-getty.slice/getty@tty1.service", NULL},
};

static const struct row others[] = {
	{"/docker/" ID "0", NULL},
	{"/docker/" HEX16 HEX16 HEX16 "0123456789abcde", NULL},
	{"/docker/" HEX16 HEX16 HEX16 "0123456789ABCDEF", NULL},
	{"/docker/" HEX16 HEX16 HEX16 "0123456789abcdeg", NULL},
	{"/docker/" ID "/" ID "0", ID},
	{"/docker/" HEX32 "/" HEX32, NULL},
	{"/", NULL},
	{"", NULL},
};

static void check(const struct row *rows, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		char id[65] = "untouched";
		bool is = target_container_id(rows[i].path, id);

		if (is != (rows[i].id != NULL) ||
		    strcmp(id, rows[i].id ? rows[i].id : "untouched") != 0)
			fail_msg("%s: %s", rows[i].path, id);
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

	return cmocka_run_group_tests_name("target_paths", tests, NULL, NULL);
}

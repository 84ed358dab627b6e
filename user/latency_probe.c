// SPDX-License-Identifier: BSD-2-Clause
/* Owns bench-latency's BPF object from open to close. It never decides what a stamp means. */
#include "user/latency_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "latency.skel.h"
#include "user/bpf_object.h"

struct latency_probe {
	struct latency *skel;
	struct ring_buffer *ring;
	struct latency_trace *trace; /* borrowed, while stamps are taken */
};

static int take_one(void *context, void *data, size_t size)
{
	struct latency_probe *probe = context;
	struct latency_trace *trace = probe->trace;

	if (!trace || size < sizeof(*trace->events))
		return 0;
	if (trace->cnt == LATENCY_TRACE_LEN) {
		trace->is_cut = true;
		return 0;
	}
	memcpy(&trace->events[trace->cnt++], data, sizeof(*trace->events));
	return 0;
}

/* As the kernel keeps it in s_dev (include/linux/kdev_t.h). */
static uint32_t kernel_dev(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

static int attach(struct latency *skel, const char **ret_program)
{
	struct bpf_object_skeleton *skeleton = skel->skeleton;

	for (int i = 0; i < skeleton->prog_cnt; i++) {
		struct bpf_program *program = *skeleton->progs[i].prog;

		if (!bpf_program__autoload(program))
			continue;
		*skeleton->progs[i].link = bpf_program__attach(program);
		if (!*skeleton->progs[i].link) {
			*ret_program = bpf_program__name(program);
			return -errno;
		}
	}
	return 0;
}

int latency_probe__open(const struct features *features, dev_t cgroup_dev,
			struct latency_probe **ret_probe, const char **ret_program)
{
	struct latency_probe *probe = calloc(1, sizeof(*probe));
	struct bpf_program *program;
	int err;

	*ret_program = NULL;
	if (!probe)
		return -ENOMEM;
	bpf_object_log();
	probe->skel = latency__open();
	if (!probe->skel) {
		err = -errno;
		goto fail;
	}
	probe->skel->rodata->cfg_cgroup_dev = kernel_dev(cgroup_dev);
	probe->skel->rodata->cfg_own_tgid = getpid();
	bpf_object__for_each_program(program, probe->skel->obj)
	{
		const char *name = bpf_program__name(program);

		bpf_program__set_autoload(program, features_want_program(features, name));
	}
	err = latency__load(probe->skel);
	if (!err)
		err = attach(probe->skel, ret_program);
	if (err)
		goto fail;
	probe->ring =
		ring_buffer__new(bpf_map__fd(probe->skel->maps.stamps), take_one, probe, NULL);
	if (!probe->ring) {
		err = -errno;
		goto fail;
	}
	err = latency_probe__actor(probe, getpid(), CGBPF_LATENCY_SELF);
	if (err)
		goto fail;
	*ret_probe = probe;
	return 0;
fail:
	latency_probe__close(probe);
	return err;
}

void latency_probe__close(struct latency_probe *probe)
{
	if (!probe)
		return;
	ring_buffer__free(probe->ring);
	latency__destroy(probe->skel);
	free(probe);
}

int latency_probe__watch(struct latency_probe *probe, uint64_t inode)
{
	for (int i = 0; i < CGBPF_LATENCY_LIMITS; i++) {
		__u64 *slot = &probe->skel->bss->limit_inodes[i];

		if (*slot && *slot != inode)
			continue;
		*slot = inode;
		return 0;
	}
	return -ENOSPC;
}

int latency_probe__actor(struct latency_probe *probe, uint32_t pid, enum cgbpf_latency_role role)
{
	int fd = bpf_map__fd(probe->skel->maps.actors);
	uint32_t value = role;

	if (role == CGBPF_LATENCY_NOBODY)
		return bpf_map_delete_elem(fd, &pid);
	return bpf_map_update_elem(fd, &pid, &value, BPF_ANY);
}

int latency_probe__socket(struct latency_probe *probe, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	probe->skel->bss->socket_inode = st.st_ino;
	probe->skel->bss->socket_dev = kernel_dev(st.st_dev);
	return 0;
}

void latency_probe__take(struct latency_probe *probe, struct latency_trace *trace, int timeout_ms)
{
	probe->trace = trace;
	if (timeout_ms)
		ring_buffer__poll(probe->ring, timeout_ms);
	ring_buffer__consume(probe->ring);
	probe->trace = NULL;
}

uint64_t latency_probe__lost_cnt(const struct latency_probe *probe)
{
	return probe->skel->bss->lost_cnt;
}

uint64_t latency_probe__foreign_cnt(const struct latency_probe *probe)
{
	return probe->skel->bss->foreign_cnt;
}

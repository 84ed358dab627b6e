// SPDX-License-Identifier: BSD-2-Clause
/* Owns the sampling object from open to close. It never decides and never reads a cgroup file. */
#include "user/sampler.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sample.skel.h"
#include "user/bpf_object.h"
#include "user/histogram.h"

/* A walk's: 21,845 records, each with the ring's own 8 bytes. */
#define FRESH_BYTES (1U << 20)

struct sampler {
	struct sample *skel;
	struct bpf_link *link;
	struct ring_buffer *fresh;
	sampler_visit visit; /* while sampler__fresh runs */
	void *context;
	bool is_pinned;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int on_fresh(void *context, void *data, size_t size)
{
	struct sampler *sampler = context;

	if (size == sizeof(struct cgbpf_fresh))
		sampler->visit(sampler->context, data);
	return 0;
}

static int load(struct sampler *sampler, const struct sampler_options *options)
{
	struct sample *skel = sample__open();
	int err;

	if (!skel)
		return errno ? -errno : -ENOMEM;
	sampler->skel = skel;
	skel->rodata->cfg_nodes_cnt = bpf_object_nodes_cnt();
	skel->bss->tells_fresh = options->tells_fresh;
	bpf_map__set_max_entries(skel->maps.usage, options->watched_max);
	if (options->tells_fresh) {
		bpf_map__set_max_entries(skel->maps.ignored, options->watched_max);
		bpf_map__set_max_entries(skel->maps.fresh, FRESH_BYTES);
	}
	bpf_program__set_autoload(skel->progs.on_sample, true);
	err = sample__load(skel);
	if (err || !options->tells_fresh)
		return err;
	sampler->fresh = ring_buffer__new(bpf_map__fd(skel->maps.fresh), on_fresh, sampler, NULL);
	return sampler->fresh ? 0 : -errno;
}

/* The link is what each walk is made from; it lives with us. */
static int attach(struct sampler *sampler, int root_fd)
{
	union bpf_iter_link_info info = {
		.cgroup = {.order = BPF_CGROUP_ITER_DESCENDANTS_POST, .cgroup_fd = root_fd},
	};
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
			    .link_info_len = sizeof(info));

	sampler->link = bpf_program__attach_iter(sampler->skel->progs.on_sample, &options);
	return sampler->link ? 0 : -errno;
}

static int pin(struct sampler *sampler)
{
	if (mkdir(CGBPF_PIN_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	unlink(CGBPF_PIN_USAGE);
	if (bpf_obj_pin(bpf_map__fd(sampler->skel->maps.usage), CGBPF_PIN_USAGE))
		return -errno;
	sampler->is_pinned = true;
	return 0;
}

int sampler__open(const struct sampler_options *options, int root_fd, struct sampler **ret_sampler)
{
	struct sampler *sampler = calloc(1, sizeof(*sampler));
	int err;

	if (!sampler)
		return -ENOMEM;
	err = load(sampler, options);
	if (!err)
		err = attach(sampler, root_fd);
	if (!err && options->is_pinned)
		err = pin(sampler);
	if (err) {
		sampler__close(sampler);
		return err;
	}
	*ret_sampler = sampler;
	return 0;
}

void sampler__close(struct sampler *sampler)
{
	if (!sampler)
		return;
	if (sampler->is_pinned)
		unlink(CGBPF_PIN_USAGE);
	ring_buffer__free(sampler->fresh);
	bpf_link__destroy(sampler->link);
	sample__destroy(sampler->skel);
	free(sampler);
}

int sampler__watch(struct sampler *sampler, uint64_t id)
{
	static const struct cgbpf_usage none;
	int err = bpf_map_update_elem(bpf_map__fd(sampler->skel->maps.usage), &id, &none,
				      BPF_NOEXIST);

	return err == -EEXIST ? 0 : err;
}

int sampler__watch_fresh(struct sampler *sampler, const struct cgbpf_fresh *fresh)
{
	struct cgbpf_usage usage = {
		.first_ns = sampler->skel->bss->pass_ns,
		.last_ns = sampler->skel->bss->pass_ns,
		.sample_cnt = 1,
		.min_bytes = fresh->usage_bytes,
		.max_bytes = fresh->usage_bytes,
		.usage_bytes = fresh->usage_bytes,
		.anon_bytes = fresh->anon_bytes,
		.file_bytes = fresh->file_bytes,
		.limit_bytes = fresh->limit_bytes,
	};

	usage.usage[histogram_bucket(fresh->usage_bytes, CGBPF_FINE_BITS)] = 1;
	usage.anon[histogram_bucket(fresh->anon_bytes, CGBPF_COARSE_BITS)] = 1;
	usage.file[histogram_bucket(fresh->file_bytes, CGBPF_COARSE_BITS)] = 1;
	return bpf_map_update_elem(bpf_map__fd(sampler->skel->maps.usage), &fresh->id, &usage,
				   BPF_NOEXIST)
		       ? -errno
		       : 0;
}

void sampler__unwatch(struct sampler *sampler, uint64_t id)
{
	bpf_map_delete_elem(bpf_map__fd(sampler->skel->maps.usage), &id);
}

int sampler__ignore(struct sampler *sampler, uint64_t id)
{
	const __u8 is = 1;

	return bpf_map_update_elem(bpf_map__fd(sampler->skel->maps.ignored), &id, &is, BPF_ANY);
}

int sampler__pass(struct sampler *sampler)
{
	char none[64];
	ssize_t len;
	int fd, err = 0;

	sampler->skel->bss->pass_ns = now_ns();
	fd = bpf_iter_create(bpf_link__fd(sampler->link));
	if (fd < 0)
		return fd;
	/* The walk happens in this one call; what it found is in the maps. */
	do
		len = read(fd, none, sizeof(none));
	while (len < 0 && errno == EINTR);
	if (len < 0)
		err = -errno;
	close(fd);
	return err;
}

int sampler__usage(const struct sampler *sampler, uint64_t id, struct cgbpf_usage *ret_usage)
{
	return bpf_map_lookup_elem(bpf_map__fd(sampler->skel->maps.usage), &id, ret_usage);
}

void sampler__fresh(struct sampler *sampler, sampler_visit visit, void *context)
{
	sampler->visit = visit;
	sampler->context = context;
	ring_buffer__consume(sampler->fresh);
}

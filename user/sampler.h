/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Distributions of memory use, sampled in the kernel: one walk over all cgroups, one sample to each
 * that is watched. It never reads a cgroup file.
 *
 * Life: sampler__open; sampler__watch for each cgroup; sampler__pass as often as wanted;
 * sampler__usage; sampler__close. Not for the rescuing thread.
 */
#ifndef CGBPF_SAMPLER_H
#define CGBPF_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct sampler;

struct sampler_options {
	bool is_pinned; /* the map is CGBPF_PIN_USAGE until sampler__close */
	bool tells_fresh; /* see sampler__fresh */
	uint32_t watched_max;
};

/* All functions return 0 or a negative errno. */
int sampler__open(const struct sampler_options *options, int root_fd, struct sampler **ret_sampler);
/* Unpins. NULL is allowed. */
void sampler__close(struct sampler *sampler);

/* An empty distribution for this cgroup; one that is there already stays. -E2BIG: watched_max are
 * watched. */
int sampler__watch(struct sampler *sampler, uint64_t id);
/* The same with its first sample, as the last walk has met it. */
int sampler__watch_fresh(struct sampler *sampler, const struct cgbpf_fresh *fresh);
void sampler__unwatch(struct sampler *sampler, uint64_t id);
int sampler__ignore(struct sampler *sampler, uint64_t id);

/* One walk: holds the kernel's cgroup_mutex for as long as it takes (about a microsecond a cgroup).
 */
int sampler__pass(struct sampler *sampler);
int sampler__usage(const struct sampler *sampler, uint64_t id, struct cgbpf_usage *ret_usage);

/* Calls VISIT for every cgroup that the last walks met and that is neither watched nor ignored. */
typedef void (*sampler_visit)(void *context, const struct cgbpf_fresh *fresh);
void sampler__fresh(struct sampler *sampler, sampler_visit visit, void *context);

#endif

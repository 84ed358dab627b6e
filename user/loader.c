// SPDX-License-Identifier: BSD-2-Clause
/* Owns the BPF object from open to close. It never decides and never writes a cgroup file. */
#include "user/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgbpf.skel.h"
#include "user/bpf_object.h"
#include "user/ledger.h"
#include "user/log.h"

struct loader {
	struct cgbpf *skel;
	struct cgbpf_stats *stats;
};

static void configure(struct cgbpf *skel, const struct features *features)
{
	struct bpf_program *program;

	skel->rodata->cfg_own_tgid = getpid();
	skel->rodata->cfg_nodes_cnt = bpf_object_nodes_cnt();
	bpf_object__for_each_program(program, skel->obj)
	{
		bool wanted = features_want_program(features, bpf_program__name(program));

		bpf_program__set_autoload(program, wanted);
	}
}

/* Pins of a run that did not end in order; its programs went with it. The ledger is not among them.
 */
static void remove_stale_pins(void)
{
	unlink(CGBPF_PIN_RULES);
	unlink(CGBPF_PIN_CGROUPS);
	unlink(CGBPF_PIN_STATS);
	unlink(CGBPF_PIN_USAGE);
}

static int take_over_ledger(struct cgbpf *skel)
{
	int fd, err = ledger__open_pinned(&fd);

	if (err == -ENOENT)
		return 0;
	if (err)
		return err == -EINVAL ? -EPROTO : err;
	err = bpf_map__reuse_fd(skel->maps.ledger, fd);
	close(fd);
	return err;
}

static int pin_all(struct cgbpf *skel)
{
	struct {
		struct bpf_map *map;
		const char *path;
	} pins[] = {
		{skel->maps.rules, CGBPF_PIN_RULES},
		{skel->maps.cgroups, CGBPF_PIN_CGROUPS},
		{skel->maps.stats, CGBPF_PIN_STATS},
		{skel->maps.ledger, CGBPF_PIN_LEDGER},
	};

	for (size_t i = 0; i < sizeof(pins) / sizeof(*pins); i++) {
		int err = bpf_obj_pin(bpf_map__fd(pins[i].map), pins[i].path);

		if (err && !(err == -EEXIST && pins[i].map == skel->maps.ledger))
			return err;
	}
	return 0;
}

int loader__open(const struct features *features, struct loader **ret_loader)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int err;

	if (!loader)
		return -ENOMEM;
	bpf_object_log();
	loader->skel = cgbpf__open();
	if (!loader->skel) {
		err = -errno;
		goto fail;
	}
	configure(loader->skel, features);
	if (mkdir(CGBPF_PIN_DIR, 0700) < 0 && errno != EEXIST) {
		err = -errno;
		goto fail;
	}
	remove_stale_pins();
	err = take_over_ledger(loader->skel);
	if (!err)
		err = cgbpf__load(loader->skel);
	if (!err)
		err = pin_all(loader->skel);
	if (err)
		goto fail;
	loader->stats = mmap(NULL, sizeof(*loader->stats), PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(loader->skel->maps.stats), 0);
	if (loader->stats == MAP_FAILED) {
		err = -errno;
		loader->stats = NULL;
		goto fail;
	}
	loader->stats->abi_version = CGBPF_ABI_VERSION;
	*ret_loader = loader;
	return 0;

fail:
	loader__close(loader);
	return err;
}

/* By its name, so that the kernel looks it up: libbpf would read /proc/kallsyms, whose addresses
 * want CAP_SYSLOG. */
static struct bpf_link *attach_fprobe(struct bpf_program *program)
{
	const char *function = strchr(bpf_program__section_name(program), '/') + 1;
	LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .syms = &function, .cnt = 1);

	return bpf_program__attach_kprobe_multi_opts(program, NULL, &options);
}

/* What looks at each bio costs those who have an io.max: it waits for a rule that asks for it. */
static bool is_for_io(const struct bpf_program *program)
{
	return strncmp(bpf_program__name(program), "on_bio", strlen("on_bio")) == 0;
}

/* Those for IO or the others; what is attached already stays. */
static int attach(struct loader *loader, bool for_io, const char **ret_program)
{
	struct bpf_object_skeleton *skeleton = loader->skel->skeleton;

	for (int i = 0; i < skeleton->prog_cnt; i++) {
		struct bpf_program *program = *skeleton->progs[i].prog;
		struct bpf_link **link = skeleton->progs[i].link;

		if (!bpf_program__autoload(program) || is_for_io(program) != for_io || *link)
			continue;
		*link = bpf_program__expected_attach_type(program) == BPF_TRACE_KPROBE_MULTI
				? attach_fprobe(program)
				: bpf_program__attach(program);
		if (!*link) {
			*ret_program = bpf_program__name(program);
			return -errno;
		}
	}
	return 0;
}

int loader__attach(struct loader *loader, const char **ret_program)
{
	return attach(loader, false, ret_program);
}

void loader__detach(struct loader *loader)
{
	cgbpf__detach(loader->skel);
}

static bool ledger_is_empty(int map_fd)
{
	struct cgbpf_ledger_key key;

	return bpf_map_get_next_key(map_fd, NULL, &key) != 0;
}

void loader__close(struct loader *loader)
{
	if (!loader)
		return;
	if (loader->skel) {
		int ledger = bpf_map__fd(loader->skel->maps.ledger);

		loader__detach(loader);
		remove_stale_pins();
		if (ledger >= 0 && ledger_is_empty(ledger))
			unlink(CGBPF_PIN_LEDGER);
		rmdir(CGBPF_PIN_DIR);
		cgbpf__destroy(loader->skel);
	}
	if (loader->stats)
		munmap(loader->stats, sizeof(*loader->stats));
	free(loader);
}

int loader__urgent_fd(const struct loader *loader)
{
	return bpf_map__fd(loader->skel->maps.urgent);
}

int loader__notes_fd(const struct loader *loader)
{
	return bpf_map__fd(loader->skel->maps.notes);
}

int loader__ledger_fd(const struct loader *loader)
{
	return bpf_map__fd(loader->skel->maps.ledger);
}

const struct cgbpf_stats *loader__stats(const struct loader *loader)
{
	return loader->stats;
}

/* The next charge looks again; what tidies up is not missed. */
static bool is_told_again(const char *program)
{
	return strncmp(program, "on_charge", strlen("on_charge")) == 0 ||
	       strcmp(program, "on_oom_done") == 0;
}

uint64_t loader__skipped_cnt(const struct loader *loader)
{
	struct bpf_program *program;
	uint64_t cnt = 0;

	bpf_object__for_each_program(program, loader->skel->obj)
	{
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_program__fd(program) >= 0 && !is_told_again(bpf_program__name(program)) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
			cnt += info.recursion_misses;
	}
	return cnt;
}

int loader__set_rule(struct loader *loader, uint64_t cgroup_id, const struct cgbpf_rule *rule)
{
	struct cgbpf_cgroup none = {};
	const char *program;
	int err;

	if (rule->io_device) {
		err = attach(loader, true, &program);
		if (err) {
			log_warning("%s cannot be attached: %s", program, strerror(-err));
			return -EIO; /* nothing that is said of a cgroup or of a map */
		}
	}
	/* The state first: a rule without one is not acted on. */
	err = bpf_map_update_elem(bpf_map__fd(loader->skel->maps.cgroups), &cgroup_id, &none,
				  BPF_NOEXIST);
	if (err && err != -EEXIST)
		return err;
	return bpf_map_update_elem(bpf_map__fd(loader->skel->maps.rules), &cgroup_id, rule,
				   BPF_ANY);
}

void loader__drop_rule(struct loader *loader, uint64_t cgroup_id)
{
	bpf_map_delete_elem(bpf_map__fd(loader->skel->maps.rules), &cgroup_id);
	bpf_map_delete_elem(bpf_map__fd(loader->skel->maps.cgroups), &cgroup_id);
}

int loader__seen(const struct loader *loader, uint64_t cgroup_id, struct cgbpf_cgroup *ret_seen)
{
	return bpf_map_lookup_elem(bpf_map__fd(loader->skel->maps.cgroups), &cgroup_id, ret_seen);
}

void loader__set_rescuer(struct loader *loader, uint32_t tid)
{
	loader->skel->bss->rescuer_tid = tid;
}

void loader__set_reaction(struct loader *loader, uint64_t reaction_us)
{
	loader->skel->data->reaction_us = reaction_us;
}

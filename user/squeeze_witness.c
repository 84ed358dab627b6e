// SPDX-License-Identifier: BSD-2-Clause
/* Takes down each kill in the squeezed cgroup as the kernel tells it. It never decides and never
 * writes a limit. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/cgfs.h"
#include "user/feature.h"
#include "user/loader.h"
#include "user/log.h"
#include "user/params.h"
#include "user/squeeze.h"

struct squeeze_witness {
	const struct squeeze_target *target;
	struct squeeze_record *record;
	int root_fd;
	struct loader *loader;
	struct ring_buffer *notes;
	uint64_t last_kill_ns;
};

static char *path_of_id(int root_fd, uint64_t id)
{
	char *path = NULL;
	int fd;

	if (id && !cgfs_open_id(root_fd, id, &fd)) {
		cgfs_path(root_fd, fd, &path);
		close(fd);
	}
	return path;
}

static bool is_below(const struct squeeze_witness *witness, const char *path)
{
	return path && squeeze_is_above(witness->target->path, path);
}

static void add_kill(struct squeeze_witness *witness, const struct squeeze_kill *kill)
{
	struct squeeze_record *record = witness->record;

	if (record->kill_cnt == record->kill_room) {
		size_t room = record->kill_room ? 2 * record->kill_room : 64;
		struct squeeze_kill *more = reallocarray(record->kills, room, sizeof(*more));

		if (!more) {
			free(kill->limit_path);
			free(kill->victim_path);
			return;
		}
		record->kills = more;
		record->kill_room = room;
	}
	record->kills[record->kill_cnt++] = *kill;
	witness->last_kill_ns = apply_now_ns();
}

static int on_note(void *context, void *data, size_t size)
{
	const struct cgbpf_event *event = data;
	struct squeeze_witness *witness = context;
	struct squeeze_kill kill = {};

	if (size != CGBPF_EVENT_LEN(event->kind) || event->version != CGBPF_ABI_VERSION ||
	    event->kind != CGBPF_EVENT_KILL)
		return 0;
	kill.limit_path = path_of_id(witness->root_fd, event->cgroup_id);
	kill.victim_path = path_of_id(witness->root_fd, event->kill.victim_cgroup_id);
	if (event->cgroup_id != witness->target->id && !is_below(witness, kill.limit_path) &&
	    !is_below(witness, kill.victim_path)) {
		free(kill.limit_path);
		free(kill.victim_path);
		return 0;
	}
	kill.at_ns = event->kernel_ns - witness->record->began_ns;
	kill.level = witness->record->level_cnt;
	kill.victim_pid = event->kill.victim_pid;
	kill.trigger_pid = event->pid;
	kill.victim_oom_score_adj = event->kill.victim_oom_score_adj;
	kill.victim_rss_bytes = event->kill.victim_rss_bytes;
	snprintf(kill.victim_comm, sizeof(kill.victim_comm), "%.*s", CGBPF_COMM_LEN - 1,
		 event->kill.victim_comm);
	snprintf(kill.trigger_comm, sizeof(kill.trigger_comm), "%.*s", CGBPF_COMM_LEN - 1,
		 event->comm);
	add_kill(witness, &kill);
	return 0;
}

/* All that a drill wants of the kernel's programs is the witness of kills. */
static void want_the_witness_alone(struct features *features)
{
	const struct program_row *row;

	for (size_t i = 0; (row = feature_program(i)); i++)
		if (row->needs != FEATURE_OOM && row->needs != FEATURE_KILL_TASK &&
		    row->needs != FEATURE_KILL_FUNCTION)
			features->has[row->needs] = false;
}

int squeeze_witness__open(int root_fd, const struct squeeze_target *target,
			  struct squeeze_record *record, struct squeeze_witness **ret_witness)
{
	struct squeeze_witness *witness = calloc(1, sizeof(*witness));
	const char *program = "";
	struct features features;
	enum feature missing;
	int err = 0;

	if (!witness)
		return EXIT_FAILED;
	*witness = (struct squeeze_witness){.target = target, .record = record, .root_fd = root_fd};
	*ret_witness = witness;
	features_probe(&features);
	missing = features_missing(&features);
	if (missing != FEATURE_MAX) {
		log_error("squeeze: %s is missing: %s (see 'cgbpf doctor')",
			  feature_row(missing)->what, feature_row(missing)->cure);
		return EXIT_CANNOT;
	}
	want_the_witness_alone(&features);
	err = loader__open(&features, &witness->loader);
	if (!err) {
		unlink(CGBPF_PIN_STATS); /* for `status`: nothing is governed */
		err = loader__attach(witness->loader, &program);
	}
	if (err) {
		log_error("squeeze: the witness %s cannot be loaded: %s (see 'cgbpf doctor')",
			  program, strerror(-err));
		return EXIT_CANNOT;
	}
	witness->notes =
		ring_buffer__new(loader__notes_fd(witness->loader), on_note, witness, NULL);
	return witness->notes ? 0 : EXIT_FAILED;
}

int squeeze_witness__ledger_fd(const struct squeeze_witness *witness)
{
	return loader__ledger_fd(witness->loader);
}

int squeeze_witness__fd(const struct squeeze_witness *witness)
{
	return ring_buffer__epoll_fd(witness->notes);
}

void squeeze_witness__take(struct squeeze_witness *witness)
{
	ring_buffer__consume(witness->notes);
}

uint64_t squeeze_witness__last_kill_ns(const struct squeeze_witness *witness)
{
	return witness->last_kill_ns;
}

void squeeze_witness__close(struct squeeze_witness *witness)
{
	if (!witness)
		return;
	ring_buffer__free(witness->notes);
	loader__close(witness->loader);
	free(witness);
}

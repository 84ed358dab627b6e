/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds answer_io to which bios its last raise has answered. It never makes a cgroup: io.max stands
 * in a file of its own, the ledger in a variable, and what happens at a write is told to a
 * pwrite(2) of its own. */
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/answer_io.h"
#include "user/io.h"

#define DEVICE (8U << 20)

static struct cgbpf_ledger_entry entry;
static uint64_t taken_ns; /* when the kernel took a line last */

/* As io.max takes it: whole, and in force before the write returns. */
ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(syscall(SYS_pwrite64, fd, data, len, offset), len);
	taken_ns = apply_now_ns();
	return (ssize_t)len;
}

int bpf_map_lookup_elem_flags(int fd, const void *key, void *value, __u64 flags)
{
	(void)fd, (void)key, (void)flags;
	memcpy(value, &entry, sizeof(entry));
	return 0;
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd, (void)key, (void)flags;
	memcpy(&entry, value, sizeof(entry));
	return 0;
}

struct scene {
	struct apply apply;
	struct groups groups;
	struct answerer answerer;
	struct group *group;
};

static int begin(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct group *group = calloc(1, sizeof(*group));
	struct group_io *io = calloc(1, sizeof(*io));
	uint64_t rates[IO_KINDS];
	char line[CGBPF_VALUE_LEN];

	assert_true(scene && group && io);
	*io = (struct group_io){.device = DEVICE, .fd = memfd_create("io.max", MFD_CLOEXEC)};
	for (int kind = 0; kind < IO_KINDS; kind++) {
		rates[kind] = io->rates[kind].standing = 1000;
		io->rates[kind].is_governed = true;
		io->rates[kind].rule = (struct io_rule){.soft = 1000, .hard = 9000, .step = 1000};
	}
	io_format(DEVICE, rates, line, sizeof(line));
	pwrite(io->fd, line, strlen(line), 0);
	*group = (struct group){.id = 1, .dir_fd = -1, .max_fd = -1, .usage_fd = -1, .io = io};
	group->path = strdup("/job");
	assert_int_equal(groups__init(&scene->groups), 0);
	assert_int_equal(groups__add(&scene->groups, group), 0);
	scene->group = group;
	scene->apply = (struct apply){.ledger_fd = -1, .cpus = 2};
	scene->answerer = (struct answerer){.groups = &scene->groups, .apply = &scene->apply};
	assert_int_equal(actions__open(&scene->answerer.actions), 0);
	*state = scene;
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;

	actions__close(scene->answerer.actions);
	groups__free(&scene->groups);
	free(scene);
	return 0;
}

/* A bio of many bytes, throttled then. */
static void throttle(struct scene *scene, bool is_write, uint64_t at_ns)
{
	struct cgbpf_event event = {
		.kind = CGBPF_EVENT_IO_THROTTLED,
		.kernel_ns = at_ns,
		.cgroup_id = 1,
		.io = {.device = DEVICE, .is_write = is_write, .bytes = 1000000, .ops = 1},
	};

	answer_io(&scene->answerer, &event);
}

static void assert_rates(const struct scene *scene, uint64_t rbps, uint64_t wbps)
{
	assert_int_equal(scene->group->io->rates[IO_RBPS].standing, rbps);
	assert_int_equal(scene->group->io->rates[IO_WBPS].standing, wbps);
}

static void what_waits_from_before_a_raise_is_answered_by_it(void **state)
{
	uint64_t before_ns = apply_now_ns();

	throttle(*state, true, before_ns);
	assert_rates(*state, 1000, 2000);
	throttle(*state, true, before_ns);
	assert_rates(*state, 1000, 2000);
}

static void what_waits_for_the_new_limit_is_answered_though_the_write_has_not_returned(void **state)
{
	throttle(*state, true, apply_now_ns());
	throttle(*state, true, taken_ns);
	assert_rates(*state, 1000, 3000);
}

static void a_raise_of_writes_answers_no_reads(void **state)
{
	uint64_t before_ns = apply_now_ns();

	throttle(*state, true, before_ns);
	throttle(*state, false, before_ns);
	assert_rates(*state, 2000, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_waits_from_before_a_raise_is_answered_by_it,
						begin, end),
		cmocka_unit_test_setup_teardown(
			what_waits_for_the_new_limit_is_answered_though_the_write_has_not_returned,
			begin, end),
		cmocka_unit_test_setup_teardown(a_raise_of_writes_answers_no_reads, begin, end),
	};

	return cmocka_run_group_tests_name("answers, IO", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds task__move to what the ledger has to say after it. It never makes a cgroup: folders are
 * its own, and the ledger is one entry here. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/cgfs.h"
#include "user/ledger.h"
#include "user/task.h"

#define FIRST "11"
#define SECOND "22"

static struct cgbpf_ledger_entry entry;
static bool is_recorded;

int bpf_map_lookup_elem_flags(int fd, const void *key, void *value, __u64 flags)
{
	(void)fd, (void)key, (void)flags;
	if (!is_recorded)
		return -ENOENT;
	memcpy(value, &entry, sizeof(entry));
	return 0;
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	(void)fd, (void)key;
	if (flags == BPF_NOEXIST && is_recorded)
		return -EEXIST;
	memcpy(&entry, value, sizeof(entry));
	is_recorded = true;
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	(void)fd, (void)key;
	is_recorded = false;
	return 0;
}

struct place {
	char path[512];
	int root_fd, fd; /* ours are below this one; where we are to go */
};

/* A root in which we are where we are, and somewhere to go. */
static void begin(struct place *place)
{
	char root[] = "/tmp/cgbpf-move-XXXXXX";
	char *ours, *end;

	assert_non_null(mkdtemp(root));
	assert_int_equal(cgfs_path_of_pid(getpid(), &ours), 0);
	for (end = ours; (end = strchr(end + 1, '/'));) {
		*end = '\0';
		snprintf(place->path, sizeof(place->path), "%s%s", root, ours);
		mkdir(place->path, 0700);
		*end = '/';
	}
	snprintf(place->path, sizeof(place->path), "%s%s", root, ours);
	mkdir(place->path, 0700);
	free(ours);
	snprintf(place->path, sizeof(place->path), "%s/next", root);
	assert_int_equal(mkdir(place->path, 0700), 0);
	snprintf(place->path, sizeof(place->path), "%s", root);
	place->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place->fd = openat(place->root_fd, "next", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->fd >= 0);
}

static void end(struct place *place)
{
	char command[600];

	close(place->fd);
	close(place->root_fd);
	snprintf(command, sizeof(command), "rm -r '%s'", place->path);
	assert_int_equal(system(command), 0);
}

static int move_there(const struct place *place)
{
	static const struct apply apply = {.ledger_fd = -1};

	return task__move(&apply, place->root_fd, getpid(), place->fd, "target");
}

static void a_second_move_that_fails_leaves_the_record_of_the_first(void **state)
{
	struct place place;

	(void)state;
	begin(&place);
	is_recorded = true;
	entry = (struct cgbpf_ledger_entry){
		.original = FIRST, .previous = FIRST, .current = SECOND};
	assert_int_equal(move_there(&place), -ENOENT); /* it has no cgroup.procs */
	assert_true(is_recorded);
	assert_string_equal(entry.original, FIRST);
	assert_string_equal(entry.current, SECOND);
	end(&place);
}

static void a_first_move_that_fails_leaves_no_record(void **state)
{
	struct place place;

	(void)state;
	begin(&place);
	is_recorded = false;
	assert_int_equal(move_there(&place), -ENOENT);
	assert_false(is_recorded);
	end(&place);
}

static void a_move_records_whence_and_where_to(void **state)
{
	struct place place;
	struct stat st;
	char next[24];

	(void)state;
	begin(&place);
	is_recorded = true;
	entry = (struct cgbpf_ledger_entry){.original = FIRST, .current = SECOND};
	close(openat(place.fd, "cgroup.procs", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_int_equal(move_there(&place), 0);
	assert_int_equal(fstat(place.fd, &st), 0);
	snprintf(next, sizeof(next), "%ju", (uintmax_t)st.st_ino);
	assert_string_equal(entry.original, FIRST);
	assert_string_equal(entry.previous, SECOND);
	assert_string_equal(entry.current, next);
	end(&place);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_move_that_fails_leaves_the_record_of_the_first),
		cmocka_unit_test(a_first_move_that_fails_leaves_no_record),
		cmocka_unit_test(a_move_records_whence_and_where_to),
	};

	return cmocka_run_group_tests_name("task_move", tests, NULL, NULL);
}

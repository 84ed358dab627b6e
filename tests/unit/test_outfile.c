/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/outfile.c, and those who write through it, to replacing files and nothing else. It
 * never writes outside a folder of its own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/files.h"
#include "user/outfile.h"

static char folder[] = "/tmp/cgbpf-outfile.XXXXXX";
static char file[64], link_to_it[64], pipe_there[64], nowhere[64];

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void assert_text(const char *path, const char *expected)
{
	char text[64] = "";
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, expected);
}

static mode_t type_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(link_to_it, sizeof(link_to_it), "%s/link", folder);
	snprintf(pipe_there, sizeof(pipe_there), "%s/pipe", folder);
	snprintf(nowhere, sizeof(nowhere), "%s/nowhere", folder);
	put(file, "old");
	return symlink("file", link_to_it) || mkfifo(pipe_there, 0600) || symlink("no", nowhere);
}

/* Which fails where a part file is left. */
static int remove_folder(void **state)
{
	(void)state;
	return unlink(file) || unlink(link_to_it) || unlink(pipe_there) || unlink(nowhere) ||
	       rmdir(folder);
}

static void a_link_stays_and_what_it_leads_to_is_replaced(void **state)
{
	struct outfile out;

	(void)state;
	put(file, "old");
	assert_int_equal(outfile__open(link_to_it, &out), 0);
	fputs("new", out.stream);
	assert_text(file, "old");
	assert_int_equal(outfile__commit(&out), 0);
	assert_text(file, "new");
	assert_int_equal(type_of(link_to_it), S_IFLNK);
}

static void what_is_abandoned_was_never_there(void **state)
{
	struct outfile out;

	(void)state;
	put(file, "old");
	assert_int_equal(outfile__open_regular(link_to_it, &out), 0);
	fputs("new", out.stream);
	outfile__abandon(&out);
	assert_text(file, "old");
	assert_int_equal(outfile_check(file), 0);
	assert_text(file, "old");
}

static void a_pipe_is_written_to_and_stays(void **state)
{
	int fd = open(pipe_there, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct outfile out;
	char text[8] = "";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(outfile__open(pipe_there, &out), 0);
	fputs("new", out.stream);
	assert_int_equal(outfile__commit(&out), 0);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	close(fd);
	assert_string_equal(text, "new");
	assert_int_equal(type_of(pipe_there), S_IFIFO);
}

static void where_a_file_is_wanted_a_pipe_is_refused_and_stays(void **state)
{
	struct outfile out;

	(void)state;
	assert_int_equal(outfile__open_regular(pipe_there, &out), -EINVAL);
	assert_int_equal(outfile_check(pipe_there), -EINVAL);
	assert_int_equal(type_of(pipe_there), S_IFIFO);
}

static void a_link_to_nowhere_and_a_folder_are_refused(void **state)
{
	struct outfile out;

	(void)state;
	assert_int_equal(outfile__open(nowhere, &out), -ENOENT);
	assert_int_equal(outfile__open(folder, &out), -EISDIR);
	assert_int_equal(type_of(nowhere), S_IFLNK);
}

static void json_replaces_files_alone(void **state)
{
	json_t *root = json_pack("[i]", 1);
	struct outfile out;

	(void)state;
	assert_int_equal(files__write_json(pipe_there, root, &out), -EINVAL);
	assert_int_equal(files__write_json(link_to_it, root, &out), 0);
	assert_int_equal(outfile__commit(&out), 0);
	json_decref(root);
	assert_text(file, "[\n  1\n]\n");
	assert_int_equal(type_of(link_to_it), S_IFLNK);
	assert_int_equal(type_of(pipe_there), S_IFIFO);
}

/* As of a disk that is full for a while: the stream knows, errno does not any more. */
static void what_was_lost_before_the_end_is_told(void **state)
{
	static const char text[1 << 16] = {1};
	struct outfile out;

	(void)state;
	assert_int_equal(outfile__open("/dev/full", &out), 0);
	fwrite(text, 1, sizeof(text), out.stream);
	errno = 0;
	assert_int_equal(outfile__commit(&out), -EIO);
}

static int append(int number)
{
	json_t *root = json_pack("{s:i}", "n", number);
	int err = files__append_json(file, root);

	json_decref(root);
	return err;
}

static void a_line_that_has_no_room_leaves_none_of_it(void **state)
{
	const struct rlimit small = {10, RLIM_INFINITY};
	struct rlimit before;

	(void)state;
	put(file, "{}\n");
	assert_int_equal(append(1), 0);
	assert_text(file, "{}\n{\"n\":1}\n");
	put(file, "{}\n");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(append(2), -EFBIG); /* as on a full disk: some of it fits */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_text(file, "{}\n");
	assert_int_equal(append(3), 0);
	assert_text(file, "{}\n{\"n\":3}\n");
}

static void a_line_after_one_that_was_cut_begins_anew(void **state)
{
	(void)state;
	put(file, "{}\n{\"n\":");
	assert_int_equal(append(4), 0);
	assert_text(file, "{}\n{\"n\":\n{\"n\":4}\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_lost_before_the_end_is_told),
		cmocka_unit_test(a_link_stays_and_what_it_leads_to_is_replaced),
		cmocka_unit_test(what_is_abandoned_was_never_there),
		cmocka_unit_test(a_pipe_is_written_to_and_stays),
		cmocka_unit_test(where_a_file_is_wanted_a_pipe_is_refused_and_stays),
		cmocka_unit_test(a_link_to_nowhere_and_a_folder_are_refused),
		cmocka_unit_test(json_replaces_files_alone),
		cmocka_unit_test(a_line_that_has_no_room_leaves_none_of_it),
		cmocka_unit_test(a_line_after_one_that_was_cut_begins_anew),
	};

	return cmocka_run_group_tests_name("outfile", tests, make_folder, remove_folder);
}

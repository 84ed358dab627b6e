/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/plot.c to what it says of files and quotes, with gnuplot where there is one. It never
 * draws outside a folder of its own. */
#include <errno.h>
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

#include "user/plot.h"

static char folder[] = "/tmp/cgbpf-plot.XXXXXX";
static char file[sizeof(folder) + 16];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/picture.svg", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(folder);
}

static void need_gnuplot(void)
{
	if (plot_check(file) == -ENOPKG)
		skip();
}

static void a_quoted_text_stays_one_string(void **state)
{
	static const char *const texts[][2] = {
		{"plain", "'plain'"},
		{"it's", "'it''s'"},
		{"`id`\n", "'`id` '"},
		{"", "''"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_string_equal(plot_quote(texts[i][0], buf, sizeof(buf)), texts[i][1]);
}

static void a_quoted_text_that_is_cut_still_ends(void **state)
{
	char buf[8];

	(void)state;
	plot_quote("'''''''", buf, sizeof(buf));
	assert_int_equal(buf[0], '\'');
	assert_int_equal(buf[strlen(buf) - 1], '\'');
	assert_int_equal(strlen(buf) % 2, 0);
}

static void a_picture_is_drawn(void **state)
{
	char error[256], head[6] = "";
	FILE *f;

	(void)state;
	need_gnuplot();
	assert_int_equal(plot_svg("plot 1", file, 400, 300, error, sizeof(error)), 0);
	f = fopen(file, "re");
	assert_non_null(f);
	assert_non_null(fgets(head, sizeof(head), f));
	fclose(f);
	assert_string_equal(head, "<?xml");
}

static void a_bad_script_leaves_the_file_alone_and_says_why(void **state)
{
	char error[256] = "";
	struct stat before, after;

	(void)state;
	need_gnuplot();
	assert_int_equal(plot_svg("plot 1", file, 400, 300, error, sizeof(error)), 0);
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(plot_svg("nonsense here", file, 400, 300, error, sizeof(error)), -EBADMSG);
	assert_non_null(strstr(error, "invalid command"));
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_file_that_cannot_be_is_refused_beforehand(void **state)
{
	char below[sizeof(file) + 8];

	(void)state;
	need_gnuplot();
	snprintf(below, sizeof(below), "%s/no/x.svg", folder);
	assert_int_equal(plot_check(below), -ENOENT);
	assert_int_equal(plot_check(folder), -EISDIR);
	assert_int_equal(plot_check(file), 0);
}

static void a_pipe_is_no_place_for_a_picture(void **state)
{
	char error[256], pipe_there[sizeof(file)];
	struct stat st;

	(void)state;
	need_gnuplot();
	snprintf(pipe_there, sizeof(pipe_there), "%s/pipe", folder);
	assert_int_equal(mkfifo(pipe_there, 0600), 0);
	assert_int_equal(plot_check(pipe_there), -EINVAL);
	assert_int_equal(plot_svg("plot 1", pipe_there, 400, 300, error, sizeof(error)), -EINVAL);
	assert_int_equal(stat(pipe_there, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	unlink(pipe_there);
}

static void without_gnuplot_that_is_said(void **state)
{
	char error[256], *path = strdup(getenv("PATH") ?: "");

	(void)state;
	setenv("PATH", folder, 1);
	assert_int_equal(plot_check(file), -ENOPKG);
	assert_int_equal(plot_svg("plot 1", file, 400, 300, error, sizeof(error)), -ENOPKG);
	setenv("PATH", path, 1);
	free(path);
	assert_non_null(strstr(plot_error(-ENOPKG), "gnuplot-nox"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quoted_text_stays_one_string),
		cmocka_unit_test(a_quoted_text_that_is_cut_still_ends),
		cmocka_unit_test(a_picture_is_drawn),
		cmocka_unit_test(a_bad_script_leaves_the_file_alone_and_says_why),
		cmocka_unit_test(a_file_that_cannot_be_is_refused_beforehand),
		cmocka_unit_test(a_pipe_is_no_place_for_a_picture),
		cmocka_unit_test(without_gnuplot_that_is_said),
	};

	return cmocka_run_group_tests_name("plot", tests, make_folder, remove_folder);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the order of a calibration: what is asked is checked, then sampled, then written. It never
 * changes a limit. */
#include "user/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/log.h"
#include "user/outfile.h"
#include "user/protect.h"
#include "user/text.h"

static bool matches(const char *glob, const char *path)
{
	return fnmatch(glob, path, FNM_PATHNAME) == 0 || strcmp(glob, path) == 0;
}

bool calibrate_is_wanted(const struct calibrate_options *options, const char *path)
{
	for (size_t i = 0; i < options->globs.cnt; i++)
		if (matches(options->globs.texts[i], path))
			return true;
	return !options->globs.cnt;
}

struct look {
	const struct calibrate_options *options;
	bool is_matched[PARAM_LIST_MAX];
};

static int look_at(void *context, int dir_fd, const char *path)
{
	struct look *look = context;

	(void)dir_fd;
	for (size_t i = 0; i < look->options->globs.cnt; i++)
		if (matches(look->options->globs.texts[i], path))
			look->is_matched[i] = true;
	return 0;
}

static int check_globs(const struct calibrate_options *options, int root_fd)
{
	const struct param_list *globs = &options->globs;
	struct look look = {.options = options};
	char shown[256];

	if (!globs->cnt)
		return 0;
	look_at(&look, -1, "/");
	cgfs_walk(root_fd, look_at, &look);
	for (size_t i = 0; i < globs->cnt; i++) {
		if (look.is_matched[i])
			continue;
		log_error("calibrate: no cgroup matches '%s'",
			  text_escape(globs->texts[i], strlen(globs->texts[i]), shown,
				      sizeof(shown)));
		return EXIT_WRONG_CALL;
	}
	return 0;
}

/* Opens FILE for the result, or says why not. */
static int open_output(const char *file, struct outfile *ret_out)
{
	char shown[256];
	int err = outfile__open(file, ret_out);

	if (!err)
		return 0;
	log_error("calibrate: %s cannot be written: %s",
		  text_escape(file, strlen(file), shown, sizeof(shown)), strerror(-err));
	return EXIT_WRONG_CALL;
}

/* A configuration that somebody wrote is not replaced; one that we made is. */
static int check_recommended(const char *file)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char begin[sizeof(CALIBRATE_RECOMMENDED_BY)] = "", shown[256];
	struct stat st;
	bool is_other;

	if (fd < 0)
		return 0;
	is_other = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size &&
		   (pread(fd, begin, sizeof(begin) - 1, 0) < 0 ||
		    strcmp(begin, CALIBRATE_RECOMMENDED_BY) != 0);
	close(fd);
	if (!is_other)
		return 0;
	log_error("calibrate: option '--recommend': %s is there and was not made by calibrate: "
		  "give another name, or remove it",
		  text_escape(file, strlen(file), shown, sizeof(shown)));
	return EXIT_WRONG_CALL;
}

/* Where we are ourselves, and the controller that runs, if one does. */
static void mark_cgbpf(struct calibration_result *result)
{
	pid_t pids[] = {getpid(), protect_lock_holder()};

	for (size_t i = 0; i < sizeof(pids) / sizeof(*pids); i++) {
		char *path = NULL;

		if (!pids[i] || cgfs_path_of_pid((uint32_t)pids[i], &path))
			continue;
		for (size_t j = 0; j < result->cnt; j++)
			if (strcmp(result->cgroups[j].path, path) == 0)
				result->cgroups[j].is_cgbpf = true;
		free(path);
	}
}

static void tell_recommended(const struct calibrate_recommended *told, const char *file)
{
	char shown[256];

	text_escape(file, strlen(file), shown, sizeof(shown));
	if (told->no_room_cnt)
		log_warning("calibrate: %s: %zu cgroups are left out: a configuration has room for "
			    "the %zu that used most",
			    shown, told->no_room_cnt, told->targets_cnt);
	if (!told->targets_cnt)
		log_warning("calibrate: %s has no target, so that 'run' will refuse it: its "
			    "comments say why",
			    shown);
}

static int put(struct outfile *out, int err, const char *file)
{
	if (!err)
		err = outfile__commit(out);
	else
		outfile__abandon(out);
	if (err)
		log_error("calibrate: %s: %s", file ? file : "standard output", strerror(-err));
	return err ? EXIT_FAILED : 0;
}

static int write_all(const struct calibrate_options *options,
		     const struct calibration_result *result, struct outfile *out,
		     struct outfile *recommended)
{
	struct calibrate_recommended told = {};
	char *calibration = NULL;
	int status;

	status = put(out,
		     options->format == CALIBRATE_CSV ? calibrate_write_csv(result, out->stream)
						      : calibrate_write_json(result, out->stream),
		     options->output_file);
	/* Absolute: the configuration may be used from elsewhere. */
	if (!status && options->output_file && options->format == CALIBRATE_JSON)
		calibration = realpath(options->output_file, NULL);
	if (!status && options->recommend_file) {
		status = put(recommended,
			     calibrate_recommend(result, calibration, recommended->stream, &told),
			     options->recommend_file);
		if (!status)
			tell_recommended(&told, options->recommend_file);
	}
	free(calibration);
	if (options->is_table)
		calibrate_print_table(result, options->output_file ? stdout : stderr);
	if (result->missed_cnt)
		log_warning("calibrate: %" PRIu64 " samples were left out: the machine or the "
			    "walk was too slow for the interval",
			    result->missed_cnt);
	if (result->nameless_cnt)
		log_warning("calibrate: %" PRIu64 " cgroups were gone before their names could be "
			    "read",
			    result->nameless_cnt);
	if (result->is_partial)
		log_warning("calibrate: interrupted: what was written is partial");
	return status;
}

static void free_result(struct calibration_result *result)
{
	for (size_t i = 0; i < result->cnt; i++) {
		free(result->cgroups[i].path);
		free(result->cgroups[i].usage);
	}
	free(result->cgroups);
}

int calibrate(const struct calibrate_options *options)
{
	struct outfile out = {}, recommended = {};
	struct calibration_result result = {};
	int root_fd = -1, status = cgfs_open_root(&root_fd) ? EXIT_CANNOT : 0;

	if (!status)
		status = check_globs(options, root_fd);
	if (!status)
		status = open_output(options->output_file, &out);
	if (!status && options->recommend_file)
		status = check_recommended(options->recommend_file);
	if (!status && options->recommend_file)
		status = open_output(options->recommend_file, &recommended);
	if (!status)
		status = calibrate_sample(options, root_fd, &result);
	/* What is there from before is worth more than nothing. */
	if (!status && result.is_partial && !result.passes_cnt) {
		log_error("calibrate: interrupted before the first sample: nothing was written");
		status = EXIT_FAILED;
	}
	if (!status) {
		mark_cgbpf(&result);
		status = write_all(options, &result, &out, &recommended);
		if (!status && result.is_partial)
			status = EXIT_FAILED;
	}
	outfile__abandon(&out);
	outfile__abandon(&recommended);
	free_result(&result);
	if (root_fd >= 0)
		close(root_fd);
	return status;
}

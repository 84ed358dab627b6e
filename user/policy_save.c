// SPDX-License-Identifier: BSD-2-Clause
/* Owns the order in which a model and its figures are replaced. It never trains. */
#include "user/policy_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "user/files.h"

#define SUFFIX ".json"

/* The lock is on the folder: the files themselves are replaced. */
int policy_save_lock(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash ? strndup(file, (size_t)(slash - file + 1)) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	free(folder);
	if (fd >= 0 && flock(fd, LOCK_EX) < 0) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errno : fd;
}

static int write_metrics(const char *file, const char *samples, const struct trained *trained,
			 struct outfile *ret_out)
{
	size_t len = strlen(file), suffix_len = strlen(SUFFIX);
	json_t *json = policy_train_metrics(samples, trained);
	char *name;
	int err;

	if (len > suffix_len && strcmp(file + len - suffix_len, SUFFIX) == 0)
		len -= suffix_len;
	if (asprintf(&name, "%.*s.metrics" SUFFIX, (int)len, file) < 0)
		name = NULL;
	err = json && name ? files__write_json(name, json, ret_out) : -ENOMEM;
	free(name);
	json_decref(json);
	return err;
}

/*
 * No call replaces two files at once. So both are written under other names first, where most of
 * what can fail fails; then the old figures go, the model comes, and its figures come last. Whoever
 * looks or dies in between finds a model without figures, which says nothing wrong. The figures
 * first, or the old ones left until last, would be a model beside those of another.
 */
int policy_save(const char *file, const char *samples, const struct trained *trained)
{
	struct outfile model = {}, metrics = {};
	int err = model__write(file, &trained->model, &trained->facts, &model);

	if (!err)
		err = write_metrics(file, samples, trained, &metrics);
	if (!err && unlink(metrics.path) < 0 && errno != ENOENT)
		err = -errno;
	if (!err)
		err = outfile__commit(&model);
	if (!err)
		err = outfile__commit(&metrics);
	outfile__abandon(&model);
	outfile__abandon(&metrics);
	return err;
}

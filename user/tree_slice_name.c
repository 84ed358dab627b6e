/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the names and descriptions of a hierarchy's slices, written and read. It never asks systemd.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "user/tree.h"

#define OF_RUN " of cgbpf's run "
#define OF_PHASE ", phase "
#define SUFFIX ".slice"
#define RANDOM "%08x"
#define RANDOM_LEN 8

/* In a slice's name a dash means a level. */
char *tree_slice_undash(char *text)
{
	for (char *p = text; *p; p++)
		if (*p == '-')
			*p = '_';
	return text;
}

int tree_slice_name(const struct tree_order *order, uint64_t made_s, char *name, size_t len)
{
	char rest[4 * TREE_NAME_MAX], project[TREE_NAME_MAX + 1];
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(rest, sizeof(rest), "%s-%s-%" PRIu64 "-" RANDOM "-%s", order->run_id, order->phase,
		 made_s, random, order->config->worker.name);
	snprintf(project, sizeof(project), "%s", order->project);
	return snprintf(name, len, "%s-%s", tree_slice_undash(project), tree_slice_undash(rest)) <
			       (int)len
		       ? 0
		       : -ENAMETOOLONG;
}

void tree_slice_describe(const struct tree_order *order, const char *share, char *text, size_t len)
{
	snprintf(text, len, "%s" OF_RUN "%s" OF_PHASE "%s", share, order->run_id, order->phase);
}

bool tree_slice_is_below(const char *name, const char *parent)
{
	size_t len = strlen(name), parent_len = strlen(parent);

	if (parent_len <= strlen(SUFFIX) || len <= parent_len ||
	    strcmp(parent + parent_len - strlen(SUFFIX), SUFFIX) != 0 ||
	    strcmp(name + len - strlen(SUFFIX), SUFFIX) != 0)
		return false;
	parent_len -= strlen(SUFFIX);
	return strncmp(name, parent, parent_len) == 0 && name[parent_len] == '-';
}

uint64_t tree_slice_time_in(const char *name)
{
	const char *rest = strchr(name, '-');

	return rest ? tree_mark_time_in(rest + 1, '_') : 0;
}

/* Is NAME what tree_slice_name() makes of MARK? */
static bool is_named_so(const char *name, const struct tree_mark *mark)
{
	const char *rest = strchr(name, '-') + 1;
	char *begin, *end;
	bool is;

	if (asprintf(&begin, "%s_%s_%" PRIu64 "_", mark->run_id, mark->phase, mark->made_s) < 0)
		return false;
	if (asprintf(&end, "_%s" SUFFIX, mark->worker) < 0) {
		free(begin);
		return false;
	}
	tree_slice_undash(begin);
	tree_slice_undash(end);
	is = strlen(rest) == strlen(begin) + RANDOM_LEN + strlen(end) &&
	     strncmp(rest, begin, strlen(begin)) == 0 &&
	     strcmp(rest + strlen(begin) + RANDOM_LEN, end) == 0;
	free(begin);
	free(end);
	return is;
}

int tree_slice_read(const char *name, const char *description, struct tree_mark *ret_mark)
{
	const char *run = strstr(description, OF_RUN), *phase = run ? strstr(run, OF_PHASE) : NULL;
	struct tree_mark mark = {.kind = TREE_TORN,
				 .driver = TREE_SYSTEMD,
				 .made_s = tree_slice_time_in(name),
				 .uid = geteuid()};

	if (!phase || !mark.made_s)
		return -ENODATA;
	mark.worker = strndup(description, run - description);
	run += strlen(OF_RUN);
	mark.run_id = strndup(run, phase - run);
	mark.phase = strdup(phase + strlen(OF_PHASE));
	if (!mark.worker || !mark.run_id || !mark.phase || !is_named_so(name, &mark)) {
		tree_mark__free(&mark);
		return -ENODATA;
	}
	*ret_mark = mark;
	return 0;
}

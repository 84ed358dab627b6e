// SPDX-License-Identifier: BSD-2-Clause
/* Reads pressure stall information. It never writes a file and never waits. */
#include "user/psi.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/cgfs.h"

#define PSI_FOLDER "/proc/pressure"
/* Two lines of less than 80 bytes. */
#define PSI_BYTES 256

static const char *const names[PSI_RESOURCES] = {
	[PSI_CPU] = "cpu",
	[PSI_MEMORY] = "memory",
	[PSI_IO] = "io",
};

const char *psi_name(enum psi_resource resource)
{
	return names[resource];
}

/* -ENOENT: there is no such line; -EINVAL: it is another kind of line. */
static int total_of(const char *text, const char *word, uint64_t *ret_us)
{
	size_t word_len = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *total;

		line += *line == '\n';
		if (strncmp(line, word, word_len) != 0 || line[word_len] != ' ')
			continue;
		total = strstr(line, " total=");
		if (!total || (strchr(line, '\n') && total > strchr(line, '\n')))
			return -EINVAL;
		return sscanf(total, " total=%" SCNu64, ret_us) == 1 ? 0 : -EINVAL;
	}
	return -ENOENT;
}

int psi_parse(const char *text, struct psi_totals *ret_totals)
{
	struct psi_totals totals = {};
	int err = total_of(text, "some", &totals.some_us);

	if (!err) /* of a machine's cpu, kernels before 5.13 have none */
		err = total_of(text, "full", &totals.full_us) == -EINVAL ? -EINVAL : 0;
	if (err)
		return -EINVAL;
	*ret_totals = totals;
	return 0;
}

static void read_all(int dir_fd, const char *suffix, struct psi *ret_psi)
{
	*ret_psi = (struct psi){};
	for (int i = 0; i < PSI_RESOURCES; i++) {
		char file[32], text[PSI_BYTES];

		snprintf(file, sizeof(file), "%s%s", names[i], suffix);
		ret_psi->has[i] = !cgfs_read(dir_fd, file, text, sizeof(text)) &&
				  !psi_parse(text, &ret_psi->of[i]);
	}
}

void psi_read_cgroup(int dir_fd, struct psi *ret_psi)
{
	read_all(dir_fd, ".pressure", ret_psi);
}

void psi_read_machine(struct psi *ret_psi)
{
	int fd = open(PSI_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret_psi = (struct psi){};
	if (fd < 0)
		return;
	read_all(fd, "", ret_psi);
	close(fd);
}

static uint64_t growth(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

struct psi psi_since(const struct psi *now, const struct psi *before)
{
	struct psi since = {};

	for (int i = 0; i < PSI_RESOURCES; i++) {
		since.has[i] = now->has[i] && before->has[i];
		if (!since.has[i])
			continue;
		since.of[i].some_us = growth(now->of[i].some_us, before->of[i].some_us);
		since.of[i].full_us = growth(now->of[i].full_us, before->of[i].full_us);
	}
	return since;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the table of roads on which a limit gets to the kernel, and how each is gone once. It never
 * keeps a time. */
#include "user/latency_method.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/cgfs.h"
#include "user/latency_child.h"
#include "user/latency_unit.h"
#include "user/program.h"

/* A client that takes longer hangs. */
#define CLIENT_MS 30000
#define ARGUMENTS 12
#define TEXTS 4

static const struct latency_method_row rows[LATENCY_METHODS] = {
	[LATENCY_DOCKER_UPDATE] = {"docker-update", true, LATENCY_MAIN, CGBPF_LATENCY_DOCKERD,
				   "docker"},
	[LATENCY_DOCKER_API] = {"docker-api", true, LATENCY_MAIN, CGBPF_LATENCY_DOCKERD, NULL},
	[LATENCY_RUNC_UPDATE] = {"runc-update", true, LATENCY_MAIN, CGBPF_LATENCY_NOBODY, "runc"},
	[LATENCY_CRUN_UPDATE] = {"crun-update", true, LATENCY_OF_CRUN, CGBPF_LATENCY_NOBODY,
				 "crun"},
	[LATENCY_SYSTEMCTL] = {"systemctl-set-property", true, LATENCY_MAIN, CGBPF_LATENCY_SYSTEMD,
			       "systemctl"},
	[LATENCY_SHELL_ECHO] = {"shell-echo", true, LATENCY_MAIN, CGBPF_LATENCY_NOBODY, "sh"},
	[LATENCY_OPEN_WRITE] = {"open-write", false, LATENCY_MAIN, CGBPF_LATENCY_NOBODY, NULL},
	[LATENCY_CGBPF] = {"cgbpf", false, LATENCY_MAIN, CGBPF_LATENCY_NOBODY, NULL},
	[LATENCY_BARE_PWRITE] = {"bare-pwrite", false, LATENCY_MAIN, CGBPF_LATENCY_NOBODY, NULL},
};

const struct latency_method_row *latency_method_row(enum latency_method method)
{
	return &rows[method];
}

/* Of a container that was named there is only one. */
const struct latency_place *latency_method_place(const struct latency_bench *bench,
						 enum latency_method method)
{
	return &bench->places[bench->options->container ? LATENCY_MAIN : rows[method].where];
}

enum latency_method latency_method_find(const char *name, size_t len)
{
	for (int i = 0; i < LATENCY_METHODS; i++)
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0)
			return i;
	return LATENCY_METHODS;
}

/* The unit that systemd has this cgroup for. */
static const char *unit_of(const struct latency_place *place)
{
	const char *unit = strrchr(place->path, '/') + 1, *suffix = strrchr(unit, '.');

	return suffix && (strcmp(suffix, ".scope") == 0 || strcmp(suffix, ".service") == 0 ||
			  strcmp(suffix, ".slice") == 0)
		       ? unit
		       : NULL;
}

static const char *why_no_runtime(const struct latency_bench *bench, const char *runtime,
				  const struct latency_place *place)
{
	if (!bench->has_container)
		return "there is no container of it without a Docker Engine";
	if (!place->path)
		return "the Docker Engine has no runtime crun";
	if (strcmp(place->runtime, runtime) != 0 &&
	    !(strcmp(runtime, "crun") == 0 && place == &bench->places[LATENCY_OF_CRUN]))
		return "the container is another runtime's";
	if (!place->runtime_root[0])
		return "the folder where it keeps its containers was not found";
	return NULL;
}

static const char *why_no_systemd(const struct latency_place *place)
{
	if (!latency_unit_has_systemd())
		return "systemd does not run here";
	return unit_of(place) ? NULL : "the cgroup that is measured is no unit of systemd's";
}

void latency_method_check(const struct latency_bench *bench, enum latency_method method,
			  struct latency_why *why)
{
	const struct latency_method_row *row = &rows[method];
	const struct latency_place *place = latency_method_place(bench, method);
	const char *text = NULL;

	why->text[0] = '\0';
	if (row->program && !program_is_on_path(row->program)) {
		snprintf(why->text, sizeof(why->text), "%s is not installed", row->program);
		return;
	}
	if (row->daemon == CGBPF_LATENCY_DOCKERD && !bench->has_container)
		text = bench->result->skipped[method];
	else if (row->daemon == CGBPF_LATENCY_DOCKERD && !bench->dockerd)
		text = "there is more than one dockerd, or none, that could be the Engine's";
	else if (method == LATENCY_RUNC_UPDATE)
		text = why_no_runtime(bench, "runc", place);
	else if (method == LATENCY_CRUN_UPDATE)
		text = why_no_runtime(bench, "crun", place);
	else if (method == LATENCY_SYSTEMCTL)
		text = why_no_systemd(place);
	snprintf(why->text, sizeof(why->text), "%s", text ?: "");
}

/* A client's command line, and the numbers on it. */
struct line {
	const char *argv[ARGUMENTS];
	char texts[TEXTS][320];
};

/* Fills .argv, which points into .texts. */
static void write_line(enum latency_method method, const struct latency_place *place,
		       enum latency_knob knob, const struct latency_value *value, struct line *line)
{
	bool is_memory = knob == LATENCY_MEMORY;
	bool is_docker = method == LATENCY_DOCKER_UPDATE;
	uint64_t number = value->number, period = place->period_us;
	char *first = line->texts[0], *second = line->texts[1], *path = line->texts[2];
	size_t len = sizeof(line->texts[0]), cnt = 0;
	const char *start[] = {"docker", "update", NULL};
	const char *runtime[] = {rows[method].program, "--root", place->runtime_root, "update",
				 NULL};
	const char *unit[] = {"systemctl", "set-property", "--runtime", unit_of(place), NULL};
	const char **from = is_docker ? start : method == LATENCY_SYSTEMCTL ? unit : runtime;

	if (method == LATENCY_SHELL_ECHO) {
		snprintf(path, len, CGFS_ROOT "%s/%s", place->path, latency_knob_name(knob));
		snprintf(first, len, "%s", value->text);
		line->argv[cnt++] = "sh";
		line->argv[cnt++] = "-c";
		line->argv[cnt++] = "echo \"$1\" >\"$2\"";
		line->argv[cnt++] = "sh";
		line->argv[cnt++] = first;
		line->argv[cnt++] = path;
		return;
	}
	while (*from)
		line->argv[cnt++] = *from++;
	if (method == LATENCY_SYSTEMCTL) {
		snprintf(first, len, is_memory ? "MemoryMax=%" PRIu64 : "CPUQuota=%" PRIu64 "%%",
			 is_memory ? number : number * 100 / period);
		line->argv[cnt++] = first;
		return;
	}
	if (is_memory) {
		snprintf(first, len, "--memory=%" PRIu64, number);
		line->argv[cnt++] = first;
		/* crun writes the limit of swap only when it is told one. */
		snprintf(second, len, "--memory-swap=%" PRId64, latency_engine_swap(place, number));
		if (method != LATENCY_CRUN_UPDATE)
			line->argv[cnt++] = second;
	} else if (is_docker && place->docker.nano_cpus > 0) {
		snprintf(first, len, "--cpus=%" PRIu64 ".%02" PRIu64, number / period,
			 number % period * 100 / period);
		line->argv[cnt++] = first;
	} else {
		snprintf(first, len, "--cpu-quota=%" PRIu64, number);
		snprintf(second, len, "--cpu-period=%" PRIu64, period);
		line->argv[cnt++] = first;
		line->argv[cnt++] = second;
	}
	line->argv[cnt++] = place->id;
}

static int run_client(struct latency_bench *bench, enum latency_method method,
		      enum latency_knob knob, const struct latency_value *value,
		      struct latency_request *request, struct latency_why *why)
{
	struct line line = {};
	struct latency_child child = {};
	int err;

	write_line(method, latency_method_place(bench, method), knob, value, &line);
	err = latency_child_run((char *const *)line.argv, bench->signal_fd, CLIENT_MS, &child);
	request->start_ns = child.start_ns;
	request->end_ns = child.end_ns;
	request->client_pid = child.pid;
	if (err)
		snprintf(why->text, sizeof(why->text), "%s: %s", line.argv[0],
			 err == -ETIMEDOUT ? "it did not come to an end" : strerror(-err));
	else if (child.status)
		snprintf(why->text, sizeof(why->text), "%s ended with status %d: %s", line.argv[0],
			 child.status, child.words);
	return err ? err : child.status ? -EREMOTEIO : 0;
}

static int ask_engine(struct latency_bench *bench, enum latency_knob knob,
		      const struct latency_value *value, struct latency_request *request,
		      struct latency_why *why)
{
	const struct latency_place *place = &bench->places[LATENCY_MAIN];
	json_t *change = latency_engine_change(place, knob, value->number);
	int err;

	request->client_pid = getpid();
	request->start_ns = apply_now_ns();
	err = latency_engine_update(place, change, why);
	request->end_ns = apply_now_ns();
	json_decref(change);
	return err;
}

/* As a program does that keeps nothing open. */
static int open_write_close(const struct latency_place *place, enum latency_knob knob,
			    const char *text)
{
	int fd = openat(place->dir_fd, latency_knob_name(knob), O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int write_ourselves(struct latency_bench *bench, enum latency_method method,
			   enum latency_knob knob, const struct latency_value *value,
			   struct latency_request *request, struct latency_why *why)
{
	const struct latency_place *place = &bench->places[LATENCY_MAIN];
	int fd = place->limits[knob].fd, err = 0;
	size_t len = strlen(value->text);

	request->start_ns = apply_now_ns();
	if (method == LATENCY_OPEN_WRITE)
		err = open_write_close(place, knob, value->text);
	else if (method == LATENCY_CGBPF)
		err = apply_write_whole(fd, value->text);
	else if (pwrite(fd, value->text, len, 0) < 0)
		err = -errno;
	request->end_ns = apply_now_ns();
	if (err)
		snprintf(why->text, sizeof(why->text), "%s: %s", latency_knob_name(knob),
			 strerror(-err));
	return err;
}

int latency_method_do(struct latency_bench *bench, enum latency_method method,
		      enum latency_knob knob, const struct latency_value *value,
		      struct latency_request *ret_request, struct latency_why *why)
{
	const struct latency_place *place = latency_method_place(bench, method);

	*ret_request = (struct latency_request){
		.inode = place->limits[knob].inode,
		.other_inode = place->limits[!knob].inode,
		.daemon = rows[method].daemon,
	};
	if (!rows[method].is_client)
		return write_ourselves(bench, method, knob, value, ret_request, why);
	bench->was_client_used |= method != LATENCY_SHELL_ECHO;
	if (method == LATENCY_DOCKER_API)
		return ask_engine(bench, knob, value, ret_request, why);
	return run_client(bench, method, knob, value, ret_request, why);
}

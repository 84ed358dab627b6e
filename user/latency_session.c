// SPDX-License-Identifier: BSD-2-Clause
/* Owns the order of a run of bench-latency: container, programs, rounds, and all of it undone. It
 * never judges the figures. */
#include "user/latency_session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/engine.h"
#include "user/latency_child.h"
#include "user/latency_method.h"
#include "user/latency_round.h"
#include "user/latency_unit.h"
#include "user/live.h"
#include "user/log.h"
#include "user/params.h"
#include "user/program.h"
#include "user/text.h"

/* How long an Engine that is away is waited for when there is something to undo. */
#define ENGINE_TRIES 30
#define SYSTEMD_PID 1

/* From here on signals are looked at between two changes. */
static int catch_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* What was read before the lock was held may be what another bench had written. */
static int find_again(struct latency_bench *bench, struct latency_place *place,
		      struct latency_why *why)
{
	struct latency_place again = {};
	int err = latency_engine_find(bench->options->container, bench->root_fd, &again, why);
	int lock_fd = place->dir_fd;

	if (!err && (strcmp(again.id, place->id) != 0 || again.init_pid != place->init_pid)) {
		snprintf(why->text, sizeof(why->text), "it was started again meanwhile");
		err = -EAGAIN;
	}
	if (err) {
		latency_place__close(&again);
		return err;
	}
	/* The lock is held by that descriptor, and by no other of the same folder. */
	place->dir_fd = again.dir_fd;
	again.dir_fd = lock_fd;
	latency_place__close(place);
	*place = again;
	return 0;
}

/* After SIGKILL nobody else knows them: they are in no ledger. */
static void say_limits(const struct latency_place *place)
{
	const struct latency_limit *memory = &place->limits[LATENCY_MEMORY];
	const struct latency_limit *cpu = &place->limits[LATENCY_CPU];
	char shown[512];

	log_info("bench-latency: container %s had memory.max %s and cpu.max %s in " CGFS_ROOT
		 "%s: they go back at the end, but not after SIGKILL",
		 place->name, memory->is_there ? memory->original : "(no file)",
		 cpu->is_there ? cpu->original : "(no file)",
		 text_escape(place->path, strlen(place->path), shown, sizeof(shown)));
}

/* It would take our values for a third one's word, and we its raised limit for the original. */
static bool is_governed(const struct latency_place *place)
{
	uint64_t id = 0;
	pid_t governor = cgfs_id(place->dir_fd, &id) ? 0 : live_governor(id);

	if (governor)
		log_error("bench-latency: container '%s': cgbpf governs it: pid %d; each would "
			  "take the other's values for the original: end that one first, or leave "
			  "the container out of its configuration",
			  place->name, governor);
	return governor;
}

/* Somebody else's. Two benches cannot change one container: each would find the other's values. */
static int borrow_container(struct latency_bench *bench)
{
	const char *name = bench->options->container;
	struct latency_place *place = &bench->places[LATENCY_MAIN];
	struct latency_why why = {};
	int err = latency_engine_find(name, bench->root_fd, place, &why);

	if (err == -ENOENT || err == -ESRCH) {
		log_error("bench-latency: container '%s': %s", name, why.text);
		return EXIT_WRONG_CALL;
	}
	if (err) {
		log_error("bench-latency: container '%s': %s", name, why.text);
		return EXIT_FAILED;
	}
	if (flock(place->dir_fd, LOCK_EX | LOCK_NB) < 0) {
		log_error("bench-latency: container '%s' is measured by another bench-latency",
			  place->name);
		return EXIT_FAILED;
	}
	if (is_governed(place))
		return EXIT_FAILED;
	if (find_again(bench, place, &why)) {
		log_error("bench-latency: container '%s': %s", name, why.text);
		return EXIT_FAILED;
	}
	bench->has_container = true;
	say_limits(place);
	return EXIT_DONE;
}

static void skip_docker(struct latency_bench *bench, const char *why)
{
	for (int i = 0; i < LATENCY_METHODS; i++)
		if (latency_method_row(i)->daemon == CGBPF_LATENCY_DOCKERD)
			snprintf(bench->result->skipped[i], sizeof(bench->result->skipped[i]),
				 "%.255s", why);
}

/* crun updates only what crun started. */
static void make_crun_container(struct latency_bench *bench)
{
	char *name = bench->own_names[LATENCY_OF_CRUN], runtime[64];
	struct latency_why why = {};

	if (!bench->options->is_wanted[LATENCY_CRUN_UPDATE] || !program_is_on_path("crun") ||
	    latency_engine_runtime("crun", runtime, sizeof(runtime)))
		return;
	snprintf(name, sizeof(bench->own_names[0]), "cgbpf-bench-%d-crun", getpid());
	if (latency_engine_create(name, runtime, bench->root_fd, &bench->places[LATENCY_OF_CRUN],
				  &why)) {
		latency_place__close(&bench->places[LATENCY_OF_CRUN]);
		log_warning("bench-latency: no container for crun-update: %s", why.text);
	}
}

/* Without an Engine, or where it cannot make a container. */
static int make_cgroup(struct latency_bench *bench)
{
	char *path = NULL;
	int err = -ENOENT;

	if (latency_unit_has_systemd())
		err = latency_unit_make(bench->signal_fd, bench->own_unit, sizeof(bench->own_unit));
	if (err)
		err = latency_folder__make(&bench->own_folder, bench->root_fd);
	if (!err &&
	    asprintf(&path, "/%s",
		     bench->own_folder.is_made ? bench->own_folder.name : bench->own_unit) < 0)
		err = -ENOMEM;
	if (!err)
		err = latency_place__open(&bench->places[LATENCY_MAIN], bench->root_fd, path);
	if (err)
		log_error("bench-latency: a cgroup to measure with: %s", strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

static int find_place(struct latency_bench *bench)
{
	struct latency_result *result = bench->result;
	char *name = bench->own_names[LATENCY_MAIN];
	struct latency_why why = {};
	int err = latency_engine_version(result->docker, sizeof(result->docker), &why);

	if (bench->options->container && err) {
		log_error("bench-latency: container '%s': %s", bench->options->container, why.text);
		return EXIT_FAILED;
	}
	if (bench->options->container)
		return borrow_container(bench);
	if (!err) {
		latency_engine_sweep();
		snprintf(name, sizeof(bench->own_names[0]), "cgbpf-bench-%d", getpid());
		err = latency_engine_create(name, NULL, bench->root_fd,
					    &bench->places[LATENCY_MAIN], &why);
	}
	if (err) {
		latency_place__close(&bench->places[LATENCY_MAIN]);
		skip_docker(bench, why.text);
		return make_cgroup(bench);
	}
	bench->has_container = true;
	make_crun_container(bench);
	return EXIT_DONE;
}

static int open_probe(struct latency_bench *bench, const struct features *features)
{
	const char *program = NULL;
	struct stat st;
	int err = fstat(bench->root_fd, &st) < 0 ? -errno : 0;

	if (!err)
		err = latency_probe__open(features, st.st_dev, &bench->probe, &program);
	if (err) {
		log_error("bench-latency: its BPF programs: %s%s%s", strerror(-err),
			  program ? ": " : "", program ?: "");
		return EXIT_CANNOT;
	}
	for (int i = 0; i < LATENCY_PLACES; i++) {
		const struct latency_place *place = &bench->places[i];

		for (int knob = 0; knob < LATENCY_KNOBS; knob++)
			if (place->limits[knob].is_there)
				latency_probe__watch(bench->probe, place->limits[knob].inode);
		if (place->shim_pid)
			latency_probe__actor(bench->probe, place->shim_pid, CGBPF_LATENCY_SHIM);
	}
	if (latency_unit_has_systemd())
		latency_probe__actor(bench->probe, SYSTEMD_PID, CGBPF_LATENCY_SYSTEMD);
	if (bench->has_container)
		latency_engine_actors(bench);
	return EXIT_DONE;
}

/* Fills in why what is not measured is not; is there anything left? */
static bool check_methods(struct latency_bench *bench)
{
	bool has_any = false;

	for (int i = 0; i < LATENCY_METHODS; i++) {
		struct latency_why why;

		if (!bench->options->is_wanted[i])
			continue;
		latency_method_check(bench, i, &why);
		snprintf(bench->result->skipped[i], sizeof(bench->result->skipped[i]), "%.255s",
			 why.text);
		has_any |= !why.text[0];
	}
	return has_any;
}

/* What came in has been answered: the clients that undo are to be waited for. */
static void drop_signals(const struct latency_bench *bench)
{
	struct signalfd_siginfo info;

	while (read(bench->signal_fd, &info, sizeof(info)) > 0)
		;
}

static void wait_a_second(void)
{
	const struct timespec second = {.tv_sec = 1};

	nanosleep(&second, NULL);
}

static int remove_container(const char *name)
{
	int err = latency_engine_remove(name);

	for (int i = 0; err && i < ENGINE_TRIES; i++) {
		wait_a_second();
		err = latency_engine_remove(name);
	}
	if (err)
		log_error("bench-latency: container %s was not removed: %s (docker rm -f %s)", name,
			  engine_error(err), name);
	return err;
}

/* What the Engine has written down. */
static int restore_notes(const struct latency_place *place)
{
	struct latency_why why = {};
	int err = latency_engine_restore(place, &why);

	/* Where it answers, asking again gets the same answer. */
	for (int i = 0; err && err != -EREMOTEIO && err != -ESRCH && i < ENGINE_TRIES; i++) {
		wait_a_second();
		err = latency_engine_restore(place, &why);
	}
	/* A container that was removed has no notes. */
	if (!err || err == -ESRCH)
		return 0;
	log_error("bench-latency: container %s: the Engine was not told of the limits of before: "
		  "%s (docker update)",
		  place->name, why.text);
	return err;
}

/* A container of somebody else's. */
static int restore_container(const struct latency_bench *bench)
{
	const struct latency_place *place = &bench->places[LATENCY_MAIN];
	int err = latency_place__restore(place), notes_err = 0;

	if (bench->was_client_used) {
		notes_err = restore_notes(place);
		/* Its way to write a value is not always the one that stood there. */
		err = latency_place__restore(place);
	}
	if (err)
		log_error("bench-latency: the limits of container %s were not put back: %s",
			  place->name, strerror(-err));
	return notes_err ? notes_err : err;
}

/* Everything as it was, whatever happened. */
static int undo(struct latency_bench *bench)
{
	int failed = 0, err;

	latency_probe__close(bench->probe);
	/* Before its limits are known there is nothing to put back: another bench may be at work.
	 */
	if (bench->options->container && bench->has_container)
		failed = restore_container(bench);
	for (int i = 0; i < LATENCY_PLACES; i++) {
		latency_place__close(&bench->places[i]);
		if (bench->own_names[i][0])
			failed |= remove_container(bench->own_names[i]);
	}
	err = latency_folder__remove(&bench->own_folder, bench->root_fd);
	if (err) {
		failed = 1;
		log_error("bench-latency: " CGFS_ROOT "/%s: %s", bench->own_folder.name,
			  strerror(-err));
	}
	if (bench->own_unit[0]) {
		drop_signals(bench);
		if (latency_unit_remove(bench->signal_fd, bench->own_unit)) {
			failed = 1;
			log_error("bench-latency: %s was not stopped (systemctl stop %s)",
				  bench->own_unit, bench->own_unit);
		}
	}
	if (bench->root_fd >= 0)
		close(bench->root_fd);
	if (bench->signal_fd >= 0)
		close(bench->signal_fd);
	return failed;
}

int latency_session(const struct latency_options *options, const struct features *features,
		    struct latency_result *ret_result)
{
	static struct latency_bench bench; /* the trace is large */
	int status = EXIT_DONE;

	bench = (struct latency_bench){.options = options, .result = ret_result, .root_fd = -1};
	bench.signal_fd = catch_signals();
	if (bench.signal_fd < 0 || cgfs_open_root(&bench.root_fd)) {
		log_error("bench-latency: " CGFS_ROOT ": %s", strerror(errno));
		status = EXIT_CANNOT;
	}
	if (status == EXIT_DONE)
		status = find_place(&bench);
	if (status == EXIT_DONE)
		status = open_probe(&bench, features);
	if (status == EXIT_DONE) {
		ret_result->is_worth_telling = true;
		if (check_methods(&bench) && latency_rounds(&bench))
			status = EXIT_FAILED;
	}
	if (undo(&bench))
		status = EXIT_FAILED;
	return status;
}

void latency_result_free(struct latency_result *result)
{
	for (int knob = 0; knob < LATENCY_KNOBS; knob++) {
		for (int i = 0; i < LATENCY_METHODS; i++)
			for (int clock = 0; clock < LATENCY_CLOCKS; clock++)
				latency_series_free(&result->rows[i][knob].clocks[clock]);
		for (int i = 0; i < LATENCY_STAGES; i++)
			latency_series_free(&result->stages[knob][i]);
	}
}

// SPDX-License-Identifier: BSD-2-Clause
/* Owns the order in which the methods take turns, and what counts as a sample. It never makes or
 * removes a container. */
#include "user/latency_round.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "user/apply.h"
#include "user/cgfs.h"
#include "user/engine.h"
#include "user/latency_method.h"
#include "user/latency_process.h"
#include "user/latency_progress.h"

/* Before the first sample: programs into the page cache, paths into the processor's. */
#define WARM_UP_ROUNDS 2
/* A daemon may say that it is done before it is. */
#define LATE_MS 2000
/* So many failures of one row in a row, and it is given up. */
#define FAILURES_MAX 10
/* How long a dockerd that went away is waited for. */
#define ENGINE_AWAY_MS 15000
#define ENGINE_LOOK_MS 200

static bool is_signalled(const struct latency_bench *bench, int timeout_ms)
{
	struct pollfd fd = {.fd = bench->signal_fd, .events = POLLIN};

	return poll(&fd, 1, timeout_ms) > 0;
}

static bool is_measured(const struct latency_bench *bench, enum latency_method method,
			enum latency_knob knob)
{
	return bench->options->is_wanted[method] && !bench->result->skipped[method][0] &&
	       latency_method_place(bench, method)->limits[knob].is_there &&
	       bench->result->rows[method][knob].in_a_row_cnt < FAILURES_MAX;
}

/* After dockerd was started anew it is another process behind another socket. */
static void look_for_engine(struct latency_bench *bench)
{
	uint64_t began_ns = apply_now_ns();
	struct latency_why why;
	char version[64];

	while (latency_engine_version(version, sizeof(version), &why) &&
	       apply_now_ns() - began_ns < ENGINE_AWAY_MS * 1000000ULL &&
	       !is_signalled(bench, ENGINE_LOOK_MS))
		;
	latency_engine_actors(bench);
}

void latency_engine_actors(struct latency_bench *bench)
{
	uint32_t dockerd = latency_process_listener(engine_socket(), "dockerd");
	uint32_t containerd = latency_process_find("containerd", dockerd);

	if (!containerd)
		containerd = latency_process_find("containerd", 0);
	if (bench->dockerd)
		latency_probe__actor(bench->probe, bench->dockerd, CGBPF_LATENCY_NOBODY);
	if (bench->containerd)
		latency_probe__actor(bench->probe, bench->containerd, CGBPF_LATENCY_NOBODY);
	if (dockerd)
		latency_probe__actor(bench->probe, dockerd, CGBPF_LATENCY_DOCKERD);
	if (containerd)
		latency_probe__actor(bench->probe, containerd, CGBPF_LATENCY_CONTAINERD);
	latency_probe__socket(bench->probe, engine_socket());
	bench->dockerd = dockerd;
	bench->containerd = containerd;
}

/* The moments of a change that was made; a daemon's may come late. */
static int find_moments(struct latency_bench *bench, const struct latency_request *request,
			struct latency_moments *ret_moments, struct latency_why *why)
{
	uint64_t began_ns = apply_now_ns();
	int err;

	latency_probe__take(bench->probe, &bench->trace, 0);
	while ((err = latency_moments_of(&bench->trace, request, ret_moments)) == -ENODATA &&
	       request->daemon && apply_now_ns() - began_ns < LATE_MS * 1000000ULL)
		latency_probe__take(bench->probe, &bench->trace, ENGINE_LOOK_MS);
	if (err == -ENODATA)
		snprintf(why->text, sizeof(why->text), "the kernel saw no write of the limit");
	else if (err == -ENOMSG)
		snprintf(why->text, sizeof(why->text),
			 "a write was seen, and no request before it");
	else if (err)
		snprintf(why->text, sizeof(why->text), "more happened than could be kept");
	return err;
}

static int verify(const struct latency_place *place, enum latency_knob knob,
		  const struct latency_value *value, struct latency_why *why)
{
	char standing[CGBPF_VALUE_LEN];
	int err = latency_place__standing(place, knob, standing);

	if (!err && strcmp(standing, value->text) == 0)
		return 0;
	if (err)
		snprintf(why->text, sizeof(why->text), "%s cannot be read back: %s",
			 latency_knob_name(knob), strerror(-err));
	else
		snprintf(why->text, sizeof(why->text), "%s was set to %s and is %s",
			 latency_knob_name(knob), value->text, standing);
	return err ? err : -EIO;
}

static int keep(struct latency_bench *bench, enum latency_method method, enum latency_knob knob,
		const struct latency_request *request, const struct latency_moments *moments)
{
	struct latency_series *clocks = bench->result->rows[method][knob].clocks;
	struct latency_series *stages = bench->result->stages[knob];
	uint64_t stage_ns[LATENCY_STAGES];
	int err;

	err = latency_series_add(&clocks[LATENCY_CLI_WALL], request->end_ns - request->start_ns);
	if (!err)
		err = latency_series_add(&clocks[LATENCY_REQUEST_TO_KERNEL],
					 moments->left_ns - moments->request_ns);
	if (!err)
		err = latency_series_add(&clocks[LATENCY_WRITE_ONLY],
					 moments->left_ns - moments->entered_ns);
	if (err || method != LATENCY_DOCKER_UPDATE ||
	    !latency_stages_of(&bench->trace, request, stage_ns))
		return err;
	for (int i = 0; i < LATENCY_STAGES && !err; i++)
		if (stage_ns[i] != UINT64_MAX)
			err = latency_series_add(&stages[i], stage_ns[i]);
	return err;
}

static void write_sample(const struct latency_bench *bench, enum latency_method method,
			 enum latency_knob knob, int64_t round,
			 const struct latency_request *request,
			 const struct latency_moments *moments)
{
	if (!bench->options->samples)
		return;
	fprintf(bench->options->samples, "%s,%s,%" PRId64 ",", latency_method_row(method)->name,
		latency_knob_name(knob), round);
	if (!moments)
		fprintf(bench->options->samples, "failed,,,,\n");
	else
		fprintf(bench->options->samples,
			"ok,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", request->start_ns,
			request->end_ns - request->start_ns, moments->left_ns - moments->request_ns,
			moments->left_ns - moments->entered_ns);
}

static void count_failure(struct latency_bench *bench, enum latency_method method,
			  enum latency_knob knob, const struct latency_why *why)
{
	struct latency_row *row = &bench->result->rows[method][knob];

	if (!row->failed_cnt)
		snprintf(row->failure, sizeof(row->failure), "%.255s", why->text);
	row->failed_cnt++;
	row->in_a_row_cnt++;
}

/* Is the cgroup still there? */
static int look_after(struct latency_bench *bench, enum latency_method method)
{
	const struct latency_place *place = latency_method_place(bench, method);
	char standing[CGBPF_VALUE_LEN];

	for (int knob = 0; knob < LATENCY_KNOBS; knob++)
		if (place->limits[knob].is_there &&
		    cgfs_is_gone(latency_place__standing(place, knob, standing))) {
			snprintf(bench->result->ended, sizeof(bench->result->ended),
				 "%s %s is gone", place->id[0] ? "the container" : "the cgroup",
				 place->id[0] ? place->name : place->path);
			return -ESTALE;
		}
	if (latency_method_row(method)->daemon == CGBPF_LATENCY_DOCKERD)
		look_for_engine(bench);
	return 0;
}

/* One change, made, verified and kept; ROUND below 0: not kept. */
static int change(struct latency_bench *bench, enum latency_method method, enum latency_knob knob,
		  int64_t round)
{
	const struct latency_place *place = latency_method_place(bench, method);
	struct latency_value value = latency_place__value(place, knob, ++bench->seq);
	struct latency_request request;
	struct latency_moments moments;
	struct latency_why why = {};
	int err;

	/* What came in meanwhile is no part of this. */
	latency_probe__take(bench->probe, NULL, 0);
	bench->trace.cnt = 0;
	bench->trace.is_cut = false;
	err = latency_method_do(bench, method, knob, &value, &request, &why);
	if (err == -EINTR)
		return err;
	if (!err)
		err = find_moments(bench, &request, &moments, &why);
	if (!err)
		err = verify(place, knob, &value, &why);
	if (err) {
		if (round >= 0) {
			count_failure(bench, method, knob, &why);
			write_sample(bench, method, knob, round, NULL, NULL);
		}
		return look_after(bench, method);
	}
	if (round < 0)
		return 0;
	bench->result->rows[method][knob].in_a_row_cnt = 0;
	write_sample(bench, method, knob, round, &request, &moments);
	return keep(bench, method, knob, &request, &moments);
}

/* How many changes by METHOD are due in ROUND, so that all are made in the end. */
static uint64_t due(const struct latency_bench *bench, enum latency_method method, int64_t round)
{
	const struct latency_options *options = bench->options;

	if (latency_method_row(method)->is_client || round < 0)
		return 1;
	return options->writes * (round + 1) / options->iterations -
	       options->writes * round / options->iterations;
}

/*
 * The method at place I of a turn. Another one begins each round, and every other turn cgbpf's way
 * and the one that it is held against change places: each follows every other, and finds as much of
 * that one's left in the caches.
 */
static int method_at(int i, int64_t round, uint64_t turn)
{
	int method = (int)((i + (round > 0 ? round : 0)) % LATENCY_METHODS);

	if (((uint64_t)round + turn) % 2 == 0)
		return method;
	return method == LATENCY_CGBPF	       ? LATENCY_BARE_PWRITE
	       : method == LATENCY_BARE_PWRITE ? LATENCY_CGBPF
					       : method;
}

/* Each method once, the writers as often as they are due, taking turns. */
static int one_knob(struct latency_bench *bench, enum latency_knob knob, int64_t round)
{
	bool is_done = false;
	int err = 0;

	for (uint64_t turn = 0; !err && !is_done; turn++) {
		is_done = true;
		for (int i = 0; i < LATENCY_METHODS && !err; i++) {
			int method = method_at(i, round, turn);

			if (!is_measured(bench, method, knob) || turn >= due(bench, method, round))
				continue;
			is_done = false;
			if (is_signalled(bench, 0))
				return -EINTR;
			err = change(bench, method, knob, round);
		}
	}
	return err;
}

int latency_rounds(struct latency_bench *bench)
{
	int64_t rounds = (int64_t)bench->options->iterations;
	struct latency_progress progress;
	int err = 0;

	latency_progress_begin(&progress, rounds + WARM_UP_ROUNDS);
	for (int64_t round = -WARM_UP_ROUNDS; round < rounds && !err; round++) {
		for (int knob = 0; knob < LATENCY_KNOBS && !err; knob++)
			err = one_knob(bench, knob, round);
		/* Between rounds, where it disturbs nothing, and a crash loses little. */
		if (bench->options->samples)
			fflush(bench->options->samples);
		if (!err)
			latency_progress_step(&progress);
	}
	latency_progress_end(&progress);
	bench->result->foreign_cnt = latency_probe__foreign_cnt(bench->probe);
	bench->result->lost_cnt = latency_probe__lost_cnt(bench->probe);
	if (err && !bench->result->ended[0])
		snprintf(bench->result->ended, sizeof(bench->result->ended), "%s",
			 err == -EINTR ? "interrupted" : strerror(-err));
	return err;
}

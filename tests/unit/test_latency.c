/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds what bench-latency makes of stamps and samples against stamps made by hand. It never loads
 * a program. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/latency_image.h"
#include "user/latency_stats.h"
#include "user/latency_trace.h"

#define OWN 100
#define CLIENT 200
#define OTHER_CLIENT 201
#define RUNC 300
#define FILE_INODE 11
#define OTHER_INODE 12

static struct latency_trace trace;

static void stamp(uint32_t kind, uint32_t role, uint32_t pid, uint64_t begin_ns, uint64_t end_ns)
{
	trace.events[trace.cnt++] = (struct cgbpf_latency_event){.kind = kind,
								 .role = role,
								 .pid = pid,
								 .begin_ns = begin_ns,
								 .end_ns = end_ns,
								 .result = 12,
								 .inode = FILE_INODE};
}

static void receive(uint32_t role, uint32_t peer, uint64_t ns, int64_t bytes)
{
	stamp(CGBPF_LATENCY_RECEIVE, role, OWN, ns, ns);
	trace.events[trace.cnt - 1].peer_pid = peer;
	trace.events[trace.cnt - 1].result = bytes;
}

static void write_of(uint64_t inode, uint64_t begin_ns, uint64_t end_ns, int64_t result)
{
	stamp(CGBPF_LATENCY_WRITE, CGBPF_LATENCY_SHIM, RUNC, begin_ns, end_ns);
	trace.events[trace.cnt - 1].inode = inode;
	trace.events[trace.cnt - 1].result = result;
}

/* What a docker update leaves: a question for the version, the request, a look at health, runc. */
static struct latency_request docker_update(void)
{
	trace.cnt = 0;
	trace.is_cut = false;
	receive(CGBPF_LATENCY_DOCKERD, CLIENT, 110, 80);
	receive(CGBPF_LATENCY_DOCKERD, CLIENT, 150, 300);
	receive(CGBPF_LATENCY_CONTAINERD, 7, 160, 40);
	receive(CGBPF_LATENCY_CONTAINERD, 7, 180, 90);
	receive(CGBPF_LATENCY_SHIM, 8, 170, 30);
	receive(CGBPF_LATENCY_SHIM, 8, 200, 30);
	stamp(CGBPF_LATENCY_START, CGBPF_LATENCY_SHIM, RUNC, 230, 230);
	stamp(CGBPF_LATENCY_EXEC, CGBPF_LATENCY_SHIM, RUNC, 270, 270);
	write_of(FILE_INODE, 400, 410, 8);
	write_of(OTHER_INODE, 420, 450, 12);
	return (struct latency_request){.start_ns = 100,
					.end_ns = 500,
					.inode = FILE_INODE,
					.other_inode = OTHER_INODE,
					.client_pid = CLIENT,
					.daemon = CGBPF_LATENCY_DOCKERD};
}

static void a_request_begins_with_the_clients_last_words_and_ends_with_the_write(void **state)
{
	struct latency_request request = docker_update();
	struct latency_moments moments;

	(void)state;
	assert_int_equal(latency_moments_of(&trace, &request, &moments), 0);
	assert_int_equal(moments.request_ns, 150);
	assert_int_equal(moments.entered_ns, 400);
	assert_int_equal(moments.left_ns, 410);
}

static void another_clients_request_is_not_ours(void **state)
{
	struct latency_request request = docker_update();
	struct latency_moments moments;

	(void)state;
	receive(CGBPF_LATENCY_DOCKERD, OTHER_CLIENT, 390, 300);
	assert_int_equal(latency_moments_of(&trace, &request, &moments), 0);
	assert_int_equal(moments.request_ns, 150);
	request.client_pid = 999;
	assert_int_equal(latency_moments_of(&trace, &request, &moments), -ENOMSG);
}

static void a_first_byte_read_alone_is_where_the_request_begins(void **state)
{
	struct latency_request request = docker_update();
	struct latency_moments moments;

	(void)state;
	receive(CGBPF_LATENCY_DOCKERD, CLIENT, 145, 1);
	assert_int_equal(latency_moments_of(&trace, &request, &moments), 0);
	assert_int_equal(moments.request_ns, 145);
}

static void a_write_of_another_file_of_before_or_refused_is_none(void **state)
{
	struct latency_request request = {.start_ns = 100, .inode = FILE_INODE};
	struct latency_moments moments;

	(void)state;
	trace.cnt = 0;
	write_of(OTHER_INODE, 120, 130, 8);
	write_of(FILE_INODE, 90, 95, 8);
	write_of(FILE_INODE, 140, 150, -EINVAL);
	assert_int_equal(latency_moments_of(&trace, &request, &moments), -ENODATA);
	write_of(FILE_INODE, 160, 170, 8);
	assert_int_equal(latency_moments_of(&trace, &request, &moments), 0);
	assert_int_equal(moments.request_ns, 100);
	assert_int_equal(moments.left_ns, 170);
}

static void a_client_without_a_daemon_begins_with_its_first_instruction(void **state)
{
	struct latency_request request = docker_update();
	struct latency_moments moments;

	(void)state;
	request.daemon = CGBPF_LATENCY_NOBODY;
	request.client_pid = RUNC;
	assert_int_equal(latency_moments_of(&trace, &request, &moments), 0);
	assert_int_equal(moments.request_ns, 270);
}

static void a_cut_trace_says_nothing(void **state)
{
	struct latency_request request = docker_update();
	uint64_t ns[LATENCY_STAGES];
	struct latency_moments moments;

	(void)state;
	trace.is_cut = true;
	assert_int_equal(latency_moments_of(&trace, &request, &moments), -EOVERFLOW);
	assert_false(latency_stages_of(&trace, &request, ns));
}

static void the_stages_add_up_to_the_whole(void **state)
{
	static const uint64_t expected[LATENCY_STAGES] = {50, 30, 20, 30, 40, 130, 50, 50};
	struct latency_request request = docker_update();
	uint64_t ns[LATENCY_STAGES], sum = 0;

	(void)state;
	assert_true(latency_stages_of(&trace, &request, ns));
	for (int i = 0; i < LATENCY_STAGES; i++) {
		assert_int_equal(ns[i], expected[i]);
		sum += ns[i];
	}
	assert_int_equal(sum, request.end_ns - request.start_ns);
}

static void without_containerd_its_stage_is_dockerds(void **state)
{
	struct latency_request request = docker_update();
	uint64_t ns[LATENCY_STAGES];

	(void)state;
	trace.events[2].role = trace.events[3].role = CGBPF_LATENCY_SYSTEMD;
	assert_true(latency_stages_of(&trace, &request, ns));
	assert_int_equal(ns[LATENCY_STAGE_DOCKERD], 50);
	assert_true(ns[LATENCY_STAGE_CONTAINERD] == UINT64_MAX);
}

static void a_road_without_runc_has_no_stages(void **state)
{
	struct latency_request request = docker_update();
	uint64_t ns[LATENCY_STAGES];

	(void)state;
	trace.events[7].role = CGBPF_LATENCY_SELF;
	assert_false(latency_stages_of(&trace, &request, ns));
}

static void figures_are_samples_by_nearest_rank(void **state)
{
	struct latency_series series = {};
	struct latency_summary sum;

	(void)state;
	for (uint64_t i = 200; i; i--)
		assert_int_equal(latency_series_add(&series, i * 10), 0);
	assert_int_equal(latency_summarize(&series, &sum), 0);
	assert_int_equal(sum.cnt, 200);
	assert_int_equal(sum.min_ns, 10);
	assert_int_equal(sum.p50_ns, 1000);
	assert_int_equal(sum.p90_ns, 1800);
	assert_int_equal(sum.p99_ns, 1980);
	assert_int_equal(sum.max_ns, 2000);
	assert_true(sum.mean_ns > 1004.9 && sum.mean_ns < 1005.1);
	assert_int_equal(series.ns[0], 2000); /* as they came */
	latency_series_free(&series);
	assert_int_equal(latency_summarize(&series, &sum), 0);
	assert_int_equal(sum.cnt, 0);
	assert_int_equal(latency_series_add(&series, 7), 0);
	assert_int_equal(latency_summarize(&series, &sum), 0);
	assert_int_equal(sum.p50_ns, 7);
	assert_int_equal(sum.p99_ns, 7);
	latency_series_free(&series);
}

static void the_image_is_a_tar_that_tar_takes(void **state)
{
	char name[] = "/tmp/cgbpf-image.XXXXXX", command[128];
	size_t len;
	char *tar;
	int fd;

	(void)state;
	if (latency_image_make(&tar, &len) == -ENOENT)
		skip();
	fd = mkstemp(name);
	assert_int_equal(write(fd, tar, len), len);
	close(fd);
	free(tar);
	snprintf(command, sizeof(command), "tar -xOf %s bin/busybox | cmp - $(command -v busybox)",
		 name);
	assert_int_equal(system(command), 0);
	unlink(name);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_request_begins_with_the_clients_last_words_and_ends_with_the_write),
		cmocka_unit_test(another_clients_request_is_not_ours),
		cmocka_unit_test(a_first_byte_read_alone_is_where_the_request_begins),
		cmocka_unit_test(a_write_of_another_file_of_before_or_refused_is_none),
		cmocka_unit_test(a_client_without_a_daemon_begins_with_its_first_instruction),
		cmocka_unit_test(a_cut_trace_says_nothing),
		cmocka_unit_test(the_stages_add_up_to_the_whole),
		cmocka_unit_test(without_containerd_its_stage_is_dockerds),
		cmocka_unit_test(a_road_without_runc_has_no_stages),
		cmocka_unit_test(figures_are_samples_by_nearest_rank),
		cmocka_unit_test(the_image_is_a_tar_that_tar_takes),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}

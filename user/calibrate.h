/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much memory each cgroup uses over some time: sampled, then written. It never changes a
 * cgroup.
 */
#ifndef CGBPF_CALIBRATE_H
#define CGBPF_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf/abi.h"
#include "user/params.h"

enum calibrate_format { CALIBRATE_JSON = 1, CALIBRATE_CSV = 2 };

struct calibrate_options {
	struct param_list globs; /* none: every cgroup */
	uint64_t wait_ns; /* until the first sample */
	uint64_t duration_ns;
	uint64_t interval_ns;
	enum calibrate_format format;
	const char *output_file; /* NULL: standard output */
	const char *recommend_file; /* NULL: none */
	bool is_table; /* for people, beside the output */
	bool is_quiet; /* no line that tells how far it is */
};

/* One cgroup that was seen. */
struct calibrated {
	uint64_t id;
	char *path; /* below the root, raw bytes */
	bool is_gone; /* at the end */
	bool has_children; /* of which some were seen too */
	bool is_cgbpf; /* we, or the controller that runs, are in it */
	struct cgbpf_usage *usage; /* at the end; NULL: no sample */
};

/* All of them, in the order of their paths. */
struct calibration_result {
	struct calibrated *cgroups;
	size_t cnt, room;
	bool is_partial; /* interrupted */
	uint64_t begin_ns, end_ns; /* since 1970 */
	uint64_t passes_cnt, missed_cnt; /* walks done; moments at which the last still went on */
	uint64_t nameless_cnt; /* gone before their name could be read */
	int64_t real_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC */
};

/* Returns the exit status; has said what went wrong. */
int calibrate(const struct calibrate_options *options);

/* Do its globs name this cgroup? */
bool calibrate_is_wanted(const struct calibrate_options *options, const char *path);

/* calibrate_sample.c: RESULT belongs to the caller, also when it failed. Returns the exit status;
 * has said what went wrong. */
int calibrate_sample(const struct calibrate_options *options, int root_fd,
		     struct calibration_result *ret_result);

/* calibrate_order.c: by path; what had one name at different times becomes one. */
void calibrate_put_in_order(struct calibration_result *result);

/* calibrate_output.c: 0 or a negative errno. */
int calibrate_write_json(const struct calibration_result *result, FILE *file);
int calibrate_write_csv(const struct calibration_result *result, FILE *file);
void calibrate_print_table(const struct calibration_result *result, FILE *file);

/* How a recommendation begins: what begins otherwise is somebody's own. */
#define CALIBRATE_RECOMMENDED_BY "# made by cgbpf calibrate"

struct calibrate_recommended {
	size_t targets_cnt;
	size_t no_room_cnt; /* left out: more than a configuration may have */
};

/* calibrate_recommend.c: a configuration that `run -c` takes; CALIBRATION_FILE (may be NULL) is
 * named in it. */
int calibrate_recommend(const struct calibration_result *result, const char *calibration_file,
			FILE *file, struct calibrate_recommended *ret_told);

#endif

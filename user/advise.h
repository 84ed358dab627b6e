/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy in a running controller: what it is asked with, what it said, what came of it. It
 * never writes a limit. In the rescuing thread it allocates nothing and reads two small files of
 * the kernel's, and only where a model is used.
 */
#ifndef CGBPF_ADVISE_H
#define CGBPF_ADVISE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/decide_target.h"
#include "user/policy.h"

/* Which policy a controller has; changed under the groups' lock. */
struct advisor {
	enum policy_kind kind;
	bool has_model;
	struct policy_model model;
};

/* The kernel's counters of a cgroup at one moment; at_ns 0: none. */
struct advise_mark {
	uint64_t at_ns, usage_us, throttled_us, psi_us;
	uint64_t periods_cnt, throttled_cnt;
};

/* One answer, and what it was made of. */
struct advice {
	bool is_asked;
	struct policy_answer answer;
	double was_cores;
	double applied_cores; /* 0: not applied */
	struct advise_mark before; /* differences: the while it was asked with */
	bool is_verdict;
	struct advise_mark after; /* differences: since it was applied */
};

/* What is kept of a group, under the groups' lock. */
struct advise_track {
	bool is_open;
	int stat_fd, pressure_fd; /* cpu.stat, cpu.pressure; -1: none */
	struct advise_mark marks[2]; /* the last, and the one before */
	bool is_judging; /* .given was applied at .applied_at and is to be judged */
	struct advise_mark applied_at;
	struct advice given;
	struct advise_mark stepped_at; /* target: its last step */
	struct target_state target;
};

/*
 * Loads what the configuration names. A model that is missing or refused is said, once for each
 * reason, and the fixed step does its work.
 */
void advisor__load(struct advisor *advisor, enum policy_kind kind, const char *model_file);

/* DIR_FD: the cgroup's folder. */
void advise__open(struct advise_track *track, int dir_fd);
void advise__close(struct advise_track *track);
/* A while begins here, unless one began a moment ago. */
void advise__mark(struct advise_track *track);

/* It is throttled: what does the model say? Cores to have are in .answer.cores. */
void advise__ask(const struct advisor *advisor, struct advise_track *track, double quota_cores,
		 double hard_cores, struct advice *ret_advice);
/* CORES were applied as ADVICE said. */
void advise__applied(struct advise_track *track, struct advice *advice, double cores);
/* Time to judge what was applied? Then *RET_ADVICE says how it went. */
bool advise__judge(struct advise_track *track, struct advice *ret_advice);
/* Less throttled than before? */
bool advice_is_effective(const struct advice *advice);
/* The target controller's next step, when it is due; true: *RET_CORES is the quota from now on. */
bool advise__step(struct advise_track *track, const struct target_rule *rule, double quota_cores,
		  enum target_move *ret_move, double *ret_cores);

/* For the journal's "ml"; the caller drops it. */
json_t *advice_json(const struct advice *advice);

#endif

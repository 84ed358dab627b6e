// SPDX-License-Identifier: BSD-2-Clause
/* Shows a cgroup's last second to the model, and looks afterwards whether it helped. It never
 * decides what is applied. */
#include "user/advise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/cgfs.h"
#include "user/log.h"
#include "user/model.h"
#include "user/text.h"

#define NSEC_PER_MSEC 1000000ULL
/* A while to judge by: not so short that one period decides, not so long that it is another story.
 */
#define WHILE_LEAST_NS (50 * NSEC_PER_MSEC)
#define WHILE_MOST_NS (2000 * NSEC_PER_MSEC)
#define MARK_EVERY_NS (500 * NSEC_PER_MSEC)
/* So long after it was applied, and so many periods, advice is judged; without periods later. */
#define JUDGE_AFTER_NS (1000 * NSEC_PER_MSEC)
#define JUDGE_AT_LAST_NS (5000 * NSEC_PER_MSEC)
#define JUDGE_PERIODS 5
#define STEP_EVERY_NS (900 * NSEC_PER_MSEC)
#define STAT_BYTES 1024

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec;
}

void advisor__load(struct advisor *advisor, enum policy_kind kind, const char *model_file)
{
	static char said[MODEL_ERROR_LEN];
	char error[MODEL_ERROR_LEN] = "ml.model_path is not set";
	struct model_facts facts;

	advisor->kind = kind;
	advisor->has_model = false;
	if (kind != POLICY_LINEAR)
		return;
	advisor->has_model = model_file && !model__load(model_file, &advisor->model, &facts, error);
	if (advisor->has_model) {
		*said = '\0';
		return;
	}
	if (strcmp(error, said) != 0)
		log_warning("the model is not used: %s; limits rise by the fixed step", error);
	memcpy(said, error, sizeof(said));
}

void advise__open(struct advise_track *track, int dir_fd)
{
	if (track->is_open)
		return;
	*track = (struct advise_track){.is_open = true};
	track->stat_fd = openat(dir_fd, "cpu.stat", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	track->pressure_fd = openat(dir_fd, "cpu.pressure", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	advise__mark(track);
}

void advise__close(struct advise_track *track)
{
	if (!track->is_open)
		return;
	if (track->stat_fd >= 0)
		close(track->stat_fd);
	if (track->pressure_fd >= 0)
		close(track->pressure_fd);
	track->is_open = false;
}

static bool read_text(int fd, char *buf, size_t len)
{
	ssize_t got = fd >= 0 ? pread(fd, buf, len - 1, 0) : -1;

	buf[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static bool read_mark(const struct advise_track *track, struct advise_mark *ret_mark)
{
	char text[STAT_BYTES];
	const char *total;

	if (!read_text(track->stat_fd, text, sizeof(text)))
		return false;
	*ret_mark = (struct advise_mark){
		.at_ns = now_ns(),
		.usage_us = cgfs_stat_value(text, "usage_usec"),
		.throttled_us = cgfs_stat_value(text, "throttled_usec"),
		.periods_cnt = cgfs_stat_value(text, "nr_periods"),
		.throttled_cnt = cgfs_stat_value(text, "nr_throttled"),
	};
	if (read_text(track->pressure_fd, text, sizeof(text)) && (total = strstr(text, "total=")))
		ret_mark->psi_us = strtoull(total + strlen("total="), NULL, 10);
	return true;
}

static struct advise_mark since(const struct advise_mark *now, const struct advise_mark *then)
{
	return (struct advise_mark){
		.at_ns = now->at_ns - then->at_ns,
		.usage_us = now->usage_us - then->usage_us,
		.throttled_us = now->throttled_us - then->throttled_us,
		.psi_us = now->psi_us - then->psi_us,
		.periods_cnt = now->periods_cnt - then->periods_cnt,
		.throttled_cnt = now->throttled_cnt - then->throttled_cnt,
	};
}

static void take_mark(struct advise_track *track, const struct advise_mark *now)
{
	if (track->marks[0].at_ns && now->at_ns - track->marks[0].at_ns < MARK_EVERY_NS)
		return;
	track->marks[1] = track->marks[0];
	track->marks[0] = *now;
}

void advise__mark(struct advise_track *track)
{
	struct advise_mark now;

	if (track->is_open && read_mark(track, &now))
		take_mark(track, &now);
}

static double cores_of(const struct advise_mark *passed)
{
	return (double)passed->usage_us * 1000 / (double)passed->at_ns;
}

static double share_of(const struct advise_mark *passed, uint64_t us)
{
	double share = (double)us * 1000 / (double)passed->at_ns;

	return share < 1 ? share : 1;
}

static double ratio_of(const struct advise_mark *passed)
{
	double ratio = passed->periods_cnt
			       ? (double)passed->throttled_cnt / (double)passed->periods_cnt
			       : 0;

	return ratio < 1 ? ratio : 1;
}

static bool is_a_while(const struct advise_mark *now, const struct advise_mark *then)
{
	uint64_t passed_ns = now->at_ns - then->at_ns;

	return then->at_ns && passed_ns >= WHILE_LEAST_NS && passed_ns <= WHILE_MOST_NS;
}

void advise__ask(const struct advisor *advisor, struct advise_track *track, double quota_cores,
		 double hard_cores, struct advice *ret_advice)
{
	struct advice advice = {.was_cores = quota_cores};
	struct policy_observation seen = {.quota_cores = quota_cores, .hard_cores = hard_cores};
	struct advise_mark now, before;
	int from = 0;

	*ret_advice = advice;
	if (advisor->kind != POLICY_LINEAR || !track->is_open || !read_mark(track, &now))
		return;
	if (!is_a_while(&now, &track->marks[0]))
		from = 1;
	if (!is_a_while(&now, &track->marks[from])) {
		take_mark(track, &now); /* nothing is known of the last while: the next time */
		return;
	}
	advice.before = since(&now, &track->marks[from]);
	seen.usage_cores = cores_of(&advice.before);
	seen.throttled_share = share_of(&advice.before, advice.before.throttled_us);
	seen.throttle_ratio = ratio_of(&advice.before);
	seen.psi_share = share_of(&advice.before, advice.before.psi_us);
	before = since(&track->marks[0], &track->marks[1]);
	if (from == 0 && is_a_while(&track->marks[0], &track->marks[1]))
		seen.trend_cores = seen.usage_cores - cores_of(&before);
	take_mark(track, &now);
	advice.is_asked = true;
	policy_ask(advisor->has_model ? &advisor->model : NULL, &seen, &advice.answer);
	*ret_advice = advice;
}

void advise__applied(struct advise_track *track, struct advice *advice, double cores)
{
	advice->applied_cores = cores;
	/* What is raised again before it was judged belongs to the same answer. */
	if (track->is_judging || !read_mark(track, &track->applied_at))
		return;
	track->is_judging = true;
	track->given = *advice;
}

bool advise__judge(struct advise_track *track, struct advice *ret_advice)
{
	struct advise_mark now, passed;

	if (!track->is_open || !track->is_judging || !read_mark(track, &now))
		return false;
	passed = since(&now, &track->applied_at);
	if (passed.at_ns < JUDGE_AFTER_NS ||
	    (passed.periods_cnt < JUDGE_PERIODS && passed.at_ns < JUDGE_AT_LAST_NS))
		return false;
	track->is_judging = false;
	*ret_advice = track->given;
	ret_advice->is_verdict = true;
	ret_advice->after = passed;
	return true;
}

bool advice_is_effective(const struct advice *advice)
{
	double before = share_of(&advice->before, advice->before.throttled_us);
	double after = share_of(&advice->after, advice->after.throttled_us);

	/* The period in which it is asked has lost little yet: then the ratio tells. */
	return after < before || ratio_of(&advice->after) < ratio_of(&advice->before);
}

bool advise__step(struct advise_track *track, const struct target_rule *rule, double quota_cores,
		  enum target_move *ret_move, double *ret_cores)
{
	struct advise_mark now, passed;

	if (!track->is_open || !read_mark(track, &now))
		return false;
	passed = since(&now, &track->stepped_at);
	if (track->stepped_at.at_ns && passed.at_ns < STEP_EVERY_NS)
		return false;
	if (!track->stepped_at.at_ns) {
		track->stepped_at = now;
		return false;
	}
	track->stepped_at = now;
	*ret_move = decide_target(rule, &track->target, quota_cores, cores_of(&passed),
				  ratio_of(&passed), ret_cores);
	return *ret_move != TARGET_STAY;
}

json_t *advice_json(const struct advice *advice)
{
	json_t *json = json_pack("{s:f}", "was_cores", advice->was_cores);

	if (advice->applied_cores > 0)
		json_object_set_new(json, "applied_cores", json_real(advice->applied_cores));
	if (advice->answer.says == POLICY_SAYS_CORES || advice->answer.says == POLICY_OUT_OF_RANGE)
		json_object_set_new(json, "predicted_cores",
				    json_real(advice->answer.predicted_cores));
	if (advice->is_verdict) {
		json_object_set_new(json, "throttled_before_us",
				    json_integer((json_int_t)advice->before.throttled_us));
		json_object_set_new(
			json, "before_ms",
			json_integer((json_int_t)(advice->before.at_ns / NSEC_PER_MSEC)));
		json_object_set_new(json, "throttled_after_us",
				    json_integer((json_int_t)advice->after.throttled_us));
		json_object_set_new(
			json, "stood_ms",
			json_integer((json_int_t)(advice->after.at_ns / NSEC_PER_MSEC)));
		json_object_set_new(json, "ratio_before", json_real(ratio_of(&advice->before)));
		json_object_set_new(json, "ratio_after", json_real(ratio_of(&advice->after)));
		return json;
	}
	if (advice->answer.says != POLICY_SAYS_CORES)
		json_object_set_new(json, "says",
				    json_string(policy_says_name(advice->answer.says)));
	else if (!(advice->applied_cores > 0))
		json_object_set_new(json, "says", json_string("not_more"));
	if (advice->answer.says == POLICY_OUT_OF_RANGE)
		json_object_set_new(json, "feature",
				    json_string(policy_feature_name(advice->answer.feature)));
	return json;
}

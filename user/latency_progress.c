// SPDX-License-Identifier: BSD-2-Clause
/* Says on standard error how far the rounds are. It never writes to standard output. */
#include "user/latency_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/apply.h"
#include "user/log.h"

#define BAR 40
#define SECOND_NS UINT64_C(1000000000)

void latency_progress_begin(struct latency_progress *progress, uint64_t all)
{
	*progress = (struct latency_progress){
		.all = all, .began_ns = apply_now_ns(), .is_terminal = isatty(STDERR_FILENO)};
}

static void draw(const struct latency_progress *progress)
{
	static const char bar[BAR + 1] = "########################################";
	int filled = (int)(progress->done * BAR / progress->all);
	uint64_t spent_ns = apply_now_ns() - progress->began_ns;

	fprintf(stderr, "\r[%.*s%*s] %" PRIu64 " of %" PRIu64 " rounds, about %" PRIu64 " s left ",
		filled, bar, BAR - filled, "", progress->done, progress->all,
		spent_ns / progress->done * (progress->all - progress->done) / SECOND_NS);
	fflush(stderr);
}

void latency_progress_step(struct latency_progress *progress)
{
	uint64_t tenths;

	progress->done++;
	if (progress->is_terminal) {
		draw(progress);
		return;
	}
	tenths = progress->done * 10 / progress->all;
	if (tenths > progress->said_tenths)
		log_info("bench-latency: %" PRIu64 " of %" PRIu64 " rounds", progress->done,
			 progress->all);
	progress->said_tenths = tenths;
}

/* The bar is gone from the terminal, and what follows begins a line. */
void latency_progress_end(struct latency_progress *progress)
{
	if (progress->is_terminal && progress->done)
		fprintf(stderr, "\r\033[K");
}

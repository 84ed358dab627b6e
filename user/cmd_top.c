// SPDX-License-Identifier: BSD-2-Clause
/* The command `top`: what governed cgroups use, lose and wait for, once an interval. It changes
 * nothing. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/commands.h"
#include "user/journal.h"
#include "user/live.h"
#include "user/log.h"
#include "user/measure.h"
#include "user/sample_json.h"
#include "user/text.h"
#include "user/units.h"

#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS 1000000ULL
#define CLEAR "\033[H\033[2J"
/* Rows beyond a screen help nobody; --json has them all. */
#define ROWS_MOST 100

/* One cgroup as it was an interval ago; the newest first. */
struct row {
	uint64_t id, kill_cnt;
	struct measure last;
	bool is_seen;
	struct row *next;
};

struct top {
	struct live live;
	struct row *rows;
	struct psi machine, machine_since;
	uint64_t machine_ns, interval_ns;
	size_t shown_cnt;
	json_t *out; /* NULL: a table */
};

static struct row *row_of(struct top *top, uint64_t id)
{
	struct row *row = top->rows;

	while (row && row->id != id)
		row = row->next;
	if (row)
		return row;
	row = calloc(1, sizeof(*row));
	if (row) {
		row->id = id;
		row->next = top->rows;
		top->rows = row;
	}
	return row;
}

static void drop_unseen(struct top *top)
{
	for (struct row **link = &top->rows, *row; (row = *link);) {
		if (row->is_seen) {
			row->is_seen = false;
			link = &row->next;
			continue;
		}
		*link = row->next;
		free(row);
	}
}

/* "12.5" of US microseconds in NS. */
static double percent(uint64_t us, uint64_t ns)
{
	return ns ? us * 1000.0 * 100 / ns : 0;
}

static uint64_t a_second(uint64_t cnt, uint64_t ns)
{
	return ns ? (uint64_t)((double)cnt * NS_PER_SEC / ns) : 0;
}

static const char *format_cores(const struct measure *since, char *buf, size_t len)
{
	if (!since->has_quota || since->quota_us == UINT64_MAX)
		snprintf(buf, len, "max");
	else
		snprintf(buf, len, "%.2f", (double)since->quota_us / since->period_us);
	return buf;
}

static void print_row(struct top *top, const char *path, const struct measure *since,
		      uint64_t kills)
{
	char shown[256], current[32], max[32], quota[32], read[32], written[32], pressure[64];
	int len = 0;

	if (++top->shown_cnt > ROWS_MOST)
		return;
	for (int i = 0; i < PSI_RESOURCES; i++)
		len += snprintf(pressure + len, sizeof(pressure) - len, " %5.1f",
				percent(since->psi.of[i].some_us, since->at_ns));
	printf("%-28s %5.2f %5s %5.1f %10s %10s %9s %9s%s %5" PRIu64 "\n",
	       text_escape(path, strlen(path), shown, 29),
	       percent(since->usage_us, since->at_ns) / 100,
	       format_cores(since, quota, sizeof(quota)),
	       percent(since->throttled_us, since->at_ns),
	       since->has_memory ? units_format_bytes(since->current_bytes, current, 32) : "-",
	       since->has_memory ? units_format_bytes(since->limit_bytes, max, 32) : "-",
	       units_format_bytes(a_second(since->moved[MEASURE_RBPS], since->at_ns), read, 32),
	       units_format_bytes(a_second(since->moved[MEASURE_WBPS], since->at_ns), written, 32),
	       pressure, kills);
}

static void add_row(struct top *top, const char *path, const struct cgbpf_rule *rule,
		    const struct measure *since, uint64_t kills)
{
	char *utf8 = text_to_utf8(path, NULL), *target = text_to_utf8(rule->target, NULL);
	json_t *row = json_pack("{s:s, s:s, s:I, s:I}", "cgroup", utf8 ? utf8 : "?", "target",
				target ? target : "?", "interval_ms",
				(json_int_t)(since->at_ns / NS_PER_MS), "kills", (json_int_t)kills);
	const struct memory_rule memory = {.soft_bytes = rule->soft_bytes,
					   .hard_bytes = rule->hard_bytes};

	json_object_set_new(row, "cpu", sample_cpu(since, rule->cpu_soft_ppm, rule->cpu_hard_ppm));
	if (since->has_memory)
		json_object_set_new(row, "memory", sample_memory(since, &memory));
	if (since->has_io)
		json_object_set_new(row, "io", sample_io(since));
	sample_add_psi(row, "psi", &since->psi);
	json_array_append_new(json_object_get(top->out, "cgroups"), row);
	free(utf8);
	free(target);
}

static void show(void *context, uint64_t id, int dir_fd, const char *path,
		 const struct cgbpf_rule *rule, const struct cgbpf_cgroup *seen)
{
	struct top *top = context;
	struct row *row = row_of(top, id);
	struct measure now, since;
	uint64_t kills;
	bool is_first;

	if (!row || measure_cgroup(dir_fd, &now))
		return;
	is_first = row->last.at_ns == 0;
	since = measure_since(&now, &row->last);
	kills = seen->kill_cnt - row->kill_cnt;
	row->last = now;
	row->kill_cnt = seen->kill_cnt;
	row->is_seen = true;
	if (is_first)
		return; /* shown an interval later */
	if (top->out)
		add_row(top, path, rule, &since, kills);
	else
		print_row(top, path, &since, kills);
}

static void look_at_machine(struct top *top)
{
	struct timespec now;
	struct psi psi;
	uint64_t now_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ns = now.tv_sec * NS_PER_SEC + now.tv_nsec;
	psi_read_machine(&psi);
	top->machine_since = psi_since(&psi, &top->machine);
	top->interval_ns = top->machine_ns ? now_ns - top->machine_ns : 0;
	top->machine = psi;
	top->machine_ns = now_ns;
}

static void print_table(struct top *top)
{
	const struct cgbpf_stats *stats = &top->live.stats;
	const struct psi *machine = &top->machine_since;

	if (isatty(STDOUT_FILENO))
		fputs(CLEAR, stdout);
	printf("%s; machine: cpu %.1f %%, memory %.1f %%, io %.1f %% of the time waited for; %llu "
	       "killed, "
	       "%llu events lost\n",
	       top->live.is_blind ? "BLIND: the kernel's programs do not run" : "seeing",
	       percent(machine->of[PSI_CPU].some_us, top->interval_ns),
	       percent(machine->of[PSI_MEMORY].some_us, top->interval_ns),
	       percent(machine->of[PSI_IO].some_us, top->interval_ns), stats->kill_cnt,
	       stats->urgent_lost_cnt + stats->note_lost_cnt);
	printf("%-28s %5s %5s %5s %10s %10s %9s %9s %5s %5s %5s %5s\n", "cgroup", "cores", "quota",
	       "thr%", "memory", "max", "read/s", "written/s", "cpu%", "mem%", "io%", "kills");
	top->shown_cnt = 0;
	live__each(&top->live, show, top);
	if (top->shown_cnt > ROWS_MOST)
		printf("and %zu more\n", top->shown_cnt - ROWS_MOST);
}

static void print_json(struct top *top)
{
	const struct cgbpf_stats *stats = &top->live.stats;
	char ts[JOURNAL_STAMP_LEN], *text;

	journal_stamp(ts);
	top->out =
		json_pack("{s:s, s:I, s:b, s:I, s:I, s:[]}", "ts", ts, "interval_ms",
			  (json_int_t)(top->interval_ns / NS_PER_MS), "blind", top->live.is_blind,
			  "kills", (json_int_t)stats->kill_cnt, "events_lost",
			  (json_int_t)(stats->urgent_lost_cnt + stats->note_lost_cnt), "cgroups");
	sample_add_psi(top->out, "machine_psi", &top->machine_since);
	live__each(&top->live, show, top);
	text = json_dumps(top->out, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
	if (text)
		puts(text);
	free(text);
	json_decref(top->out);
	top->out = NULL;
}

static void first_look(void *context, uint64_t id, int dir_fd, const char *path,
		       const struct cgbpf_rule *rule, const struct cgbpf_cgroup *seen)
{
	struct row *row = row_of(context, id);

	(void)path, (void)rule;
	if (!row || measure_cgroup(dir_fd, &row->last))
		return;
	row->kill_cnt = seen->kill_cnt;
}

/* Until a signal, ROUNDS, or the controller's end. */
static int go_round(struct top *top, uint64_t interval_ns, uint64_t rounds, bool is_json)
{
	struct timespec pause = {interval_ns / NS_PER_SEC, (long)(interval_ns % NS_PER_SEC)};
	sigset_t end;
	int err = 0;

	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	look_at_machine(top);
	live__each(&top->live, first_look, top);
	for (uint64_t round = 0; !rounds || round < rounds; round++) {
		if (sigtimedwait(&end, NULL, &pause) > 0)
			break;
		err = live__refresh(&top->live);
		if (err)
			break;
		look_at_machine(top);
		if (is_json)
			print_json(top);
		else
			print_table(top);
		drop_unseen(top);
		if (fflush(stdout)) {
			if (errno == EPIPE)
				clearerr(stdout); /* the reader has seen enough */
			break;
		}
	}
	return err;
}

static int main_top(int argc, char **argv)
{
	uint64_t interval_ns = NS_PER_SEC, rounds = 0;
	struct top top = {};
	bool is_json = false;
	const struct param params[] = {
		{"interval", 0, PARAM_SECONDS, "SEC", "between two looks (1)", &interval_ns, 0, 0},
		{"rounds", 0, PARAM_UINT, "N", "end after so many (0: with a signal)", &rounds, 0,
		 UINT64_MAX},
		{"json", 0, PARAM_FLAG, NULL, "print a JSON object a line", &is_json, 0, 0},
		{0},
	};
	int err = params_parse(&cmd_top, params, argc, argv);

	if (err)
		return err > 0 ? EXIT_DONE : EXIT_WRONG_CALL;
	if (interval_ns < 100 * NS_PER_MS) {
		log_error("top: --interval: at least 0.1 s");
		return EXIT_WRONG_CALL;
	}
	err = live__open(&top.live);
	if (!err) {
		err = go_round(&top, interval_ns, rounds, is_json);
		live__close(&top.live);
	}
	for (struct row *row; (row = top.rows);) {
		top.rows = row->next;
		free(row);
	}
	if (err == -ENOENT)
		puts(is_json ? "{\"running\": false}" : "no controller is running");
	else if (err)
		log_error("top: " CGBPF_PIN_DIR ": %s", strerror(-err));
	return !err || err == -ENOENT		 ? EXIT_DONE
	       : err == -EPERM || err == -EACCES ? EXIT_CANNOT
						 : EXIT_FAILED;
}

const struct command cmd_top = {
	"top",
	"what governed cgroups use, lose and wait for, live",
	"cores: used; quota: allowed; thr%: time lost to the own quota, summed over CPUs; cpu%, "
	"mem%, io%:\ntime in which some task waited for it; kills: since the line before.",
	main_top,
};

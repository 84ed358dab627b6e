# SPDX-License-Identifier: BSD-2-Clause
# Owns how samples become figures; never measures and never drops a sample.

def spread:
	sort as $s | ($s | length) as $n
	| if $n == 0 then null else
		def at($share): $s[[($n * $share | ceil) - 1, 0] | max];
		{n: $n, min: $s[0], p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: $s[-1]}
	end;

# What trials printed.
def trials: {trials, killed, failed, ns: (.ns | spread), limit_bytes: (.limit_bytes | spread),
	peak_bytes: (.peak_bytes | spread)};

# What cgbpf did meanwhile: journal records of these cgroups, and its counters before and after.
def answers($before; $after):
	def grown($key): $after[$key] - $before[$key];
	map(select(.event == "soft_limit_raised")) as $raised
	| {
		raised: ($raised | length),
		received_ns: ([$raised[].t.received // empty] | spread),
		effective_ns: ([$raised[].t.effective // empty] | spread),
		highest_bytes: ([$raised[].new] | max),
		events: (group_by(.event) | map({(.[0].event): length}) | add),
		holds: grown("hold_cnt"),
		holds_released: grown("hold_released_cnt"),
		holds_refused: grown("hold_refused_cnt"),
		hold_share: (if $raised == [] then null else grown("hold_cnt") / ($raised | length) end),
		hold_total_ns: grown("hold_total_ns"),
		hold_longest_ns: $after.hold_longest_ns,
		kills_seen: grown("kill_cnt"),
		# How late the answers were where it came to a kill.
		witnessed: [group_by(.cgroup)[] | select(any(.[]; .event == "oom_kill")) | {
			cgroup: .[0].cgroup,
			raised: (map(select(.event == "soft_limit_raised")) | length),
			slowest_received_ns: ([.[].t.received // empty] | max),
			slowest_effective_ns: ([.[].t.effective // empty] | max)}],
		lost: (grown("urgent_lost_cnt") + grown("note_lost_cnt"))
	};

# Runs of every loop, in the order off, idle, governed, off, …: each against the "off" of its own
# repetition; and the best of all against the best of all, for machines that others use too.
def overhead:
	group_by(.repetition) as $repetitions
	| (.[0].loops | keys_unsorted) | map(. as $loop | {($loop): (
		def of($arm): map(select(.arm == $arm).loops[$loop]);
		def best($arm): [$repetitions[] | of($arm)[][]] | min;
		def against($arm): {
			ratio: [$repetitions[] | (of($arm)[0] | spread.p50) / (of("off")[0] | spread.p50)] | spread,
			best_ratio: (best($arm) / best("off"))
		};
		{off_ns: [$repetitions[] | of("off")[][]] | spread, idle: against("idle"), governed: against("governed")}
	)}) | add;

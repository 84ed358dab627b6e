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
		{off_ns: [$repetitions[] | of("off")[][]] | spread, idle: against("idle"),
			beside: against("beside"), governed: against("governed")}
	)}) | add;

# How long a controller says that its raises took, until the thread had the event and in the end.
def told($knob): map(select(.event == "soft_limit_raised" and .knob == $knob).t)
	| {received_ns: (map(.received) | spread), effective_ns: (map(.effective) | spread)};

# What the witness saw of throttles. In the period: the quota was effective before the kernel would
# have filled it again; within a period: before so much time had passed.
def cpu_answers($wanted; $period_us; $journal):
	([.latency_ns, .left_ns] | transpose) as $each | ($each | length) as $n
	| {$wanted, $period_us, status, throttled, writes, open_ns, latency_ns: (.latency_ns | spread),
		left_ns: (.left_ns | spread), told: ($journal | told("cpu.max")),
		in_period: ([$each[] | select(.[0] <= .[1])] | length),
		within_period: ([$each[] | select(.[0] <= $period_us * 1000)] | length)}
	| .in_period_share = (if $n == 0 then null else .in_period / $n end)
	| .within_period_share = (if $n == 0 then null else .within_period / $n end);

# Runs of the job, each repetition in turn without a quota ("none"), governed, and polled; "kept" is
# under its quota alone. Ratios are of one repetition each. Stretch: how long it took beside the CPU
# time that each of its threads used, which says the same where others take the machine's time.
def cpu_jobs($cpus):
	def took: .command.ns;
	def stretch: .command.ns * $cpus / (.used_us * 1000);
	def lost: .throttled_us * 1000;
	# Where there is no quota, what the machine has.
	def allotted: .allotted_ns // .command.ns * $cpus;
	def figures: {runs: length, failed: (map(select(.status != 0)) | length), took_ns: (map(took) | spread),
		stretch: (map(stretch) | spread), used_ns: (map(.used_us * 1000) | spread), allotted_ns: (map(allotted) | spread),
		throttled_ns: (map(lost) | spread), periods_throttled: (map(.periods_throttled) | spread),
		writes: (map(.writes) | spread), answer_ns: ([.[].latency_ns[]] | spread)};
	def ratio($arm; $base; f): [group_by(.repetition)[]
		| (map(select(.arm == $arm))[0] // empty | f) as $a | (map(select(.arm == $base))[0] // empty | f) as $b
		| select($b > 0) | $a / $b] | spread;
	{arms: (group_by(.arm) | map({(.[0].arm): figures}) | add),
	slower: (. as $runs | ["governed", "polled", "kept"] | map(. as $arm | $runs
		| {($arm): {took: ratio($arm; "none"; took), stretch: ratio($arm; "none"; stretch)}}) | add),
	polled_over_governed: {throttled: ratio("polled"; "governed"; lost), took: ratio("polled"; "governed"; took)},
	governed_unthrottled: (map(select(.arm == "governed" and lost == 0)) | length)};

# Climbs of io.max.
def io_answers($wanted; $journal):
	{$wanted, climbs: length, failed: (map(select(.status != 0)) | length), throttled: (map(.throttled) | add),
		latency_ns: ([.[].latency_ns[]] | spread), told: ($journal | told("io.max"))};

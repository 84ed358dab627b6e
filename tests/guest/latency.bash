# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what the tests of bench-latency share: short runs, and what must hold for every result; never judges how fast anything is.

# shellcheck source=tests/guest/faults.bash
. "${BASH_SOURCE[0]%/*}/faults.bash"

# Without an Engine they are there all the same.
# shellcheck disable=SC2034 # for those who load this
WRITERS=shell-echo,open-write,cgbpf,bare-pwrite

# bench [OPTION]...: a run with --json; its result is $RESULT, what it said is $LIVE_DIR/said.
bench() {
	RESULT=$LIVE_DIR/result.json
	"$CGBPF" bench-latency --json "$@" >"$RESULT" 2>"$LIVE_DIR/said" 3>&-
}

# start_bench [OPTION]...: in the background, with samples in $SAMPLES; returns once it measures. Sets BENCH_PID.
start_bench() {
	RESULT=$LIVE_DIR/result.json SAMPLES=$LIVE_DIR/samples.csv
	rm -f "$SAMPLES"
	"$CGBPF" bench-latency --json --samples "$SAMPLES" "$@" >"$RESULT" 2>"$LIVE_DIR/said" 3>&- &
	BENCH_PID=$!
	wait_for "$DEADLINE" has_samples_or_ended
	! is_gone "$BENCH_PID" || fail "bench-latency did not begin to measure: $(cat "$LIVE_DIR/said")"
}

# Samples reach the file round by round.
has_samples_or_ended() {
	grep -qs ',ok,' "$SAMPLES" || is_gone "$BENCH_PID"
}

# end_bench SIGNAL: its exit status.
end_bench() {
	kill -s "$1" "$BENCH_PID"
	wait_bench
}

wait_bench() {
	wait_for "$DEADLINE" is_gone "$BENCH_PID" || kill -KILL "$BENCH_PID"
	wait "$BENCH_PID"
}

# assert_result FILTER [FILE]: does this jq condition hold for the result?
assert_result() {
	jq -e "$1" "${2:-$RESULT}" >/dev/null ||
		fail "not in the result: $1" "$(jq -c 'del(.stages)' "${2:-$RESULT}")" "$(cat "$LIVE_DIR/said")"
}

# assert_rows METHOD COUNT [FILE]: COUNT samples on three clocks for both limits, none failed, percentiles in order.
assert_rows() {
	assert_result "[.methods[] | select(.method == \"$1\")] | length == 6
		and ([.[] | .knob] | unique) == [\"cpu.max\", \"memory.max\"]
		and ([.[] | .clock] | unique) == [\"cli_wall\", \"request_to_kernel\", \"write_only\"]
		and all(.[]; .n == $2 and .failed == 0 and 0 < .min_us and .min_us <= .p50_us and .p50_us <= .p90_us
			and .p90_us <= .p99_us and .p99_us <= .max_us and .min_us <= .mean_us and .mean_us <= .max_us)
		and (map({key: \"\(.knob) \(.clock)\", value: .p50_us}) | from_entries
			| .[\"memory.max write_only\"] <= .[\"memory.max request_to_kernel\"]
			and .[\"memory.max request_to_kernel\"] <= .[\"memory.max cli_wall\"])" "${3:-$RESULT}"
}

# assert_skipped METHOD WORDS
assert_skipped() {
	assert_result "[.methods[] | select(.method == \"$1\")] | length == 1 and (.[0].skipped | test(\"$2\"))"
}

# No cgroup of a bench.
assert_no_cgroup() {
	local left
	left=$(find "$CGROUP_ROOT" -maxdepth 1 -name 'cgbpf-bench-*')
	assert_equal "$left" '' "cgroups left"
}

# has_no_program: bench-latency's are called on_ as all others; unloading ends some time after exit.
assert_no_program() {
	wait_for "$DEADLINE" has_no_program || fail "BPF programs are still loaded"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of a controller that cannot see or cannot act: it knows, it says so, and nobody waits for it; never leaves tracing off.

bats_require_minimum_version 1.5.0
load faults

FTRACE=/proc/sys/kernel/ftrace_enabled

setup() {
	WEB=$(make_cgroup web 16M)
	write_config "$(path_of "$WEB")" 16M 128M "step: 8M, return_after: 1h"
}

teardown() {
	echo 1 >"$FTRACE"
	if [[ -n $CGBPF_PID ]]; then
		resume_cgbpf 2>/dev/null || true
	fi
	end_test
}

status_says() {
	"$CGBPF" status | grep -q "$1"
}

# bats test_tags=core
@test "tracing switched off is noticed, said and journaled; switched on again too" {
	start_cgbpf -c "$CONFIG"
	status_says seeing
	switch_tracing_off
	DEADLINE=30 wait_journal '.event == "blind"' >/dev/null
	wait_for "$DEADLINE" said 'blind'
	wait_for "$DEADLINE" status_says BLIND
	echo 1 >"$FTRACE"
	wait_journal '.event == "sighted"' >/dev/null
	wait_for "$DEADLINE" status_says seeing
	lives "$WEB" touch --bytes 64M
	assert_kills "$WEB" 0
}

@test "while blind, what grows slowly is still answered" {
	start_cgbpf -c "$CONFIG"
	switch_tracing_off
	wait_journal '.event == "blind"' >/dev/null
	lives "$WEB" ramp --bytes 24M --step-bytes 64K --step-ms 50 --small-pages
	assert_kills "$WEB" 0
	wait_journal '.event == "soft_limit_raised"' >/dev/null
}

@test "while blind, what is found by looking is given back too, and exit still puts every limit back" {
	local before late
	echo 32M >"$WEB/memory.max"
	before=$(limits_of_tree)
	write_config "$(path_of "$WEB")*" 16M 128M "return_after: 50ms"
	start_cgbpf -c "$CONFIG"
	switch_tracing_off
	pause_cgbpf
	late=$(make_cgroup web-late)
	hold_memory "$late" 40M
	resume_cgbpf
	wait_journal '.event == "governed" and .reason == "above_soft"' >/dev/null
	end_hold "$HOLD_PID"
	wait_limit "$late" 16M
	stop_cgbpf TERM
	assert_limit "$late" max
	rmdir "$late"
	assert_equal "$(limits_of_tree)" "$before" "limits of the tree"
}

stats() {
	bpftool -j map dump pinned "$PIN_DIR/stats" | jq ".[0].formatted.value.$1"
}

# bats test_tags=core
@test "stopped, it lets the kernel kill as usual and holds nobody longer than hold" {
	local try longest
	write_config "$(path_of "$WEB")" 16M 128M "step: 8M, return_after: 1h, hold: 20ms"
	for try in 1 2 3 4 5; do
		start_cgbpf -c "$CONFIG"
		pause_cgbpf
		run workload "$WEB" touch --bytes 64M
		((status != 0)) || fail "nobody was killed"
		(($(oom_kills "$WEB") > 0)) || fail "the kernel killed nobody"
		longest=$(stats hold_longest_ns)
		resume_cgbpf
		# 20 ms and the scheduler's; longer is no bug where the host took the CPU away, and that
		# it does not do each time.
		((longest >= 50000000)) || break
		echo "# try $try: held for $longest ns" >&3
		stop_cgbpf TERM
	done
	((longest < 50000000)) || fail "held for $longest ns"
	wait_journal '.event == "oom_kill"' >/dev/null
	lives "$WEB" touch --bytes 64M
}

@test "stopped for longer than three heartbeats, it holds nobody at all" {
	local beat
	start_cgbpf -c "$CONFIG"
	beat=$(stats heartbeat_ns)
	pause_cgbpf
	is_stale() { (($(stats heartbeat_ns) == beat)) && awk -v beat="$beat" '{ exit !($1 * 1e9 > beat + 16e9) }' /proc/uptime; }
	beat=$(stats heartbeat_ns)
	wait_for "$DEADLINE" is_stale
	run workload "$WEB" touch --bytes 64M
	((status != 0)) || fail "nobody was killed"
	assert_equal "$(stats hold_cnt)" 0 "holds"
	(($(stats hold_refused_cnt) > 0)) || fail "no hold was refused"
}

@test "stopped, not every cgroup's hold is let run out: what they cost the machine is bounded" {
	local web pids=()
	write_config "$(path_of "$WEB")*" 16M 128M "hold: 100ms"
	for web in "$WEB"{1..8}; do
		mkdir "$web"
		echo 16M >"$web/memory.max"
	done
	echo 1 >"$TEST_CGROUP/cgroup.freeze"
	for web in "$WEB"{1..8}; do
		"$WORKLOAD" touch --cgroup "$web" --bytes 64M >/dev/null 2>&1 3>&- &
		pids+=("$!")
	done
	is_all_in() { (($(cat "$WEB"{1..8}/cgroup.procs | wc -l) == 8)); }
	wait_for "$DEADLINE" is_all_in
	start_cgbpf -c "$CONFIG"
	pause_cgbpf
	# All at once: what follows has to be over before the heartbeat is stale.
	echo 0 >"$TEST_CGROUP/cgroup.freeze"
	for web in "${pids[@]}"; do ! wait "$web" || fail "one was not killed"; done
	awk -v beat="$(stats heartbeat_ns)" '{ exit !($1 * 1e9 < beat + 15e9) }' /proc/uptime ||
		fail "too slow to tell: by now none would be held anyway"
	(($(stats hold_refused_cnt) > 0)) || fail "all were held: $(map_values stats)"
	(($(stats hold_cnt) > 0)) || fail "none was held: $(map_values stats)"
	resume_cgbpf
}

@test "a hold of 0ms holds nobody" {
	write_config "$(path_of "$WEB")" 16M 128M "hold: 0ms"
	start_cgbpf -c "$CONFIG"
	pause_cgbpf
	run workload "$WEB" touch --bytes 64M
	assert_equal "$(stats hold_cnt)" 0 "holds"
}

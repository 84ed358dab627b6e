#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that the controller outlives those it watches over; never runs a machine out of what a test cannot give back.

# shellcheck disable=SC2030,SC2031 # a test and its end share a shell
bats_require_minimum_version 1.5.0
load faults

setup() {
	WEB=$(make_cgroup web 16M)
	write_config "$(path_of "$WEB")" 16M 64M "return_after: 10ms"
}

# A field of the process's status, a number.
status_of() {
	awk -v field="$1:" '$1 == field { print $2 }' "/proc/$CGBPF_PID/status"
}

@test "its memory is locked, its OOM score low, its rescuer a real-time thread" {
	local task policies=''
	start_cgbpf -c "$CONFIG"
	assert_equal "$(cat "/proc/$CGBPF_PID/oom_score_adj")" -900 "oom_score_adj"
	(($(status_of VmLck) >= $(status_of VmRSS) / 2)) || fail "locked: $(status_of VmLck) of $(status_of VmRSS) kB"
	for task in "/proc/$CGBPF_PID/task"/*; do
		# Fields 40 and 41: priority and policy; the name before them has no space.
		policies+="$(awk '{ print $41 ":" $40 }' "$task/stat") "
	done
	[[ $policies == *1:40* ]] || fail "no SCHED_FIFO thread: $policies"
	[[ $policies == *0:0* ]] || fail "no ordinary thread: $policies"
}

@test "from a word of the kernel to the write nothing is allocated" {
	local shape
	LD_PRELOAD=$PWD/build/heap_watch run chrt -f 1 bash -c :
	[[ $output == *'heap_watch: '* ]] || fail "it does not watch"
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$PWD/build/heap_watch" "$CGBPF" >"$LIVE_DIR/watched"
	chmod +x "$LIVE_DIR/watched"
	echo "20000 100000" >"$WEB/cpu.max"
	echo "    cpu: { soft: 0.2, hard: 1 }" >>"$CONFIG"
	CGBPF=$LIVE_DIR/watched start_cgbpf -c "$CONFIG"
	for shape in touch fork threads shmem; do
		lives "$WEB" "$shape" --bytes 40M
	done
	# One that meets hard, and is refused.
	run ! workload "$WEB" touch --bytes 100M
	wait_journal '.event == "soft_limit_raised" and .knob == "cpu.max"' >/dev/null
	wait_journal '.event == "oom_kill"' >/dev/null
	stop_cgbpf TERM
	run ! grep heap_watch "$CGBPF_STDERR"
}

@test "once it governs, it can load no program any more, and still answers" {
	local task
	start_cgbpf -c "$CONFIG"
	for task in "/proc/$CGBPF_PID/task"/*/status; do
		# CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF (include/uapi/linux/capability.h).
		awk '$1 ~ /^Cap(Eff|Prm)/ { print $2 }' "$task" | while read -r set; do
			((!(0x$set & (1 << 21 | 1 << 38 | 1 << 39)))) || fail "capabilities: $set"
		done
	done
	lives "$WEB" touch --bytes 40M
	make_cgroup later >/dev/null
	write_config "$(path_of "$TEST_CGROUP")/*" 16M 64M
	kill -HUP "$CGBPF_PID"
	wait_limit "$TEST_CGROUP/later" 16M
	stop_cgbpf TERM
	assert_limit "$WEB" 16M
}

# bats test_tags=core
@test "with the whole machine out of memory, it lives and still answers" {
	local total hog hogs=()
	start_cgbpf -c "$CONFIG"
	total=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
	for hog in 1 2; do
		mkdir -p "$TEST_CGROUP/hog$hog"
		(echo 1000 >/proc/self/oom_score_adj && exec "$WORKLOAD" touch --cgroup "$TEST_CGROUP/hog$hog" --bytes "${total}K") \
			>/dev/null 2>&1 3>&- &
		hogs+=($!)
	done
	# What the machine does not have cannot be given: this one may be refused.
	workload "$WEB" touch --bytes 40M >/dev/null 2>&1 || true
	wait "${hogs[@]}" || true
	wait_journal '.event == "oom_kill" and .limit_cgroup == "/"
		and .would_have_saved == "more memory in the machine, or less use of it"' >/dev/null
	wait_journal '.event == "oom_exit" and .limit_cgroup == "/" and .exit_status == 137' >/dev/null
	assert_alive "$CGBPF_PID"
	lives "$WEB" touch --bytes 40M
	stop_cgbpf TERM
	assert_limit "$WEB" 16M
}

@test "a fork bomb in a governed cgroup does not keep it from answering another" {
	local bomb=$TEST_CGROUP/bomb
	make_parent "$TEST_CGROUP"
	echo +pids >"$TEST_CGROUP/cgroup.subtree_control"
	mkdir "$bomb"
	echo 200 >"$bomb/pids.max"
	write_config "$(path_of "$TEST_CGROUP")/*" 16M 64M "return_after: 10ms"
	start_cgbpf -c "$CONFIG"
	"${IN_CGROUP[@]}" "$bomb" bash -c 'bomb() { bomb | bomb & }; bomb; wait' >/dev/null 2>&1 3>&- &
	is_full() { (($(cat "$bomb/pids.peak" 2>/dev/null || cat "$bomb/pids.current") >= 100)); }
	wait_for "$DEADLINE" is_full
	lives "$WEB" touch --bytes 40M
	assert_kills "$WEB" 0
	echo 1 >"$bomb/cgroup.kill"
	wait_for "$DEADLINE" is_unpopulated "$bomb"
	stop_cgbpf TERM
	assert_limit "$WEB" 16M
	assert_limit "$bomb" max
}

@test "frozen, a governed cgroup keeps nobody waiting, exit least of all" {
	start_cgbpf -c "$CONFIG"
	hold_memory "$WEB" 8M
	echo 1 >"$WEB/cgroup.freeze"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"' >/dev/null
	stop_cgbpf TERM
	assert_limit "$WEB" 16M
	echo 0 >"$WEB/cgroup.freeze"
}

@test "a clock that jumps an hour moves no limit" {
	write_config "$(path_of "$WEB")" 16M 64M "return_after: 30m"
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 40M
	wait_journal '.event == "soft_limit_raised" or .event == "oom_adjustment"' >/dev/null
	date -s '+1 hour' >/dev/null
	# Two heartbeats: the timers have run.
	local beat
	beat() { bpftool -j map dump pinned "$PIN_DIR/stats" | jq '.[0].formatted.value.heartbeat_cnt'; }
	beat=$(beat)
	is_later() { (($(beat) > beat + 1)); }
	wait_for "$DEADLINE" is_later
	date -s '-1 hour' >/dev/null
	(($(limit_of "$WEB") > $(bytes 16M))) || fail "the limit returned"
	refute_journal '.event == "limit_returned" or .event == "blind"'
}

@test "with few descriptors allowed, it governs what it can and says what it cannot" {
	local dir=$TEST_CGROUP/many
	make_parent "$dir"
	build/mkdirs "$dir" many 60
	write_config "$(path_of "$dir")/*" 16M 64M
	# Without the capability to raise the bound again.
	printf '#!/bin/sh\nulimit -n 96\nexec setpriv --bounding-set=-sys_resource %s "$@"\n' "$CGBPF" >"$LIVE_DIR/poor"
	chmod +x "$LIVE_DIR/poor"
	CGBPF=$LIVE_DIR/poor start_cgbpf -c "$CONFIG"
	assert_said 'Too many open files'
	assert_said 'ready: governing [1-9]'
	stop_cgbpf TERM
	assert_equal "$(cat "$dir"/m*/memory.max | grep -cx max)" 60 "cgroups as they were"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of run --observe: it tells what happens and writes nothing; never tests what is done about it.

load faults

setup() {
	make_parent "$TEST_CGROUP"
	echo "+cpu +io" >"$TEST_CGROUP/cgroup.subtree_control"
	JOB=$(make_cgroup job 32M)
	JOB_PATH=$(path_of "$JOB")
	write_config "$JOB_PATH" 16M 256M
}

teardown() {
	# strace passes no signal on.
	[[ -z ${IS_TRACED:-} ]] || kill -KILL "$(</run/cgbpf/lock)"
	end_test
	rmmod brd 2>/dev/null || true
}

# bats test_tags=core
@test "observe: throttling, a limit that is met, a kill, pressure and a foreign write are told, and nothing is changed" {
	local before
	echo "20000 100000" >"$JOB/cpu.max"
	before=$(limits_of_tree)
	start_cgbpf --observe -c "$CONFIG"
	assert_said 'ready: observing 1 cgroups'
	# The soft limit of the configuration is nobody's business here.
	assert_equal "$(limits_of_tree)" "$before" "limits of the tree"
	assert_equal "$(bpftool -j map dump pinned "$PIN_DIR/ledger" | jq length)" 0 "entries in the ledger"
	build/lab/cpu-burner --cgroup "$JOB" --threads 2 --seconds 20 >/dev/null 3>&- &
	wait_journal ".event == \"cpu_throttled\" and .cgroup == \"$JOB_PATH\" and .target == \"test\"
		and .knob == \"cpu.max\" and .new == \"20000 100000\" and .lost_ns > 0 and .throttled > 0"
	wait_journal '.event == "psi_spike" and .resource == "cpu" and .threshold == 0.1 and .reason == "own_limit"'
	run ! workload "$JOB" touch --bytes 100M
	wait_journal ".event == \"hard_limit_reached\" and .cgroup == \"$JOB_PATH\" and .new == 33554432 and .reason == \"oom\""
	wait_journal ".event == \"oom_kill\" and .limit_cgroup == \"$JOB_PATH\""
	assert_equal "$(limits_of_tree)" "$before" "limits of the tree"
	echo 48M >"$JOB/memory.max"
	wait_journal '.event == "foreign_write" and .knob == "memory.max" and .value == "48M" and .pid > 0 and .answer == "none"'
	refute_journal '.event == "soft_limit_raised" or .event == "oom_adjustment" or .event == "governed" or .dry_run'
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" said 'reloaded: observing 1 cgroups'
	echo 1 >"$JOB/cgroup.kill"
	wait_for "$DEADLINE" is_unpopulated "$JOB"
	stop_and_check_told "$JOB"
	assert_limit "$JOB" 48M
	refute_journal '.event == "restored"'
}

# bats test_tags=core
@test "observe: bios that io.max keeps waiting are told, each once, and pressure of IO with them" {
	local counted
	modprobe brd rd_nr=1 rd_size=16384
	wait_for "$DEADLINE" test -b /dev/ram0
	echo "$(</sys/block/ram0/dev) wbps=524288" >"$JOB/io.max"
	start_cgbpf --observe -c "$CONFIG"
	# shellcheck disable=SC2016 # another shell's
	"${IN_CGROUP[@]}" "$JOB" bash -c 'while :; do dd if=/dev/zero of=/dev/ram0 bs=64K count=256 oflag=direct status=none; done' 3>&- &
	wait_stream "$JOURNAL" "$CGBPF_PID" jq -cne 'last(limit(3; inputs | select(.event == "io_throttled" and .limit == "write")))'
	wait_journal '.event == "psi_spike" and .target == "test" and .resource == "io" and .full_share > 0 and .reason == "own_limit"'
	echo 1 >"$JOB/cgroup.kill"
	wait_for "$DEADLINE" is_unpopulated "$JOB"
	counted=$(io_count)
	stop_cgbpf TERM
	assert_bios_told "$counted"
	wait_for "$DEADLINE" rmmod brd
}

@test "observe: no cgroup file is opened for writing but for pressure triggers and the heartbeat" {
	local opened
	strace -f --seccomp-bpf -qq -e trace=openat,openat2,open,creat,mkdir,mkdirat,rename,unlink -o "$LIVE_DIR/trace" \
		"$CGBPF" run --observe -c "$CONFIG" --journal "$JOURNAL" 2>"$CGBPF_STDERR" 3>&- &
	local strace=$!
	IS_TRACED=1
	wait_stream "$CGBPF_STDERR" "$strace" grep -q -m1 'ready: observing 1'
	run ! workload "$JOB" touch --bytes 100M
	wait_stream "$JOURNAL" "$strace" grep -q -m1 '"oom_kill"'
	kill -TERM "$(</run/cgbpf/lock)"
	wait "$strace"
	IS_TRACED=''
	# Every path that was opened to be written, by its last name.
	opened=$(grep -E 'O_WRONLY|O_RDWR' "$LIVE_DIR/trace" | sed -nE 's/^[^"]*"([^"]*)".*/\1/p' | sed 's|.*/||' | sort -u | tr '\n' ' ')
	grep -qE 'O_WRONLY|O_RDWR' "$LIVE_DIR/trace"
	assert_equal "$opened" "cgroup.max.depth cpu cpu.pressure io io.pressure journal lock memory memory.pressure oom_score_adj " \
		"files opened for writing"
	run ! grep -E '^[0-9]+ +(mkdir|rename|unlink).*/sys/fs/cgroup' "$LIVE_DIR/trace"
}

# has_knobs BITS: in the rule of every cgroup that is observed.
has_knobs() {
	[[ $(map_values rules | jq .knobs | sort -u) == "$1" ]]
}

@test "observe: without a configuration every limited cgroup is watched, those made later too, by the controllers that it has" {
	local later
	start_cgbpf --observe
	wait_journal ".event == \"observed\" and .cgroup == \"$JOB_PATH\""
	later=$(make_cgroup later)
	echo "30000 100000" >"$later/cpu.max"
	wait_journal ".event == \"observed\" and .cgroup == \"$(path_of "$later")\""
	# What a cgroup has no file of is of another hierarchy, if anywhere: memory.max (1), cpu.max (3), io.max (6).
	has_knobs $((1 << 1 | 1 << 3 | 1 << 6))
	echo "-cpu -io" >"$TEST_CGROUP/cgroup.subtree_control"
	wait_for "$DEADLINE" has_knobs $((1 << 1))
	run -2 "$CGBPF" run --observe --dry-run
	run -2 "$CGBPF" run --observe --keep
}

@test "observe: a kernel without pressure is said once and is no failure" {
	"${IN_MOUNTS[@]}" 'mount -t tmpfs none /proc/pressure' "$CGBPF" run --observe --duration 1 2>"$CGBPF_STDERR"
	assert_equal "$(grep -c 'pressure is not told' "$CGBPF_STDERR")" 1 "words about it"
}

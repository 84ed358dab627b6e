#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises about somebody else's writes to a governed limit; never fights one for longer than a minute allows.

bats_require_minimum_version 1.5.0
load faults

setup() {
	WEB=$(make_cgroup web 64M)
}

# start_with POLICY [MEMORY KEYS]
start_with() {
	write_config "$(path_of "$WEB")" 32M 128M "${2:-}"
	echo "    on_foreign_write: $1" >>"$CONFIG"
	start_cgbpf -c "$CONFIG"
}

FOREIGN='.event == "foreign_write"'

# As an administrator does, from a process with a name.
write_limit() {
	bash -c 'echo "$1" >"$2/memory.max"' admin "$1" "$WEB"
}

wait_foreign() {
	wait_journal "$FOREIGN and .value == \"$1\"" >/dev/null
}

limit_is() {
	[[ $(limit_of "$WEB") == "$(bytes "$1")" ]]
}

wait_limit() {
	wait_for "$DEADLINE" limit_is "$1"
}

# bats test_tags=core
@test "obey leaves the value, governs no more, and exit leaves it too" {
	start_with obey
	write_limit 48M
	wait_foreign 48M
	! workload "$WEB" touch --bytes 80M || fail "it was still governed"
	assert_limit "$WEB" 48M
	stop_cgbpf TERM
	assert_limit "$WEB" 48M
}

@test "the very value that is ours, written by somebody else, is what goes back in the end" {
	start_with obey
	has_original 67108864
	write_limit 32M
	wait_for "$DEADLINE" has_original 33554432
	refute_journal "$FOREIGN"
	stop_cgbpf TERM
	assert_limit "$WEB" 32M
}

@test "the very value that is ours, of another knob: what was written of it goes back, the rest is as it was" {
	local device
	modprobe brd rd_nr=1 rd_size=4096
	wait_for "$DEADLINE" test -b /dev/ram0
	device=$(</sys/block/ram0/dev)
	echo "40000 100000" >"$WEB/cpu.max"
	echo "$device rbps=2000000 wbps=2000000" >"$WEB/io.max"
	write_targets <<-END
		  - name: test
		    cgroup: "$(path_of "$WEB")"
		    cpu: { soft: 0.3, hard: 1, burst: 0.1 }
		    io: { device: "$device", rbps: { soft: 1M, hard: 8M }, wbps: { soft: 1M, hard: 8M } }
		    priority: { weight: 300 }
	END
	start_cgbpf -c "$CONFIG"
	echo "$device wbps=1048576" >"$WEB/io.max"
	echo 30000 >"$WEB/cpu.max"
	echo 10000 >"$WEB/cpu.max.burst"
	echo 300 >"$WEB/cpu.weight"
	wait_for "$DEADLINE" has_original "$device rbps=2000000 wbps=1048576 riops=max wiops=max"
	wait_for "$DEADLINE" has_original "30000 100000"
	wait_for "$DEADLINE" has_original 10000
	wait_for "$DEADLINE" has_original 300
	# The whole line in one write, as systemd does.
	echo "$device rbps=1048576 wbps=1048576 riops=max wiops=max" >"$WEB/io.max"
	wait_for "$DEADLINE" has_original "$device rbps=1048576 wbps=1048576 riops=max wiops=max"
	refute_journal "$FOREIGN"
	stop_cgbpf TERM
	assert_equal "$(<"$WEB/cpu.max") $(<"$WEB/cpu.max.burst") $(<"$WEB/cpu.weight")" "30000 100000 10000 300"
	assert_equal "$(<"$WEB/io.max")" "$device rbps=1048576 wbps=1048576 riops=max wiops=max"
	remove_cgroup "$TEST_CGROUP"
	rmmod brd
}

@test "the journal tells who wrote what: pid, comm, value" {
	local pid
	start_with obey
	sh -c 'echo 48M >"$1/memory.max"' sh "$WEB" 3>&- &
	pid=$!
	wait "$pid"
	wait_journal "$FOREIGN" |
		jq -e --argjson pid "$pid" '.pid == $pid and .comm == "sh" and .value == "48M" and .answer == "obey"
			and .old == 33554432 and .new == 50331648'
}

@test "adopt makes the value the new soft, and what goes back in the end" {
	start_with adopt "return_after: 10ms"
	write_limit 40M
	wait_foreign 40M
	lives "$WEB" touch --bytes 80M
	assert_kills "$WEB" 0
	wait_limit 40M
	stop_cgbpf TERM
	assert_limit "$WEB" 40M
}

@test "reassert writes ours again, three times a minute, then obeys" {
	local value
	start_with reassert
	# All four within the minute, on any machine.
	for value in 40M 44M 48M; do
		echo "$value" >"$WEB/memory.max"
		wait_limit 32M
	done
	echo 52M >"$WEB/memory.max"
	wait_foreign 52M
	for value in 40M 44M 48M; do
		assert_journal "$FOREIGN and .value == \"$value\" and .answer == \"reassert\""
	done
	assert_journal "$FOREIGN and .value == \"52M\" and .answer == \"obey\""
	assert_limit "$WEB" 52M
	stop_cgbpf TERM
	assert_limit "$WEB" 52M
}

@test "reassert obeys whoever insists on one value, which is no reset" {
	local round
	start_with reassert
	for round in 1 2 3; do
		echo 40M >"$WEB/memory.max"
		wait_limit 32M
	done
	echo 40M >"$WEB/memory.max"
	wait_journal "$FOREIGN and .value == \"40M\" and .answer == \"obey\"" >/dev/null
	stop_cgbpf TERM
	assert_limit "$WEB" 40M
}

@test "a write that restores the original is reasserted under obey" {
	local round
	start_with obey
	# As often as packages that reload systemd may want it, more than others are answered.
	for ((round = 0; round < 6; round++)); do
		write_limit 64M
		wait_limit 32M
	done
	stop_cgbpf TERM
	assert_equal "$(jq -c "select($FOREIGN and .answer == \"reassert\" and .reason == \"foreign_reset\")" "$JOURNAL" | wc -l)" 6 "answers"
	assert_limit "$WEB" 64M
}

@test "a write that restores the original is reasserted under adopt" {
	start_with adopt
	write_limit 67108864
	wait_foreign 67108864
	assert_journal "$FOREIGN and .answer == \"reassert\""
	wait_limit 32M
}

@test "a write that the kernel refuses is nobody's word" {
	start_with obey
	for value in banana -5 1.5M; do
		write_limit "$value" 2>/dev/null || true
	done
	lives "$WEB" touch --bytes 80M
	assert_kills "$WEB" 0
	refute_journal "$FOREIGN"
}

@test "of several writes at once, obey ends with the last" {
	start_with obey
	pause_cgbpf
	write_limit 80M
	write_limit 40M
	write_limit 48M
	resume_cgbpf
	wait_foreign 80M
	# Later records would be in by the time that this is answered.
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"' >/dev/null
	stop_cgbpf TERM
	assert_limit "$WEB" 48M
}

@test "a value in octal is the kernel's number, not ours" {
	start_with obey
	write_limit 0300000000
	wait_foreign 0300000000
	assert_journal "$FOREIGN and .new == 50331648"
	assert_limit "$WEB" 48M
}

@test "max is obeyed" {
	start_with obey
	write_limit max
	wait_foreign max
	stop_cgbpf TERM
	assert_limit "$WEB" max
}

@test "a write that races with raises does not end below what the administrator wanted" {
	local value round
	start_with obey "step: 1M, return_after: 10ms"
	churn "$WEB" 60M
	for round in 1 2 3 4; do
		wait_lines $((round * 8))
		# None of ours, which are whole MiB: a write of what stands is no change.
		value=$(((90 + round) * 1048576 + 4096))
		write_limit "$value"
		wait_foreign "$value"
		# Ours may be there already, raised from theirs.
		is_enough() { (($(limit_of "$WEB") >= value)); }
		wait_for "$DEADLINE" is_enough
		kill -HUP "$CGBPF_PID"
		wait_journal '.event == "reloaded"' >/dev/null
		: >"$JOURNAL"
	done
	stop_churn
	assert_kills "$WEB" 0
}

@test "one that toggles a hundred times a second is answered three times, then wins" {
	local round
	start_with reassert
	for ((round = 0; round < 200; round++)); do
		echo 40M >"$WEB/memory.max"
		echo 44M >"$WEB/memory.max"
		read -rt 0.01 <> <(:) || true
	done
	wait_journal "$FOREIGN and .answer == \"obey\"" >/dev/null
	assert_limit "$WEB" 44M
	assert_equal "$(jq -c "select($FOREIGN and .answer == \"reassert\")" "$JOURNAL" | wc -l)" 3 "reasserts"
	stop_cgbpf TERM
	assert_limit "$WEB" 44M
}

@test "a reload governs again what was obeyed" {
	start_with obey
	write_limit 48M
	wait_foreign 48M
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"' >/dev/null
	assert_limit "$WEB" 32M
	lives "$WEB" touch --bytes 80M
	assert_kills "$WEB" 0
	stop_cgbpf TERM
	assert_limit "$WEB" 48M
}

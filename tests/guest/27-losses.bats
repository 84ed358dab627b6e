#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises about records that never came, cgroups that went, and neighbours that flood; never measures how long an answer takes.

# shellcheck disable=SC2030,SC2031,SC2016 # a test and its end share a shell
bats_require_minimum_version 1.5.0
load faults

MKDIRS=build/mkdirs

setup() {
	make_parent "$TEST_CGROUP"
	MANY=$TEST_CGROUP/many
	make_parent "$MANY"
}

governed_cnt() {
	bpftool -j map dump pinned "$PIN_DIR/rules" | jq length
}

is_governed_cnt() {
	(($(governed_cnt) == $1))
}

resident_kb() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$CGBPF_PID/status"
}

# bats test_tags=core
@test "records lost while it stood still are counted, and what they told of is found" {
	local before
	write_config "$(path_of "$MANY")/*" 16M 32M
	start_cgbpf -c "$CONFIG"
	pause_cgbpf
	# More than the ring of 256 KiB holds.
	"$MKDIRS" "$MANY" many 2200
	rmdir "$MANY"/m1 "$MANY"/m2
	before=$(resident_kb)
	resume_cgbpf
	wait_journal '.event == "events_lost" and .count > 0' >/dev/null
	wait_for "$DEADLINE" is_governed_cnt 2198
	assert_equal "$(cat "$MANY"/m*/memory.max | grep -cx 16777216)" 2198 "cgroups at their soft"
	# About 1 KiB a cgroup, its names and two descriptors among it.
	(($(resident_kb) - before < 2 * 2198)) || fail "resident: $before kB, then $(resident_kb) kB"
	stop_cgbpf TERM
	assert_equal "$(cat "$MANY"/m*/memory.max | grep -cx max)" 2198 "cgroups as they were"
}

# Nor is what a controller that was switched off and on again brings with it taken for somebody's word.
@test "a task that came while records were lost has its priority all the same, one with a value of its own keeps it" {
	local crew plain polite
	is_nice() { [[ $(ps -o ni= -p "$1") -eq $2 ]]; }
	crew=$(make_cgroup up/crew)
	write_targets <<-END
		  - name: crew
		    cgroup: "$(path_of "$crew")"
		    cpu: { soft: 0.5, hard: 1, burst: 0.1 }
		    priority: { nice: 10, weight: 300 }
	END
	start_cgbpf -c "$CONFIG"
	assert_equal "$(<"$crew/cpu.max.burst")" 10000 "burst"
	pause_cgbpf
	echo "-cpu" >"${crew%/*}/cgroup.subtree_control"
	echo "+cpu" >"${crew%/*}/cgroup.subtree_control"
	"$MKDIRS" "$MANY" many 2200
	sleep 1000 3>&- &
	plain=$!
	nice -n 5 sleep 1000 3>&- &
	polite=$!
	wait_for "$DEADLINE" is_nice "$polite" 5
	echo "$plain" >"$crew/cgroup.procs"
	echo "$polite" >"$crew/cgroup.procs"
	resume_cgbpf
	wait_journal '.event == "events_lost" and .count > 0' >/dev/null
	wait_for "$DEADLINE" is_nice "$plain" 10
	is_nice "$polite" 5
	wait_for "$DEADLINE" grep -qx 10000 "$crew/cpu.max.burst"
	wait_for "$DEADLINE" grep -qx 300 "$crew/cpu.weight"
	refute_journal '.event == "foreign_write"'
	stop_cgbpf TERM
	is_nice "$plain" 0
	assert_equal "$(<"$crew/cpu.max") $(<"$crew/cpu.max.burst") $(<"$crew/cpu.weight")" "max 100000 0 100"
}

@test "cgroups that went while it stood still are forgotten" {
	write_config "$(path_of "$MANY")/*" 16M 32M
	"$MKDIRS" "$MANY" many 1100
	start_cgbpf -c "$CONFIG"
	assert_said 'governing 1100 '
	pause_cgbpf
	rmdir "$MANY"/m[0-9]*
	"$MKDIRS" "$MANY" many 700
	rmdir "$MANY"/m[0-9]*
	resume_cgbpf
	wait_for "$DEADLINE" is_governed_cnt 0
	assert_equal "$(ledger_dump | jq length)" 0 "entries of the ledger"
	stop_cgbpf TERM
}

# bats test_tags=soak
@test "cgroups that come, grow and go leave nothing behind" {
	local round cgroups
	cgroups=$(rounds 60 5000)
	write_config "$(path_of "$MANY")/*" 8M 32M "step: 4M"
	start_cgbpf -c "$CONFIG"
	for ((round = 0; round < cgroups; round++)); do
		mkdir "$MANY/c"
		"$WORKLOAD" touch --bytes 12M --cgroup "$MANY/c" >/dev/null 2>&1 3>&- || true
		rmdir "$MANY/c"
	done
	wait_for "$DEADLINE" is_governed_cnt 0
	assert_equal "$(ledger_dump | jq length)" 0 "entries of the ledger"
	jq -ne '[inputs] | length > 0' "$JOURNAL"
	# Two descriptors a governed cgroup: all closed.
	is_closed() { [[ -z $(find "/proc/$CGBPF_PID/fd" -type l -lname '*/many/*') ]]; }
	wait_for "$DEADLINE" is_closed
	stop_cgbpf TERM
}

@test "a cgroup for which there is no room is left as it is, told and counted, and the others are served" {
	local web=$TEST_CGROUP/web
	mkdir "$web"
	bpftool prog loadall build/small_ledger.bpf.o "$PIN_DIR.none" pinmaps "$PIN_DIR"
	"$MKDIRS" "$MANY" many 10
	write_targets <<-END
		  - { name: web, cgroup: "$(path_of "$web")", memory: { soft: 16M, hard: 64M } }
		  - { name: many, cgroup: "$(path_of "$MANY")/*", memory: { soft: 16M, hard: 32M } }
	END
	start_cgbpf -c "$CONFIG"
	assert_said 'governing 8 '
	assert_said 'no room for it'
	assert_journal '.event == "not_governed" and .reason == "table_full" and .count > 0'
	assert_equal "$(cat "$web/memory.max" "$MANY"/m*/memory.max | grep -cx max)" 3 "cgroups as they were"
	# One that goes makes room for one that comes.
	rmdir "$(grep -lx 16777216 "$MANY"/m*/memory.max | head -n 1 | xargs dirname)"
	wait_journal '.event == "cgroup_gone"' >/dev/null
	mkdir "$MANY/later"
	wait_limit "$MANY/later" 16M
	stop_cgbpf TERM
	assert_said '[0-9]+ times there was no room'
	assert_equal "$(cat "$web/memory.max" "$MANY"/*/memory.max | grep -cx max)" 11 "cgroups as they were"
}

@test "a limit whose cgroup went between event and write is forgotten and no other suffers" {
	local web=$TEST_CGROUP/web db=$TEST_CGROUP/db
	mkdir "$web" "$db"
	write_config "$(path_of "$TEST_CGROUP")/*b" 16M 64M
	start_cgbpf -c "$CONFIG"
	pause_cgbpf
	run workload "$web" touch --bytes 40M
	wait_for "$DEADLINE" rmdir "$web"
	resume_cgbpf
	lives "$db" touch --bytes 40M
	assert_kills "$db" 0
	wait_journal '.event == "cgroup_gone" and (.cgroup | endswith("/web"))'
	wait_for "$DEADLINE" has_entries ledger 1
	refute_journal '.event == "cgroup_gone" and (.cgroup | endswith("/db"))'
	stop_cgbpf TERM
	assert_limit "$db" max
}

@test "a first limit that cannot be written is told, and the cgroup is left as it was" {
	local web=$TEST_CGROUP/web
	mkdir "$web"
	write_config "$(path_of "$web")" 16M 64M
	start_traced "$web/memory.max" error=EIO:when=1
	stop_traced
	assert_said 'web: not governed: Input/output'
	assert_said 'governing 0 '
	assert_limit "$web" max
}

@test "a neighbour that floods limits and folders keeps nobody from being rescued" {
	local flood web=$TEST_CGROUP/web round
	mkdir "$web"
	mkdir "$MANY/own"
	cat >"$LIVE_DIR/cgbpf.yaml" <<-END
		targets:
		  - { name: web, cgroup: "$(path_of "$web")", memory: { soft: 16M, hard: 64M, return_after: 10ms } }
		  - { name: noisy, cgroup: "$(path_of "$MANY")/*", memory: { soft: 16M, hard: 32M }, on_foreign_write: reassert }
	END
	start_cgbpf -c "$LIVE_DIR/cgbpf.yaml"
	bash -c 'while :; do
		for i in {1..50}; do echo "${i}M" >"$1/own/memory.max"; done; mkdir "$1/x$i"; rmdir "$1/x$i"; done' \
		bash "$MANY" 3>&- &
	flood=$!
	for round in 1 2 3 4 5 6; do
		lives "$web" touch --bytes 40M || fail "killed in round $round"
	done
	kill "$flood"
	wait "$flood" || true
	assert_kills "$web" 0
	stop_cgbpf TERM
	assert_limit "$web" max
}

@test "a flood of folders keeps neither a rescue nor the end waiting" {
	local flood web=$TEST_CGROUP/web
	mkdir "$web"
	write_config "$(path_of "$web")" 16M 64M
	start_cgbpf -c "$CONFIG"
	"$MKDIRS" "$MANY" flood forever 3>&- &
	flood=$!
	lives "$web" touch --bytes 40M
	assert_kills "$web" 0
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"' >/dev/null
	stop_cgbpf TERM
	kill "$flood"
	wait "$flood" || true
	assert_limit "$web" max
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised about the priority of tasks, and about cgroups and processes named in the configuration; it never looks at limits.

load faults

# target FOLDER KEYS: a config with one target; sets CONFIG.
target() {
	write_targets <<-END
		  - name: test
		    cgroup: "$(path_of "$1")"
		    $2
	END
}

# sleeper FOLDER [NICE]: a task in it; sets SLEEPER.
sleeper() {
	# nice(1) reads before it sets: what a controller gives in between would be lost.
	"${IN_CGROUP[@]}" "$1" ${2:+nice -n "$2"} sleep 1000 3>&- &
	SLEEPER=$!
	wait_for "$DEADLINE" is_called "$SLEEPER" sleep
}

is_called() {
	[[ $(<"/proc/$1/comm") == "$2" ]]
}

nice_of() {
	ps -o ni= -p "$1" | tr -d ' '
}

has_nice() {
	[[ $(nice_of "$1") == "$2" ]]
}

has_weight() {
	[[ $(<"$1/cpu.weight") == "$2" ]]
}

# crew: a process of four threads outside, of which the second and the third have values of their own; sets CREW.
crew() {
	local tids
	build/lab/cpu-burner --threads 3 --busy-ms 1 --idle-ms 1000000 >/dev/null 3>&- &
	CREW=$!
	wait_for "$DEADLINE" has_tasks "$CREW" 4
	tids=("/proc/$CREW/task"/*)
	renice -n 7 -p "${tids[1]##*/}" >/dev/null
	renice -n -5 -p "${tids[2]##*/}" >/dev/null
	chrt -b -p 0 "${tids[2]##*/}"
}

has_tasks() {
	local tids=("/proc/$1/task"/*)
	((${#tids[@]} == $2))
}

# Nice value and class of each thread, the oldest first.
values_of() {
	ps -L -o ni=,cls= -p "$1" | xargs
}

has_values() {
	[[ $(values_of "$1") == "$2" ]]
}

cgroup_of() {
	sed -n 's/^0:://p' "/proc/$1/cgroup"
}

# bats test_tags=core
@test "priority: weight, nice and policy of all tasks, also of those that come later, with every thread; and back" {
	local cgroup early late polite
	cgroup=$(make_cgroup job)
	sleeper "$cgroup" && early=$SLEEPER
	sleeper "$cgroup" 7 && polite=$SLEEPER
	target "$cgroup" "priority: { weight: 300, nice: -5, policy: batch }"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(<"$cgroup/cpu.weight") $(nice_of "$early") $(nice_of "$polite")" "300 -5 -5"
	chrt -p "$early" | grep -q SCHED_BATCH
	sleeper "$cgroup" && late=$SLEEPER
	wait_for "$DEADLINE" has_nice "$late" -5
	crew
	echo "$CREW" >"$cgroup/cgroup.procs"
	wait_for "$DEADLINE" has_values "$CREW" "-5 B -5 B -5 B -5 B" || fail "its threads: $(values_of "$CREW")"
	stop_cgbpf TERM
	assert_equal "$(<"$cgroup/cpu.weight") $(nice_of "$early") $(nice_of "$polite")" "100 0 7" "at the end"
	chrt -p "$early" | grep -q SCHED_OTHER
	assert_equal "$(values_of "$CREW")" "0 TS 7 TS -5 B 0 TS" "threads that came later, at the end"
	kill "$early" "$late" "$polite"
}

@test "priority: another writer of the weight is told, and obeyed or answered" {
	local cgroup
	cgroup=$(make_cgroup job)
	target "$cgroup" "priority: { weight: 300 }"
	start_cgbpf -c "$CONFIG"
	echo 100 >"$cgroup/cpu.weight"
	wait_journal '.event == "foreign_write" and .knob == "cpu.weight" and .answer == "reassert" and .reason == "foreign_reset"'
	wait_for "$DEADLINE" has_weight "$cgroup" 300
	# The same weight by another name (sched_prio_to_weight[] in kernel/sched/core.c).
	echo -5 >"$cgroup/cpu.weight.nice"
	wait_journal '.event == "foreign_write" and .knob == "cpu.weight" and .answer == "obey" and .old == "300"
		and .new == "305" and .value == "-5"'
	stop_cgbpf TERM
	assert_equal "$(<"$cgroup/cpu.weight")" 305
}

@test "priority: what was changed comes back after a crash" {
	local cgroup
	cgroup=$(make_cgroup job)
	sleeper "$cgroup" 4
	target "$cgroup" "priority: { nice: 10 }"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(nice_of "$SLEEPER")" 10
	crash_cgbpf
	restore
	assert_equal "$(nice_of "$SLEEPER")" 4
	kill "$SLEEPER"
}

# bats test_tags=core
@test "targets: missing folders are made, controllers handed out, pids attached; all of it undone, also after a crash" {
	local dir=$TEST_CGROUP/deep/er home
	mkdir -p "$TEST_CGROUP" "$TEST_CGROUP-home"
	sleeper "$TEST_CGROUP-home"
	home=$(cgroup_of "$SLEEPER")
	target "$dir" "cpu: { soft: 0.2, hard: 0.5 }
		    pids: [$SLEEPER, 4194304]"
	sed -i 's/^\t*    pids/    pids/' "$CONFIG"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(<"$dir/cpu.max")" "20000 100000"
	assert_equal "$(cgroup_of "$SLEEPER")" "$(path_of "$dir")"
	assert_said "process 4194304: No such process"
	stop_cgbpf TERM
	assert_equal "$(cgroup_of "$SLEEPER")" "$home" "its cgroup at the end"
	[[ ! -e $TEST_CGROUP/deep ]] || fail "the folder is still there"
	assert_equal "$(<"$TEST_CGROUP/cgroup.subtree_control")" "" "controllers handed out"
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	[[ -e $dir ]]
	restore
	assert_equal "$(cgroup_of "$SLEEPER")" "$home" "its cgroup after restore"
	[[ ! -e $TEST_CGROUP/deep ]] || fail "the folder is still there"
	kill "$SLEEPER"
	wait "$SLEEPER" || true
	wait_for "$DEADLINE" rmdir "$TEST_CGROUP-home"
}

@test "targets: a kernel thread, another container's process, and values out of range are refused with their place" {
	local cgroup keys said id
	cgroup=$(make_cgroup job)
	id=$(printf '%064d' 7)
	mkdir -p "$TEST_CGROUP/docker-$id.scope"
	sleeper "$TEST_CGROUP/docker-$id.scope"
	while IFS='|' read -r keys said; do
		target "$cgroup" "$keys"
		refused 2 "^cgbpf: $CONFIG:[0-9]+:[0-9]+: .*$said" "$CGBPF" run -c "$CONFIG"
	done <<-END
		pids: [2]|process 2 is a kernel thread
		pids: [$SLEEPER]|process $SLEEPER is in a container
		pids: [0]|outside
		pids: 7|wants a list
		priority: { nice: 20 }|'20' is outside -20 to 19
		priority: { nice: -21 }|'-21' is outside -20 to 19
		priority: { nice: x }|is not a number
		priority: { weight: 0 }|outside 1 to 10000
		priority: { weight: 10001 }|outside 1 to 10000
		priority: { policy: deadline }|is not other, batch
	END
	kill "$SLEEPER"
}

# comer FOLDER NICE: a task that has that nice value when it comes; sets SLEEPER.
comer() {
	nice -n "$2" "${IN_CGROUP[@]}" "$1" sleep 1000 3>&- &
	SLEEPER=$!
	wait_for "$DEADLINE" is_called "$SLEEPER" sleep
}

policy_of() {
	chrt -p "$1" | sed -n 's/.*policy: //p'
}

has_policy() {
	[[ $(policy_of "$1") == "$2" ]]
}

reload() {
	kill -HUP "$CGBPF_PID" && wait_for "$DEADLINE" said '^reloaded: '
}

records_cnt() {
	bpftool -j map dump pinned "$PIN_DIR/ledger" 2>/dev/null | jq length
}

has_records() {
	[[ $(records_cnt) == "$1" ]]
}

# bats test_tags=core
@test "priority: who had the value before, or came with it, has it in the end; reset-on-fork stays, deadline is left alone" {
	local cgroup had came round urgent
	cgroup=$(make_cgroup job)
	comer "$cgroup" -5 && had=$SLEEPER
	sleeper "$cgroup" && round=$SLEEPER
	sleeper "$cgroup" && urgent=$SLEEPER
	chrt -R -r -p 5 "$round"
	chrt -d --sched-runtime 1000000 --sched-deadline 100000000 --sched-period 100000000 -p 0 "$urgent"
	target "$cgroup" "priority: { nice: -5, policy: batch }"
	start_cgbpf -c "$CONFIG"
	comer "$cgroup" -5 && came=$SLEEPER
	wait_for "$DEADLINE" has_policy "$came" SCHED_BATCH
	assert_equal "$(policy_of "$round")" "SCHED_BATCH|SCHED_RESET_ON_FORK"
	assert_equal "$(policy_of "$urgent")" SCHED_DEADLINE
	stop_cgbpf TERM
	assert_equal "$(nice_of "$had") $(nice_of "$came")" "-5 -5" "at the end"
	assert_equal "$(policy_of "$had") $(policy_of "$came")" "SCHED_OTHER SCHED_OTHER" "at the end"
	assert_equal "$(policy_of "$round")" "SCHED_RR|SCHED_RESET_ON_FORK" "at the end"
	kill "$had" "$came" "$round" "$urgent"
}

# bats test_tags=core
@test "priority: threads that went below, that are born meanwhile and that had their own get it back, also on reload; the dead are forgotten" {
	local cgroup moved polite below dead forker
	cgroup=$(make_cgroup job)
	mkdir "$cgroup/below"
	sleeper "$cgroup" && moved=$SLEEPER
	comer "$cgroup" 7 && polite=$SLEEPER
	comer "$cgroup" 8 && dead=$SLEEPER
	comer "$cgroup/below" -5 && below=$SLEEPER
	target "$cgroup" "priority: { nice: -5 }"
	start_cgbpf -c "$CONFIG"
	echo "$moved" >"$cgroup/below/cgroup.procs"
	assert_equal "$(nice_of "$moved") $(nice_of "$polite") $(records_cnt)" "-5 -5 4"
	kill "$dead"
	wait "$dead" || true
	wait_for "$DEADLINE" has_records 3
	target "$cgroup" "priority: { nice: 3 }"
	reload
	assert_equal "$(nice_of "$moved") $(nice_of "$polite") $(nice_of "$below")" "0 3 -5" "after the reload"
	"${IN_CGROUP[@]}" "$cgroup" bash -c 'for ((i = 0; i < 100; i++)); do sleep 1000 & done; wait' 3>&- &
	forker=$!
	wait_for "$DEADLINE" has_nice "$forker" 3
	stop_cgbpf TERM
	assert_equal "$(nice_of "$moved") $(nice_of "$polite") $(nice_of "$below")" "0 7 -5" "at the end"
	assert_equal "$(ps -o pid=,ni= -p "$(paste -sd , "$cgroup/cgroup.procs")" | awk -v polite="$polite" '$1 != polite && $2')" "" \
		"processes with a nice value"
	echo 1 >"$cgroup/cgroup.kill"
	wait "$forker" || true
}

# bats test_tags=core
@test "targets: what two of them handed out is taken back, unless others use it; a folder that others made stays" {
	mkdir -p "$TEST_CGROUP/other"
	write_targets <<-END
		  - name: one
		    cgroup: "$(path_of "$TEST_CGROUP")/one"
		    memory: { soft: 64M, hard: 128M }
		    pids: []
		  - name: two
		    cgroup: "$(path_of "$TEST_CGROUP")/two"
		    cpu: { soft: 0.2, hard: 0.5 }
		    pids: []
	END
	start_cgbpf -c "$CONFIG"
	assert_equal "$(<"$TEST_CGROUP/cgroup.subtree_control")" "cpu memory"
	echo 50 >"$TEST_CGROUP/other/cpu.weight"
	rmdir "$TEST_CGROUP/two"
	mkdir "$TEST_CGROUP/two"
	stop_cgbpf TERM || true
	[[ ! -e $TEST_CGROUP/one && -e $TEST_CGROUP/two ]] || fail "there: $(ls "$TEST_CGROUP")"
	assert_said "cgroup.subtree_control stays"
	assert_equal "$(<"$TEST_CGROUP/other/cpu.weight")" 50
	echo 100 >"$TEST_CGROUP/other/cpu.weight"
	restore
	assert_equal "$(<"$TEST_CGROUP/cgroup.subtree_control")" "" "controllers after restore"
}

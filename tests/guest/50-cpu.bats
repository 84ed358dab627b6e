#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised about CPU time: raised within the period, never past hard, returned, put back; it never looks at memory.

# bats file_tags=two-cpus
load faults

cpu_max() {
	cat "$1/cpu.max"
}

has_cpu_max() {
	[[ $(cpu_max "$1") == "$2" ]]
}

# has_quota_of FOLDER LEAST
has_quota_of() {
	local quota
	read -r quota _ <"$1/cpu.max"
	((quota >= $2))
}

# cpu_config FOLDER CPU-KEYS [MORE]: a config with one target; sets CONFIG.
cpu_config() {
	write_targets <<-END
		  - name: test
		    cgroup: "$(path_of "$1")"
		    cpu: { $2 }
		    ${3:-}
	END
}

# burn CGROUP THREADS: uses CPUs until end_burn.
BURNERS=()
burn() {
	local i
	for ((i = 0; i < $2; i++)); do
		"${IN_CGROUP[@]}" "$1" bash -c 'while :; do :; done' 3>&- &
		BURNERS+=($!)
	done
}

end_burn() {
	local pid
	for pid in "${BURNERS[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	BURNERS=()
}

has_burst() {
	[[ $(<"$1/cpu.max.burst") == "$2" ]]
}

throttled_cnt() {
	awk '$1 == "nr_throttled" { print $2 }' "$1/cpu.stat"
}

is_throttled_past() {
	(($(throttled_cnt "$1") > $2))
}

# bats test_tags=core
@test "cpu: a throttled cgroup is raised step by step to what it needs, returned, and put back" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "30000 100000" >"$cgroup/cpu.max"
	cpu_config "$cgroup" "soft: 0.25, hard: 2, step: 25%, return_after: 500ms"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(cpu_max "$cgroup")" "25000 100000" "cpu.max when governing begins"
	burn "$cgroup" 1
	wait_journal '.event == "soft_limit_raised" and .knob == "cpu.max" and .old == "25000 100000"
		and .new == "50000 100000" and .reason == "throttled" and .t.effective > .t.written
		and .t.written > .t.decided and .t.decided >= .t.received'
	wait_for "$DEADLINE" has_quota_of "$cgroup" 100000
	end_burn
	wait_for "$DEADLINE" has_cpu_max "$cgroup" "25000 100000"
	stop_cgbpf TERM
	jq -se 'map(select(.event == "limit_returned")) | length >= 3 and all(.[]; .reason == "calm")' "$JOURNAL"
	# On a starved host one burst may take all of it.
	refute_journal '.event == "hard_limit_reached" and .old != "200000 100000"'
	assert_equal "$(cpu_max "$cgroup")" "30000 100000" "cpu.max at the end"
}

# bats test_tags=core
@test "cpu: hard is never passed, said once, and left" {
	local cgroup before
	cgroup=$(make_cgroup job)
	cpu_config "$cgroup" "soft: 0.2, hard: 0.5, step: 0.2"
	start_cgbpf -c "$CONFIG"
	burn "$cgroup" 2
	wait_journal '.event == "hard_limit_reached" and .knob == "cpu.max"'
	assert_equal "$(cpu_max "$cgroup")" "50000 100000"
	# Throttled on and on, said once.
	before=$(throttled_cnt "$cgroup")
	wait_for "$DEADLINE" is_throttled_past "$cgroup" $((before + 3))
	# Where the answer comes in time, nothing is lost and nothing told.
	wait_journal '.event == "cpu_throttled" and .lost_ns > 0 and .periods > 0' >/dev/null
	assert_equal "$(jq -s 'map(select(.event == "hard_limit_reached")) | length' "$JOURNAL")" 1 "records of hard"
	assert_equal "$(cpu_max "$cgroup")" "50000 100000"
	end_burn
	stop_and_check_told "$cgroup"
	assert_equal "$(cpu_max "$cgroup")" "max 100000"
}

@test "cpu: the built-in default governs every finite cpu.max, up to twice as much" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "20000 50000" >"$cgroup/cpu.max"
	start_cgbpf
	assert_equal "$(map_values rules | jq -c 'select(.target == "default") | [.cpu_soft_ppm, .cpu_hard_ppm]')" \
		"[400000,800000]" "the rule"
	burn "$cgroup" 2
	wait_journal '.event == "hard_limit_reached" and .knob == "cpu.max" and .new == "40000 50000"'
	end_burn
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$cgroup")" "20000 50000"
}

# bats test_tags=core
@test "cpu: a parent's quota that binds is named, and a governed parent is raised first" {
	local parent child
	child=$(make_cgroup up/job)
	parent=${child%/*}
	echo "20000 100000" >"$parent/cpu.max"
	cpu_config "$child" "soft: 0.3, hard: 1"
	start_cgbpf -c "$CONFIG"
	burn "$child" 1
	wait_journal ".event == \"not_raised\" and .reason == \"parent_binds\" and (.detail | endswith(\"$(path_of "$parent")\"))"
	assert_equal "$(cpu_max "$child")" "30000 100000" "a raise that would help nobody"
	write_targets <<-END
		  - { name: up, cgroup: "$(path_of "$parent")", cpu: { soft: 0.2, hard: 1 } }
		  - { name: test, cgroup: "$(path_of "$child")", cpu: { soft: 0.3, hard: 1 } }
	END
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"'
	wait_journal '.event == "soft_limit_raised" and .target == "up"'
	wait_for "$DEADLINE" has_quota_of "$child" 60000
	end_burn
}

@test "cpu: burst goes down before quota, and both come back as they were" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "50000 100000" >"$cgroup/cpu.max"
	echo 40000 >"$cgroup/cpu.max.burst"
	cpu_config "$cgroup" "soft: 0.25, hard: 1, step: 0.25"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "25000 100000 25000"
	burn "$cgroup" 1
	wait_journal '.event == "soft_limit_raised"'
	end_burn
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "50000 100000 40000"
	# The same after a crash: by restore, and by the next start.
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "25000 100000 25000"
	restore
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "50000 100000 40000"
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	cpu_config "$cgroup" "soft: 0.3, hard: 1, burst: 0.1"
	start_cgbpf -c "$CONFIG"
	assert_journal '.event == "restored" and .reason == "crash" and .knob == "cpu.max" and .new == "50000 100000"'
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "30000 100000 10000"
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "50000 100000 40000"
}

@test "cpu: burst follows a reload, and comes back as far as an obeyed quota holds it" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "50000 100000" >"$cgroup/cpu.max"
	echo 40000 >"$cgroup/cpu.max.burst"
	cpu_config "$cgroup" "soft: 0.5, hard: 1, burst: 0.1"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(<"$cgroup/cpu.max.burst")" 10000
	cpu_config "$cgroup" "soft: 0.5, hard: 1, burst: 0.2"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" has_burst "$cgroup" 20000
	cpu_config "$cgroup" "soft: 0.5, hard: 1"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" has_burst "$cgroup" 40000
	cpu_config "$cgroup" "soft: 0.25, hard: 1" "on_foreign_write: obey"
	stop_cgbpf TERM
	start_cgbpf -c "$CONFIG"
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "25000 100000 25000"
	echo 30000 >"$cgroup/cpu.max"
	wait_for "$DEADLINE" has_burst "$cgroup" 30000
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$cgroup") $(<"$cgroup/cpu.max.burst")" "30000 100000 30000" "obeyed"
	[[ -z $(map_values ledger 2>/dev/null) ]]
}

# A hard of 3333.5 microseconds.
@test "cpu: hard that no quota holds exactly is reached, and said once" {
	local cgroup before
	cgroup=$(make_cgroup job)
	echo "2000 10000" >"$cgroup/cpu.max"
	cpu_config "$cgroup" "soft: 0.2, hard: 0.33335, step: 0.1"
	start_cgbpf -c "$CONFIG"
	burn "$cgroup" 1
	wait_journal '.event == "hard_limit_reached" and .new == "3334 10000"'
	before=$(throttled_cnt "$cgroup")
	wait_for "$DEADLINE" is_throttled_past "$cgroup" $((before + 20))
	refute_journal '.event == "not_raised"'
	assert_equal "$(jq -s 'map(select(.event == "hard_limit_reached")) | length' "$JOURNAL")" 1 "records of hard"
	end_burn
}

# foreign POLICY: a fresh cgroup with a quota of 0.4, governed at 0.3 with a burst of 0.1; sets CGROUP.
foreign() {
	CGROUP=$(make_cgroup "$1")
	echo "40000 100000" >"$CGROUP/cpu.max"
	cpu_config "$CGROUP" "soft: 0.3, hard: 1, burst: 0.1, return_after: 100ms" "on_foreign_write: $1"
	start_cgbpf -c "$CONFIG"
}

# foreign_burst ANSWER: another's burst is told, and answered apart from the quota.
foreign_burst() {
	echo 5000 >"$CGROUP/cpu.max.burst"
	wait_journal ".event == \"foreign_write\" and .knob == \"cpu.max.burst\" and .answer == \"$1\" and .value == \"5000\"
		and .old == \"10000\" and .new == \"5000\" and .pid == $$ and .comm != \"\""
}

@test "cpu: another writer is obeyed, adopted or answered, with and without a period" {
	foreign obey
	foreign_burst obey
	echo 50000 >"$CGROUP/cpu.max"
	wait_journal '.event == "foreign_write" and .knob == "cpu.max" and .answer == "obey" and .value == "50000"
		and .old == "30000 100000" and .new == "50000 100000" and .comm != ""'
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$CGROUP") $(<"$CGROUP/cpu.max.burst")" "50000 100000 5000" "obeyed"
	foreign adopt
	foreign_burst adopt
	echo "10000 50000" >"$CGROUP/cpu.max"
	wait_journal '.event == "foreign_write" and .knob == "cpu.max" and .answer == "adopt" and .new == "10000 50000"'
	burn "$CGROUP" 1
	wait_journal '.event == "soft_limit_raised" and .old == "10000 50000" and .new == "22500 50000"'
	end_burn
	wait_for "$DEADLINE" has_cpu_max "$CGROUP" "10000 50000"
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$CGROUP") $(<"$CGROUP/cpu.max.burst")" "10000 50000 5000" "adopted"
	foreign reassert
	foreign_burst reassert
	wait_for "$DEADLINE" has_burst "$CGROUP" 10000
	echo max >"$CGROUP/cpu.max"
	wait_journal '.event == "foreign_write" and .knob == "cpu.max" and .answer == "reassert" and .reason == "foreign_new"'
	wait_for "$DEADLINE" has_cpu_max "$CGROUP" "30000 100000"
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$CGROUP") $(<"$CGROUP/cpu.max.burst")" "max 100000 5000" "their word at the end"
}

@test "cpu: a write that only restores the value from before ours is answered by reassert, whatever the policy" {
	foreign obey
	echo "40000 100000" >"$CGROUP/cpu.max"
	wait_journal '.event == "foreign_write" and .answer == "reassert" and .reason == "foreign_reset"'
	wait_for "$DEADLINE" has_cpu_max "$CGROUP" "30000 100000"
	echo 0 >"$CGROUP/cpu.max.burst"
	wait_for "$DEADLINE" has_burst "$CGROUP" 10000
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$CGROUP") $(<"$CGROUP/cpu.max.burst")" "40000 100000 0"
}

@test "cpu: a reload in the middle of a raise keeps what was given, and lets go what it does not name" {
	local cgroup other
	cgroup=$(make_cgroup job)
	other=$(make_cgroup other)
	echo "35000 100000" >"$cgroup/cpu.max"
	cpu_config "$cgroup" "soft: 0.2, hard: 2, step: 0.05"
	start_cgbpf -c "$CONFIG"
	burn "$cgroup" 1
	wait_journal '.event == "soft_limit_raised"'
	cpu_config "$cgroup" "soft: 0.5, hard: 0.7, step: 0.1"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "hard_limit_reached" and .new == "70000 100000"'
	cpu_config "$other" "soft: 0.5, hard: 0.7"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "restored" and .reason == "reload" and .knob == "cpu.max" and .new == "35000 100000"'
	end_burn
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$cgroup")" "35000 100000"
	assert_equal "$(cpu_max "$other")" "max 100000"
}

@test "cpu: what cannot be is refused with its place: quota below the minimum, zero, beyond the machine, weights" {
	local cgroup said
	cgroup=$(make_cgroup job)
	while IFS='|' read -r keys said; do
		cpu_config "$cgroup" "$keys"
		refused 2 "^cgbpf: $CONFIG:[0-9]+:[0-9]+: $said" "$CGBPF" run -c "$CONFIG"
	done <<-END
		soft: 0.001, hard: 1|soft: '0.001' is outside
		soft: 0, hard: 1|soft: '0' is outside
		soft: 1, hard: 999|hard: '999' is more than this machine's CPUs
		soft: 1, hard: 0.5|soft is above hard
		soft: 1, hard: 2, burst: 1.5|burst is above soft
		mode: weight, soft: 0|soft: '0' is not a weight
		mode: weight, soft: 10001|soft: '10001' is not a weight
		mode: fast|mode: 'fast' is not quota or weight
		soft: 1x|soft: '1x' is not cores
	END
}

@test "cpu: a cgroup without the controller is named and passed over; governed once it has it" {
	local cgroup
	cgroup=$(make_cgroup up/job)
	echo "-cpu" >"${cgroup%/*}/cgroup.subtree_control"
	cpu_config "$cgroup" "soft: 0.2, hard: 1"
	start_cgbpf -c "$CONFIG"
	assert_said "has no cpu controller"
	echo "+cpu" >"${cgroup%/*}/cgroup.subtree_control"
	wait_journal '.event == "governed" and .knob == "cpu.max"'
	assert_equal "$(cpu_max "$cgroup")" "20000 100000"
}

@test "cpu: a fork bomb under a governed cgroup leaves another's throttling answered and every limit as recorded" {
	local bomb job
	bomb=$(make_cgroup bomb)
	job=$(make_cgroup job)
	echo "+pids" >"$TEST_CGROUP/cgroup.subtree_control"
	echo 50 >"$bomb/pids.max"
	write_targets <<-END
		  - name: bomb
		    cgroup: "$(path_of "$bomb")"
		    cpu: { soft: 0.2, hard: 0.4, step: 0.2 }
		    memory: { soft: 64M, hard: 128M }
		  - name: job
		    cgroup: "$(path_of "$job")"
		    cpu: { soft: 0.2, hard: 1, step: 0.2 }
	END
	start_cgbpf -c "$CONFIG"
	"${IN_CGROUP[@]}" "$bomb" bash -c 'f() { f & f; }; f' >/dev/null 2>&1 3>&- &
	# The bound acts.
	wait_for "$DEADLINE" has_refused_forks "$bomb"
	wait_journal '.event == "hard_limit_reached" and .knob == "cpu.max" and .target == "bomb"'
	burn "$job" 1
	wait_journal '.event == "soft_limit_raised" and .knob == "cpu.max" and .target == "job"'
	end_burn
	echo 1 >"$bomb/cgroup.kill"
	stop_cgbpf TERM
	assert_equal "$(cpu_max "$bomb") $(cpu_max "$job")" "max 100000 max 100000"
	assert_limit "$bomb" max
}

# has_refused_forks FOLDER: its pids.max has kept a fork from happening.
has_refused_forks() {
	local cnt
	read -r _ cnt <"$1/pids.events"
	((cnt))
}

has_weight() {
	[[ $(<"$1/cpu.weight") == "$2" ]]
}

# reload_weight FOLDER SOFT [MORE]: mode weight, from now on with that soft, which then stands.
reload_weight() {
	cpu_config "$1" "mode: weight, soft: $2, hard: 600" "${3:-}"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" has_weight "$1" "$2"
}

# bats test_tags=core
@test "cpu: mode weight writes soft and no quota, follows a reload, answers other writers, and comes back, also after a crash" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo 50 >"$cgroup/cpu.weight"
	cpu_config "$cgroup" "mode: weight, soft: 300, hard: 600"
	start_cgbpf -c "$CONFIG"
	assert_journal '.event == "governed" and .knob == "cpu.weight" and .old == "50" and .new == "300"'
	assert_equal "$(<"$cgroup/cpu.weight") $(cpu_max "$cgroup")" "300 max 100000"
	"$CGBPF" status --json | jq -e '.cgroups[0] | .memory_max == null and .cpu.weight == 300 and (.cpu | has("soft_cores") | not)' ||
		fail "status: $("$CGBPF" status --json)"
	echo 50 >"$cgroup/cpu.weight"
	wait_journal '.event == "foreign_write" and .knob == "cpu.weight" and .answer == "reassert" and .reason == "foreign_reset"'
	assert_equal "$(<"$cgroup/cpu.weight")" 300 "reasserted"
	reload_weight "$cgroup" 400
	reload_weight "$cgroup" 200 "on_foreign_write: adopt"
	echo 500 >"$cgroup/cpu.weight"
	wait_journal '.event == "foreign_write" and .answer == "adopt" and .old == "200" and .new == "500"'
	reload_weight "$cgroup" 200
	crash_cgbpf
	restore
	assert_equal "$(<"$cgroup/cpu.weight")" 500 "after a crash"
	start_cgbpf -c "$CONFIG"
	echo 700 >"$cgroup/cpu.weight"
	wait_journal '.event == "foreign_write" and .answer == "obey" and .old == "200" and .new == "700"'
	assert_equal "$(<"$cgroup/cpu.weight")" 700 "obeyed"
	reload_weight "$cgroup" 200
	stop_cgbpf TERM
	assert_equal "$(<"$cgroup/cpu.weight")" 700 "at the end"
}

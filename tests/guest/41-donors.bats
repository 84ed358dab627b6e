#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised when the machine or a parent has nothing left: memory moves between governed cgroups, and nobody pays with a kill; never measures.

# shellcheck disable=SC2016,SC2030,SC2031 # a test and what it calls share a shell; eval expands
load helpers

CALIBRATION=$LIVE_DIR/calibration.json

# calibrated CGROUP MIN MEDIAN MAX: one more entry.
calibrated() {
	local all='{}'
	[[ ! -e $CALIBRATION ]] || all=$(cat "$CALIBRATION")
	jq --arg name "$(path_of "$1")" --argjson min "$(bytes "$2")" --argjson median "$(bytes "$3")" \
		--argjson max "$(bytes "$4")" '.[$name] = {min_consumption: $min, max_consumption: $max,
		median_consumption: $median}' <<<"$all" >"$CALIBRATION"
}

# A machine that has nothing to give: whatever is raised comes from donors. Targets are standard input.
start_poor() {
	write_targets "machine: { reserve: 100%, calibration: \"$CALIBRATION\" }"
	start_cgbpf -c "$CONFIG"
}

# target NAME FOLDER SOFT HARD [MORE]
target() {
	printf '  - name: %s\n    cgroup: "%s"\n    memory: { soft: %s, hard: %s, step: 16M, return_after: 1h, hold: 100ms }\n' \
		"$1" "$(path_of "$2")" "$3" "$4"
	[[ -z ${5:-} ]] || printf '    %s\n' "$5"
}

# has_sum BYTES FOLDER...: donors are lowered before the receiver is raised.
has_sum() {
	(($(sum_of_limits "${@:2}") == $1))
}

sum_of_limits() {
	local dir sum=0
	for dir; do sum=$((sum + $(limit_of "$dir"))); done
	echo "$sum"
}

# Three donors that use 8 MiB of 64, and one receiver with 32 MiB.
make_four() {
	local name
	R=$(make_cgroup receiver)
	for name in a b c; do
		make_cgroup "$name" >/dev/null
		hold_memory "$TEST_CGROUP/$name" 8M
		DONOR_PIDS+=("$HOLD_PID")
		calibrated "$TEST_CGROUP/$name" 8M 40M 60M
	done
	D=("$TEST_CGROUP/a" "$TEST_CGROUP/b" "$TEST_CGROUP/c")
	{
		target receiver "$R" 32M 256M
		for name in a b c; do target "$name" "$TEST_CGROUP/$name" 64M 128M; done
	} >"$LIVE_DIR/targets"
}

# bats test_tags=core
@test "donors: a receiver lives on what three others do not use; the sum of limits stays, the audit record says all" {
	local before dir
	skip_feature sample
	make_four
	start_poor <"$LIVE_DIR/targets"
	before=$(sum_of_limits "$R" "${D[@]}")
	hold_memory "$R" 100M || fail "killed in spite of donors" "$(cat "$JOURNAL")"
	wait_for "$DEADLINE" has_sum "$before" "$R" "${D[@]}"
	for dir in "${D[@]}"; do
		assert_kills "$dir" 0
		(($(limit_of "$dir") >= $(usage_of "$dir") + 4194304 && $(limit_of "$dir") >= 8388608)) ||
			fail "$dir was lowered to $(limit_of "$dir")"
		assert_equal "$(awk '$1 == "max" { print $2 }' "$dir/memory.events")" 0 "reclaim of $dir at its limit"
	done
	wait_journal '.event == "oom_adjustment" and (.adjusted_cgroups | length == 3)' >"$LIVE_DIR/record"
	jq -e --arg r "$(path_of "$R")" '.oom_cgroup == $r and .cgroup == $r and .knob == "memory.max"
		and .added_memory == .new - .old and .added_memory > 0
		and ([.adjusted_cgroups[].reduced_memory] | add) == .added_memory
		and all(.adjusted_cgroups[]; keys == ["name", "reduced_memory"])
		and .t.received > 0 and .t.written <= .t.effective' "$LIVE_DIR/record" || fail "$(cat "$LIVE_DIR/record")"
	wait_journal ".event == \"limit_lent\" and .cgroup == \"$(path_of "$TEST_CGROUP/a")\" and .new < .old"
	# Once it is no more in use, it returns to those who lent.
	end_hold "$HOLD_PID"
	sed -i 's/return_after: 1h/return_after: 1s/' "$CONFIG"
	kill -HUP "$CGBPF_PID"
	for dir in "${D[@]}"; do wait_limit "$dir" 64M; done
	wait_limit "$R" 32M
	assert_journal '.event == "limit_returned" and .reason == "repaid"'
	stop_cgbpf TERM
	for dir in "$R" "${D[@]}"; do assert_limit "$dir" max; done
}

@test "donors: who uses its median, or is marked never, or of whom too little is known, does not lend; the record says so" {
	local name never busy unknown
	skip_feature sample
	R=$(make_cgroup receiver) never=$(make_cgroup never) busy=$(make_cgroup busy) unknown=$(make_cgroup unknown)
	hold_memory "$busy" 30M
	calibrated "$never" 1M 40M 60M
	calibrated "$busy" 1M 20M 60M
	{
		target receiver "$R" 32M 256M
		target never "$never" 64M 128M "donor: never"
		target busy "$busy" 64M 128M
		target unknown "$unknown" 64M 128M
	} >"$LIVE_DIR/targets"
	start_poor <"$LIVE_DIR/targets"
	run ! workload "$R" touch --bytes 100M
	for name in never busy unknown; do assert_limit "$TEST_CGROUP/$name" 64M; done
	assert_limit "$R" 32M
	wait_journal '.event == "oom_adjustment" and .reason == "no_headroom"' >"$LIVE_DIR/record"
	jq -e '.added_memory == 0 and .adjusted_cgroups == [] and (.detail | test("0 could spare .*too little is known"))' \
		"$LIVE_DIR/record" || fail "$(cat "$LIVE_DIR/record")"
	wait_journal '.event == "oom_kill" and (.would_have_saved | test("reserve|donors"))'
	wait_journal '.event == "oom_exit" and .exit_status == 137 and .victim_comm == "workload"'
}

# bats test_tags=core
@test "donors: one that needs its memory itself gets it back first" {
	local a pid
	skip_feature sample
	make_four
	start_poor <"$LIVE_DIR/targets"
	hold_memory "$R" 90M
	pid=$HOLD_PID a=$TEST_CGROUP/a
	wait_journal '.event == "limit_lent" and .target == "a"'
	(($(limit_of "$a") < $(bytes 64M))) || fail "a has lent nothing"
	# As much as it had before it lent.
	lives "$a" touch --bytes 44M --small-pages
	assert_kills "$a" 0
	assert_kills "$R" 0
	assert_alive "$pid"
	end_hold "$pid"
}

@test "donors: two receivers at once compete for the same donors; the budget is kept, nobody is killed" {
	local before second pid dir
	skip_feature sample
	make_four
	second=$(make_cgroup second)
	# After a late answer the first would ask for all that there is: both get at most what the two can have.
	sed -i 's/256M/96M/' "$LIVE_DIR/targets"
	target second "$second" 32M 96M >>"$LIVE_DIR/targets"
	start_poor <"$LIVE_DIR/targets"
	before=$(sum_of_limits "$R" "$second" "${D[@]}")
	"$WORKLOAD" touch --cgroup "$second" --bytes 60M --small-pages --pause >/dev/null 3>&- &
	pid=$!
	lives "$R" touch --bytes 60M --small-pages
	wait_for "$DEADLINE" eval '(($(usage_of "$second") > 62000000))'
	assert_alive "$pid"
	(($(sum_of_limits "$R" "$second" "${D[@]}") <= before)) || fail "limits grew together"
	for dir in "${D[@]}" "$second"; do assert_kills "$dir" 0; done
	end_hold "$pid"
}

@test "donors: one that vanishes, or grows at that moment, costs nobody a process" {
	local round pid
	skip_feature sample
	make_four
	start_poor <"$LIVE_DIR/targets"
	for round in 1 2 3; do
		# b grows while it is asked; c goes away.
		"$WORKLOAD" touch --cgroup "$TEST_CGROUP/b" --bytes 40M --small-pages >/dev/null 3>&- &
		pid=$!
		if ((round == 2)); then
			end_hold "${DONOR_PIDS[2]}"
			rmdir "$TEST_CGROUP/c"
		fi
		lives "$R" touch --bytes 56M --small-pages
		wait "$pid" || fail "the donor was killed"
	done
	assert_kills "$TEST_CGROUP/b" 0
	assert_kills "$TEST_CGROUP/a" 0
}

@test "donors: one that vanishes between plan and write is done without; the others give its part" {
	skip_feature sample
	make_four
	# As soft has it: the first write to it is the one that takes from it.
	echo 64M >"$TEST_CGROUP/c/memory.max"
	write_targets "machine: { reserve: 100%, calibration: \"$CALIBRATION\" }" <"$LIVE_DIR/targets"
	start_traced "$TEST_CGROUP/c/memory.max" error=ENODEV:when=1+
	# Slowly: strace is between every answer and its write.
	lives "$R" ramp --bytes 56M --step-ms 200
	wait_journal '.event == "oom_adjustment" and .added_memory > 0'
	jq -se 'map(select((.added_memory // 0) > 0)) | all(.added_memory as $added | .adjusted_cgroups
		| length == 2 and all(.name | endswith("/c") | not) and (map(.reduced_memory) | add) == $added)' \
		"$JOURNAL" || fail "$(cat "$JOURNAL")"
	stop_traced
}

# bats test_tags=core
@test "donors: where a parent binds, only its own children lend, and their sum stays" {
	local parent outside before
	skip_feature sample
	R=$(make_cgroup parent/receiver) outside=$(make_cgroup outside)
	parent=${R%/*}
	mkdir "$parent/sibling"
	hold_memory "$parent/sibling" 8M
	calibrated "$parent/sibling" 4M 40M 60M
	calibrated "$outside" 1M 40M 60M
	# Less than the two were promised, more than they will use.
	echo 90M >"$parent/memory.max"
	write_targets "machine: { calibration: \"$CALIBRATION\" }" <<-END
		$(target receiver "$R" 32M 256M)
		$(target sibling "$parent/sibling" 64M 128M)
		$(target outside "$outside" 64M 128M)
	END
	start_cgbpf -c "$CONFIG"
	before=$(sum_of_limits "$R" "$parent/sibling")
	lives "$R" touch --bytes 66M --small-pages
	assert_kills "$parent/sibling" 0
	assert_limit "$outside" 64M
	assert_limit "$parent" 90M
	wait_for "$DEADLINE" has_sum "$before" "$R" "$parent/sibling"
	# At no raise was it more.
	wait_journal '.event == "oom_adjustment" and (.adjusted_cgroups | length > 0)'
	jq -se 'all(.[] | select((.added_memory // 0) > 0); (.adjusted_cgroups | length == 1)
		and (.adjusted_cgroups[0].name | endswith("/sibling"))
		and .adjusted_cgroups[0].reduced_memory == .added_memory)' "$JOURNAL" || fail "$(cat "$JOURNAL")"
}

@test "donors: more siblings lend than one raise can ask, though others elsewhere have more" {
	local parent dir before
	skip_feature sample
	R=$(make_cgroup parent/receiver) dir=$(make_cgroup elsewhere)
	parent=${R%/*}
	make_parent "$dir"
	mkdir "$parent"/s{1..12} "$dir"/e{1..40}
	printf '%s\n' "$parent"/s{1..12} "$dir"/e{1..40} | jq -Rn --arg root "$CGROUP_ROOT" '[inputs | {key: ltrimstr($root),
		value: {min_consumption: 0, median_consumption: 8000000, max_consumption: 9000000}}] | from_entries' >"$CALIBRATION"
	# Less than all were promised.
	echo 250M >"$parent/memory.max"
	write_targets "machine: { calibration: \"$CALIBRATION\" }" <<-END
		$(target receiver "$R" 32M 256M)
		$(target sibling "$parent/s*" 20M 40M)
		$(target elsewhere "$dir/e*" 64M 128M)
	END
	start_cgbpf -c "$CONFIG"
	before=$(sum_of_limits "$R" "$parent"/s*)
	# Eight have some 120 MiB.
	lives "$R" touch --bytes 180M --small-pages
	wait_for "$DEADLINE" has_sum "$before" "$R" "$parent"/s*
	assert_equal "$(cat "$dir"/e*/memory.max | sort -u)" "$(bytes 64M)" "limits elsewhere"
	wait_for "$DEADLINE" eval '(($(jq -r ".adjusted_cgroups[]?.name" "$JOURNAL" | sort -u | wc -l) > 8))'
}

@test "donors: without a calibration, what was learned while it ran decides" {
	local lender
	skip_feature sample
	R=$(make_cgroup receiver) lender=$(make_cgroup lender)
	hold_memory "$lender" 40M
	write_targets "machine: { reserve: 100% }" <<-END
		$(target receiver "$R" 32M 256M)
		$(target lender "$lender" 128M 256M)
	END
	start_cgbpf -c "$CONFIG"
	# It has learned that 40 MiB is usual.
	wait_for "$DEADLINE" eval 'map_values usage | jq -se "length == 2 and all(.[]; .sample_cnt >= 6)" >/dev/null'
	end_hold "$HOLD_PID"
	wait_for "$DEADLINE" eval 'map_values usage | jq -se "any(.[]; .max_bytes > 40000000 and .usage_bytes < 10000000)" >/dev/null'
	lives "$R" touch --bytes 60M --small-pages
	wait_journal '.event == "limit_lent" and .target == "lender"'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what a person sees from outside: pinned maps, status, the dry run, and that nothing is left; it never reads a journal for it.

load helpers

start_one() {
	CGROUP=$(make_cgroup job 64M)
	ID=$(stat -c %i "$CGROUP")
	write_config "$(path_of "$CGROUP")" 32M 256M "step: 16M, watermark: 80%, hold: 100ms"
	start_cgbpf -c "$CONFIG"
}

# dump NAME: as people read it.
dump() {
	bpftool map dump pinned "$PIN_DIR/$1"
}

# bats test_tags=core
@test "inspection: bpftool prints the rules with the names of their fields" {
	start_one
	run -0 dump rules
	[[ $output == *'"soft_bytes": 33554432'* && $output == *'"hard_bytes": 268435456'* ]] || fail "$output"
	[[ $output == *'"target": "test"'* ]] || fail "$output"
	assert_equal "$(bpftool -j map dump pinned "$PIN_DIR/rules" | jq '.[0].formatted.key')" "$ID" "key"
	assert_equal "$(map_values rules | jq -c '[.soft_bytes, .hard_bytes, .step_bytes, .hold_ns, .watermark_ppm, .knobs, .target]')" \
		'[33554432,268435456,16777216,100000000,800000,2,"test"]' "the rule"
}

@test "inspection: bpftool prints what was seen of each cgroup" {
	start_one
	lives "$CGROUP" touch --bytes 200M
	run -0 dump cgroups
	[[ $output == *'"usage_bytes": '* && $output == *'"watermark_cnt": '* ]] || fail "$output"
	assert_equal "$(bpftool -j map dump pinned "$PIN_DIR/cgroups" | jq '.[0].formatted.key')" "$ID" "key"
	map_values cgroups | jq -e '.watermark_cnt + .time_to_limit_cnt + .oom_cnt > 0
		and .usage_bytes > 0 and .limit_bytes >= 33554432 and .seen_ns > 0 and .kill_cnt == '"$(forgiven_kills "$CGROUP")" ||
		fail "$(map_values cgroups)"
}

@test "inspection: bpftool prints the ledger with originals and present values" {
	start_one
	run -0 dump ledger
	[[ $output == *'"original": "67108864"'* && $output == *'"current": "33554432"'* ]] || fail "$output"
	bpftool -j map dump pinned "$PIN_DIR/ledger" | jq -e --argjson id "$ID" --argjson pid "$CGBPF_PID" '.[0].formatted
		| .key.cgroup_id == $id and .key.knob == 1 and .value.writer_pid == $pid and .value.target == "test"'
}

@test "inspection: bpftool prints the statistics" {
	start_one
	lives "$CGROUP" touch --bytes 200M
	run -0 dump stats
	[[ $output == *'"urgent_cnt": '* && $output == *'"hold_longest_ns": '* ]] || fail "$output"
	map_values stats | jq -e '.urgent_cnt > 0 and .urgent_lost_cnt == 0 and .note_lost_cnt == 0
		and .heartbeat_cnt > 0 and .holders == 0 and .abi_version == 1' || fail "$(map_values stats)"
}

# bats test_tags=core
@test "status: --json tells every governed cgroup, and that the kernel's side sees" {
	local id
	start_one
	hold_memory "$CGROUP" 100M
	run -0 "$CGBPF" status --json
	id=$(stat -c %i "$CGROUP")
	jq -e --arg cgroup "$(path_of "$CGROUP")" --argjson id "$id" --argjson max "$(limit_of "$CGROUP")" '
		.running and (.blind | not) and .events_lost == 0 and .kills == 0 and (.cgroups | length) == 1
		and (.cgroups[0] | .cgroup == $cgroup and .cgroup_id == $id and .target == "test"
			and .soft == 33554432 and .hard == 268435456 and .memory_max == $max
			and .memory_current > 104857600 and .kills == 0)' <<<"$output" || fail "$output"
	run -0 "$CGBPF" status
	[[ $output == *"$(path_of "$CGROUP") "* && $output == *"seeing"* ]] || fail "$output"
	# Its original lies under that use.
	end_hold "$HOLD_PID"
}

@test "status: without a controller it says so, and that is no failure" {
	run -0 "$CGBPF" status
	assert_equal "$output" "no controller is running" "what it says"
	run -0 "$CGBPF" status --json
	jq -e '.running == false' <<<"$output"
}

# The ids of all there is in the kernel; cgroup programs of systemd and the like are in both.
bpf_objects() {
	bpftool -j prog show | jq -c '[.[].id]'
	bpftool -j map show | jq -c '[.[].id]'
	bpftool -j link show | jq -c '[.[].id]'
	find /sys/fs/bpf -mindepth 1
}

has_objects() {
	[[ $(bpf_objects) == "$1" ]]
}

# bats test_tags=core
@test "end: no program, map, link or pin is left" {
	local before
	before=$(bpf_objects)
	start_one
	lives "$CGROUP" touch --bytes 200M
	[[ $(bpf_objects) != "$before" ]] || fail "nothing is loaded while it runs"
	stop_cgbpf TERM
	wait_for "$DEADLINE" has_objects "$before"
}

@test "end: the summary tells how much was done" {
	start_one
	lives "$CGROUP" touch --bytes 200M
	stop_cgbpf TERM
	grep -E "summary: [1-9][0-9]* raised \(.* given\), .* $(forgiven_kills "$CGROUP") killed by the kernel" "$CGBPF_STDERR"
	assert_journal '.event == "started" and .count == 1'
	assert_journal '.event == "stopped" and .count > 0'
}

# bats test_tags=core
@test "dry run: no limit changes, and the journal tells what would have been" {
	local cgroup
	cgroup=$(make_cgroup job 64M)
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG" --dry-run
	assert_limit "$cgroup" 64M
	wait_journal '.event == "governed" and .dry_run and .old == 67108864 and .new == 33554432'
	run ! workload "$cgroup" touch --bytes 200M
	assert_limit "$cgroup" 64M
	wait_journal '(.added_memory // 0) > 0'
	jq -se 'all(.[]; .dry_run)' "$JOURNAL" || fail "records without dry_run"
	has_entries ledger 0
	stop_cgbpf TERM
	assert_limit "$cgroup" 64M
}

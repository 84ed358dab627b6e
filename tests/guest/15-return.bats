#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised about giving back: in time, in steps, and at nobody's cost; it never looks at raising.

load helpers

# bats test_tags=core
@test "return: what was given goes back to soft, after return_after, step by step" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 32M 256M "step: 32M, return_after: 500ms"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" touch --bytes 200M
	wait_journal '(.added_memory // 0) > 0'
	wait_limit "$cgroup" 32M
	wait_journal '.event == "limit_returned" and .new == 33554432'
	jq -se 'map(select(.event == "limit_returned")) | length > 1
		and all(.[]; .old - .new <= 33554432 and .new < .old and .reason == "calm")' "$JOURNAL" ||
		fail "$(cat "$JOURNAL")"
	# The first after the last raise, not before return_after has passed.
	jq -se 'def at: .ts | (.[0:19] + "Z" | fromdate) + (.[19:26] | tonumber);
		(map(select(.added_memory)) | last | at) as $raised
		| map(select(.event == "limit_returned") | at | select(. > $raised))[0] - $raised >= 0.4' "$JOURNAL" ||
		fail "$(cat "$JOURNAL")"
}

@test "return: it can be given again after it went back" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 32M 256M "return_after: 100ms"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" touch --bytes 200M
	wait_limit "$cgroup" 32M
	lives "$cgroup" touch --bytes 200M
}

@test "return: what is in use is not taken back" {
	local needy idle
	needy=$(make_cgroup needy)
	idle=$(make_cgroup idle)
	write_config "$(path_of "$TEST_CGROUP")/*" 32M 256M "return_after: 200ms"
	start_cgbpf -c "$CONFIG"
	hold_memory "$needy" 100M
	# Time passes: all that the idle one was given goes back meanwhile.
	lives "$idle" touch --bytes 200M
	wait_limit "$idle" 32M
	assert_alive "$HOLD_PID"
	(($(limit_of "$needy") > $(bytes 100M))) || fail "the limit is $(limit_of "$needy") under use"
	assert_kills "$needy" 0
}

# bats test_tags=soak
@test "return: limits that rise and fall again and again cost nobody's life" {
	local cgroups=() name round last
	last=$(rounds 6 300)
	for name in a b c; do
		cgroups+=("$(make_cgroup "$name")")
	done
	write_config "$(path_of "$TEST_CGROUP")/*" 16M 128M "step: 8M, return_after: 50ms"
	start_cgbpf -c "$CONFIG"
	# While one rises the other two fall.
	for ((round = 0; round < last; round++)); do
		lives "${cgroups[round % 3]}" touch --bytes $((20 + RANDOM % 100))M || fail "in round $round"
	done
	for name in "${cgroups[@]}"; do
		wait_limit "$name" 16M
	done
	jq -se --argjson rounds "$last" 'map(select(.event == "limit_returned")) | length > $rounds' "$JOURNAL" ||
		fail "$(cat "$JOURNAL")"
}

# bats test_tags=core
@test "return: a process above soft survives that governing begins, and that it ends" {
	local cgroup
	cgroup=$(make_cgroup job 128M)
	hold_memory "$cgroup" 100M
	write_config "$(path_of "$cgroup")" 32M 256M "step: 16M, return_after: 100ms"
	start_cgbpf -c "$CONFIG"
	wait_journal '.event == "governed" and .reason == "above_soft"'
	(($(limit_of "$cgroup") > $(bytes 100M))) || fail "the limit is $(limit_of "$cgroup") under use"
	assert_alive "$HOLD_PID"
	stop_cgbpf TERM
	assert_alive "$HOLD_PID"
	assert_limit "$cgroup" 128M
	assert_kills "$cgroup" 0
	end_hold "$HOLD_PID"
}

@test "return: a cgroup that began above soft goes down to it as it shrinks" {
	local cgroup
	cgroup=$(make_cgroup job 128M)
	hold_memory "$cgroup" 100M
	write_config "$(path_of "$cgroup")" 32M 256M "return_after: 100ms"
	start_cgbpf -c "$CONFIG"
	wait_journal '.event == "governed" and .reason == "above_soft"'
	end_hold "$HOLD_PID"
	wait_limit "$cgroup" 32M
}

@test "return: a cgroup above hard is left as it is, and reported" {
	local cgroup
	cgroup=$(make_cgroup job 128M)
	hold_memory "$cgroup" 100M
	write_config "$(path_of "$cgroup")" 32M 64M
	start_cgbpf -c "$CONFIG"
	wait_journal '.event == "governed" and .reason == "above_hard"'
	assert_limit "$cgroup" 128M
	assert_alive "$HOLD_PID"
}

# An original of 64M under a use of 150M at the end: sets CGROUP, HOLD_PID.
end_above_original() {
	CGROUP=$(make_cgroup job 64M)
	write_config "$(path_of "$CGROUP")" 64M 256M "return_after: 100ms"
	start_cgbpf -c "$CONFIG"
	hold_memory "$CGROUP" 150M
	stop_cgbpf TERM
}

# bats test_tags=core
@test "exit: a limit whose original lies under use stays, is in the ledger and is named" {
	end_above_original
	assert_alive "$HOLD_PID"
	assert_kills "$CGROUP" 0
	(($(limit_of "$CGROUP") > $(bytes 150M))) || fail "the limit is $(limit_of "$CGROUP") under use"
	grep -q "$(path_of "$CGROUP"): memory.max stays.*cgbpf restore" "$CGBPF_STDERR"
	assert_journal '.event == "restored" and .reason == "in_use"'
	assert_equal "$(map_values ledger | jq -r .original)" "$(bytes 64M)" "original in the ledger"
	end_hold "$HOLD_PID"
	"$CGBPF" restore
}

# bats test_tags=core
@test "restore: it kills nobody, and finishes later, when less is in use" {
	end_above_original
	run ! "$CGBPF" restore
	assert_alive "$HOLD_PID"
	assert_kills "$CGROUP" 0
	end_hold "$HOLD_PID"
	run -0 "$CGBPF" restore
	assert_limit "$CGROUP" 64M
	run -0 "$CGBPF" restore
	assert_equal "$output" "nothing to restore" "a second restore says"
}

@test "restore: --force does it at once, though the kernel may kill" {
	end_above_original
	run -0 "$CGBPF" restore --force
	assert_limit "$CGROUP" 64M
	end_hold "$HOLD_PID" || true
}

@test "exit: --keep leaves limits as they are, and restore puts them back" {
	local cgroup given
	cgroup=$(make_cgroup job 64M)
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG" --keep
	lives "$cgroup" touch --bytes 100M
	given=$(limit_of "$cgroup")
	stop_cgbpf TERM
	assert_limit "$cgroup" "$given"
	run -0 "$CGBPF" restore
	assert_limit "$cgroup" 64M
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of the end and of a reload: limits as they were, nobody killed, nothing left; never asserts a time that emulation could miss.

bats_require_minimum_version 1.5.0
load faults

setup() {
	WEB=$(make_cgroup web 24M)
	DB=$(make_cgroup db 4097K)
	MAX=$(make_cgroup unlimited)
	govern_all
}

loaded() {
	start_cgbpf -c "$CONFIG"
	churn "$WEB" 40M
	churn "$MAX" 40M
	wait_lines 12
}

# bats test_tags=core
@test "SIGTERM under load puts every limit back, byte for byte" {
	loaded
	# What is in use above an original stays; here nothing is by the time it ends.
	stop_churn
	stop_cgbpf TERM
	assert_originals
	assert_nothing_left
}

@test "SIGINT does the same" {
	loaded
	stop_churn
	stop_cgbpf INT
	assert_originals
	assert_nothing_left
}

@test "SIGTERM in the midst of work kills nobody and leaves only what is in use" {
	loaded
	stop_cgbpf TERM
	stop_churn
	wait_for "$DEADLINE" is_unpopulated "$WEB"
	"$CGBPF" restore >/dev/null
	assert_originals
	assert_nothing_pinned
}

@test "a duration ends it in order" {
	"$CGBPF" run -c "$CONFIG" --duration 1 --journal "$JOURNAL" 2>"$CGBPF_STDERR"
	assert_journal '.event == "stopped"'
	assert_originals
	assert_nothing_left
}

@test "keep leaves limits and ledger, and restore puts them back later" {
	start_cgbpf -c "$CONFIG" --keep
	stop_cgbpf TERM
	assert_limit "$WEB" 16M
	assert_limit "$MAX" 16M
	assert_equal "$(ls "$PIN_DIR")" ledger "what is pinned"
	assert_equal "$(ledger_dump | jq length)" 3 "entries of the ledger"
	restore
	assert_originals
	assert_nothing_left
}

# bats test_tags=core
@test "an original under present use stays away, is in the ledger, is named, and nobody is killed" {
	start_cgbpf -c "$CONFIG"
	hold_memory "$WEB" 40M
	stop_cgbpf TERM
	assert_alive "$HOLD_PID"
	assert_kills "$WEB" 0
	(($(limit_of "$WEB") > $(usage_of "$WEB"))) || fail "the limit is under use"
	assert_said "$(path_of "$WEB"): memory.max stays.*25165824.*cgbpf restore.*--force"
	assert_equal "$(ledger_dump | jq length)" 1 "entries of the ledger"
	assert_journal '.event == "restored" and .reason == "in_use"'
	kill "$HOLD_PID"
	wait "$HOLD_PID" 2>/dev/null || true
	wait_for "$DEADLINE" is_unpopulated "$WEB"
	restore
	assert_originals
	assert_nothing_left
}

@test "first governing kills nobody that holds more than soft" {
	echo 60M >"$WEB/memory.max"
	note_originals
	hold_memory "$WEB" 40M
	start_cgbpf -c "$CONFIG"
	assert_alive "$HOLD_PID"
	assert_kills "$WEB" 0
	(($(limit_of "$WEB") > $(bytes 40M) && $(limit_of "$WEB") <= $(bytes 64M))) || fail "limit: $(limit_of "$WEB")"
	stop_cgbpf TERM
	assert_originals
}

@test "above hard it is left and told" {
	echo max >"$WEB/memory.max"
	note_originals
	hold_memory "$WEB" 100M
	start_cgbpf -c "$CONFIG"
	assert_alive "$HOLD_PID"
	assert_limit "$WEB" max
	assert_journal '.event == "governed" and .reason == "above_hard"'
	stop_cgbpf TERM
	assert_originals
}

@test "nothing is left of any kind: no program, map, link or pin" {
	local before
	ids() {
		bpftool -j prog show | jq -c '[.[].id]'
		bpftool -j map show | jq -c '[.[].id]'
		bpftool -j link show | jq -c '[.[].id]'
	}
	# Maps go some time after the program that made them, also those of the test before.
	is_still() {
		local now
		now=$(ids)
		nap
		[[ $(ids) == "$now" ]]
	}
	wait_for "$DEADLINE" is_still
	before=$(ids)
	loaded
	stop_churn
	stop_cgbpf TERM
	is_as_before() { [[ $(ids) == "$before" ]]; }
	wait_for "$DEADLINE" is_as_before
	assert_nothing_left
}

# --- reload ------------------------------------------------------------------------------------

@test "a bad configuration at SIGHUP is refused and the old one stays" {
	start_cgbpf -c "$CONFIG"
	echo '    memry: {}' >>"$CONFIG"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" said 'not reloaded, the old one stays'
	assert_said 'cgbpf\.yaml:5:5: unknown key'
	run ! said 'out of memory'
	assert_limit "$WEB" 16M
	lives "$WEB" touch --bytes 40M
	assert_kills "$WEB" 0
	stop_cgbpf TERM
	assert_originals
}

# What it said of each reload.
reloads() {
	grep -aE 'not reloaded, the old one stays|^reloaded: ' "$CGBPF_STDERR"
}

has_reloads() {
	(($(reloads | wc -l) == $1))
}

# mutate FILE AT BYTE: it now has this byte there.
mutate() {
	# shellcheck disable=SC2059 # the escape is the point
	printf "\\x$(printf %02x "$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# bats test_tags=soak
@test "a configuration with one wrong byte, at SIGHUP under load, is taken or refused as a whole" {
	local round last size at=0 refused=0
	last=$(rounds 5 50)
	cp "$CONFIG" "$LIVE_DIR/good"
	size=$(wc -c <"$CONFIG")
	start_cgbpf -c "$CONFIG"
	churn "$WEB" 40M
	for ((round = 1; round <= last; round++)); do
		# The first is one that cannot be taken.
		mutate "$CONFIG" "$at" $((round == 1 ? 0 : RANDOM % 256))
		at=$((RANDOM % size))
		kill -HUP "$CGBPF_PID"
		wait_for "$DEADLINE" has_reloads $((2 * round - 1))
		if reloads | tail -n 1 | grep -q 'not reloaded'; then
			refused=$((refused + 1))
			lives "$MAX" touch --bytes 40M || fail "after: $(reloads | tail -n 1)"
		fi
		cp "$LIVE_DIR/good" "$CONFIG"
		kill -HUP "$CGBPF_PID"
		wait_for "$DEADLINE" has_reloads $((2 * round))
	done
	((refused > 0)) || fail "none of $last was refused"
	stop_churn
	lives "$WEB" touch --bytes 40M
	stop_cgbpf TERM
	assert_originals
}

@test "a configuration that vanished is refused at SIGHUP" {
	start_cgbpf -c "$CONFIG"
	rm "$CONFIG"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" said 'not reloaded, the old one stays'
	assert_limit "$WEB" 16M
	stop_cgbpf TERM
	assert_originals
}

@test "a good configuration at SIGHUP applies, and what it no longer names is put back" {
	start_cgbpf -c "$CONFIG"
	write_config "$(path_of "$WEB")" 20M 96M
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"' >/dev/null
	assert_limit "$WEB" 20M
	assert_limit "$DB" 4M
	assert_limit "$MAX" max
	lives "$WEB" touch --bytes 80M
	assert_kills "$WEB" 0
	stop_cgbpf TERM
	assert_originals
}

@test "a lower soft at SIGHUP is reached when use allows" {
	start_cgbpf -c "$CONFIG"
	write_config "$(path_of "$WEB")" 8M 64M "return_after: 10ms"
	kill -HUP "$CGBPF_PID"
	is_lower() { assert_limit "$WEB" 8M 2>/dev/null; }
	wait_for "$DEADLINE" is_lower
	stop_cgbpf TERM
	assert_originals
}

@test "two targets for one cgroup at SIGHUP are refused and the old configuration stays" {
	start_cgbpf -c "$CONFIG"
	printf '  - { name: two, cgroup: "%s", memory: {} }\n' "$(path_of "$WEB")" >>"$CONFIG"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" said 'not reloaded.*two targets'
	lives "$WEB" touch --bytes 40M
	assert_kills "$WEB" 0
	stop_cgbpf TERM
	assert_originals
}

@test "a reload from one target to two hundred and back loses none" {
	local i
	start_cgbpf -c "$CONFIG"
	for ((i = 0; i < 200; i++)); do
		printf '  - { name: t%d, cgroup: "/none/%d", memory: {} }\n' "$i" "$i"
	done >>"$CONFIG"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"' >/dev/null
	write_config "$(path_of "$WEB")" 16M 64M
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "restored" and .reason == "reload"' >/dev/null
	lives "$WEB" touch --bytes 40M
	assert_kills "$WEB" 0
	stop_cgbpf TERM
	assert_originals
}

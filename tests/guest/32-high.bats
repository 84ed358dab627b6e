#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises about a memory.high that a target already has: it goes with the limit and comes back; never sets one.

load faults

setup() {
	WEB=$(make_cgroup web 64M)
	echo 48M >"$WEB/memory.high"
	write_config "$(path_of "$WEB")" 64M 256M "return_after: 1h"
}

# As far from each other as at first.
is_apart() {
	(($(limit_of "$WEB") - $(<"$WEB/memory.high") == $(bytes 16M)))
}

assert_high() {
	assert_equal "$(cat "$WEB/memory.high")" "$(bytes "$1")" "memory.high"
}

is_high() {
	[[ $(<"$WEB/memory.high") == "$(bytes "$1")" ]]
}

# bats test_tags=core
@test "memory.high rises with the limit, as far below it as it was, and goes back" {
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 150M
	wait_journal '.knob == "memory.high" and .old == 50331648 and .new > .old'
	wait_for "$DEADLINE" is_apart
	# A machine that answers late reaches hard on the way; what memory.high keeps is no reason to say so sooner.
	refute_journal '.event == "hard_limit_reached" and .old < 268435456'
	stop_cgbpf TERM
	assert_high 48M
	assert_limit "$WEB" 64M
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 100M
	! is_high 48M || fail "it did not rise again"
	crash_cgbpf
	restore
	assert_high 48M
	assert_limit "$WEB" 64M
	assert_nothing_pinned
}

@test "memory.high returns with the limit" {
	write_config "$(path_of "$WEB")" 64M 256M "return_after: 50ms"
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 150M
	wait_limit "$WEB" 64M
	wait_for "$DEADLINE" is_high 48M
}

@test "memory.high: the very value that is ours, written by somebody else, is what goes back in the end" {
	local high
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 150M
	wait_for "$DEADLINE" is_apart
	high=$(<"$WEB/memory.high")
	echo "$high" >"$WEB/memory.high"
	wait_for "$DEADLINE" has_original "$high"
	stop_cgbpf TERM
	assert_high "$high"
	assert_limit "$WEB" 64M
}

@test "memory.high that somebody else sets is obeyed, and its original, set again, is answered" {
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 100M
	echo 48M >"$WEB/memory.high"
	wait_journal '.event == "foreign_write" and .knob == "memory.high" and .answer == "reassert"' >/dev/null
	! is_high 48M || fail "it stayed as it was reset"
	echo 60M >"$WEB/memory.high"
	wait_journal '.event == "foreign_write" and .knob == "memory.high" and .answer == "obey"' >/dev/null
	stop_cgbpf TERM
	assert_high 60M
	assert_limit "$WEB" 64M
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that a journal that cannot be written stops nothing and loses nothing unsaid; never tests what a record means.

# shellcheck disable=SC2030,SC2031 # a test and its end share a shell
bats_require_minimum_version 1.5.0
load faults

setup() {
	WEB=$(make_cgroup web 16M)
	write_config "$(path_of "$WEB")" 16M 64M "step: 4M, return_after: 10ms"
	SMALL=$LIVE_DIR/small
	mkdir "$SMALL"
}

teardown() {
	end_test || return
	umount -q "$SMALL" || true
}

limit_returned() {
	assert_limit "$WEB" 16M 2>/dev/null
}

# whole_has FILTER: among the whole lines; a record that the disk cut stays cut, on a line of its own.
whole_has() {
	jq -Rc 'fromjson? // empty' "$JOURNAL" | jq -ne "$1" >/dev/null
}

@test "a full disk stops no rescue, is said once, and what was lost is counted when there is room" {
	mount -t tmpfs -o size=64k tmpfs "$SMALL"
	JOURNAL=$SMALL/journal
	start_cgbpf -c "$CONFIG"
	head -c 64k /dev/zero >"$SMALL/ballast" 2>/dev/null || true
	for _ in 1 2 3; do
		lives "$WEB" touch --bytes 40M
		wait_for "$DEADLINE" limit_returned
	done
	assert_kills "$WEB" 0
	wait_for "$DEADLINE" said 'cannot write to the journal'
	assert_equal "$(grep -c 'cannot write to the journal' "$CGBPF_STDERR")" 1 "complaints"
	rm "$SMALL/ballast"
	lives "$WEB" touch --bytes 40M
	wait_for "$DEADLINE" whole_has 'any(inputs; .event == "events_lost" and .reason == "journal_full" and .count > 0)'
	stop_cgbpf TERM
	(($(jq -R 'fromjson? | empty, "whole"' "$JOURNAL" | wc -l) >= $(wc -l <"$JOURNAL") - 1)) || fail "more than one cut line"
	umount "$SMALL"
}

@test "the record of a loss stands before the record that follows it" {
	mount -t tmpfs -o size=64k tmpfs "$SMALL"
	JOURNAL=$SMALL/journal
	start_cgbpf -c "$CONFIG"
	head -c 64k /dev/zero >"$SMALL/ballast" 2>/dev/null || true
	# More than the page that the journal has already.
	until said 'cannot write to the journal'; do
		lives "$WEB" touch --bytes 40M
	done
	rm "$SMALL/ballast"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" whole_has '[inputs.event] | index("events_lost") != null and index("events_lost") < index("reloaded")'
	stop_cgbpf TERM
	umount "$SMALL"
}

@test "a journal whose reader stands still stops nothing" {
	local reader
	JOURNAL=$LIVE_DIR/pipe
	mkfifo "$JOURNAL"
	exec {reader}<>"$JOURNAL"
	start_cgbpf -c "$CONFIG"
	churn "$WEB" 40M
	wait_for "$DEADLINE" said 'cannot write to the journal'
	stop_churn
	assert_kills "$WEB" 0
	stop_cgbpf TERM
	exec {reader}<&-
}

@test "standard error that nobody reads stops nothing" {
	local reader
	mkfifo "$LIVE_DIR/pipe"
	exec {reader}<>"$LIVE_DIR/pipe"
	"$CGBPF" run -c "$CONFIG" --journal "$JOURNAL" 2>"$LIVE_DIR/pipe" 3>&- &
	CGBPF_PID=$!
	wait_journal '.event == "started"' >/dev/null
	head -c 64k /dev/zero >"$LIVE_DIR/pipe" &
	lives "$WEB" touch --bytes 40M
	assert_kills "$WEB" 0
	stop_cgbpf TERM
	assert_limit "$WEB" 16M
	exec {reader}<&-
}

@test "a journal that was moved away is begun anew at SIGHUP" {
	start_cgbpf -c "$CONFIG"
	mv "$JOURNAL" "$JOURNAL.1"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"' >/dev/null
	run ! grep -q reloaded "$JOURNAL.1"
}

@test "a journal that is a symbolic link is not followed" {
	ln -s "$LIVE_DIR/elsewhere" "$JOURNAL"
	refused 1 'journal' "$CGBPF" run -c "$CONFIG" --journal "$JOURNAL"
	[[ ! -e $LIVE_DIR/elsewhere ]]
}

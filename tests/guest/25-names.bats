#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that a cgroup's name is data: governed, told without harm, never obeyed; never needs a name that people would choose.

# shellcheck disable=SC2030,SC2031,SC2016,SC2034 # names are no expressions; a test and its end share a shell; for helpers
bats_require_minimum_version 1.5.0
load faults

# The build with AddressSanitizer, where there is one, finds more.
if [[ -x build/asan/cgbpf ]]; then
	CGBPF=build/asan/cgbpf
	export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
fi

MKDIRS=build/mkdirs

setup() {
	make_parent "$TEST_CGROUP"
	write_config "$(path_of "$TEST_CGROUP")/*" 16M 128M "return_after: 1h"
}

teardown() {
	# No path that a shell could give leads to the longest of them.
	find "$TEST_CGROUP" -mindepth 1 -depth -type d -delete || true
	end_test
}

# Governed like any other: raised by need, told as valid JSON, nothing raw on the terminal, put back at exit.
assert_governed() {
	local dir=$1
	lives "$dir" touch --bytes 40M
	assert_kills "$dir" 0
	(($(limit_of "$dir") > $(bytes 16M))) || fail "it was not raised"
	wait_journal '.event == "soft_limit_raised" or .event == "oom_adjustment"' >/dev/null
	"$CGBPF" status >"$LIVE_DIR/status"
	"$CGBPF" status --json >"$LIVE_DIR/json"
	jq -e '.cgroups | length > 0' "$LIVE_DIR/json" >/dev/null
	stop_cgbpf TERM
	assert_limit "$dir" max
	assert_harmless
}

assert_harmless() {
	jq -ne '[inputs] | length > 0' "$JOURNAL" >/dev/null
	run ! grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$JOURNAL"
	run ! grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$CGBPF_STDERR"
	run ! grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$LIVE_DIR/status"
	# As text it is what it was; a terminal meets no byte of it.
	[[ ! -e $LIVE_DIR/json ]] || run ! grep -qaP '[^\n\x20-\x7e]' "$LIVE_DIR/json"
	run ! grep -qaE 'AddressSanitizer|runtime error' "$CGBPF_STDERR"
	# No part of a name was a command, a format or a file elsewhere.
	[[ ! -e $LIVE_DIR/pwned && ! -e pwned ]]
	run ! grep -q 'uid=0' "$JOURNAL" "$CGBPF_STDERR"
}

# governs NAME: one cgroup of that name, from its mkdir under a running controller to its end.
governs() {
	mkdir -- "$TEST_CGROUP/$1"
	start_cgbpf -c "$CONFIG"
	assert_governed "$TEST_CGROUP/$1"
}

# The journal's text, or its bytes where they are no UTF-8, are the name.
assert_told() {
	jq -nre 'first(inputs | select(.event == "governed") | .cgroup)' "$JOURNAL" >"$LIVE_DIR/told"
	assert_equal "$(cat "$LIVE_DIR/told")" "$(path_of "$TEST_CGROUP/$1")" "cgroup in the journal"
}

@test "a name of 255 bytes" {
	governs "$(printf 'n%.0s' {1..255})"
	assert_told "$(printf 'n%.0s' {1..255})"
}

# bats test_tags=core
@test "a name of 4095 bytes, beside one of 256" {
	local name workload=$PWD/${WORKLOAD:?}
	name=$(printf 'n%.0s' {1..4095})
	mkdir -- "$TEST_CGROUP/$(printf 's%.0s' {1..256})"
	(cd "$TEST_CGROUP" && mkdir "$name")
	start_cgbpf -c "$CONFIG"
	assert_said 'governing 2 '
	(cd "$TEST_CGROUP" && "$workload" touch --cgroup "$name" --bytes 40M)
	wait_journal '.event == "soft_limit_raised" or .event == "oom_adjustment"' | jq -e '.cgroup | length > 4095'
	"$CGBPF" status >"$LIVE_DIR/status"
	"$CGBPF" status --json | jq -e '[.cgroups[].cgroup | length] | max > 4095' >/dev/null
	stop_cgbpf TERM
	assert_harmless
	jq -ne 'any(inputs; .event == "restored" and (.cgroup | length) > 4095)' "$JOURNAL"
}

@test "quotes, a backslash and a space" {
	governs $'q"u\'o\\t e`s'
	assert_told $'q"u\'o\\t e`s'
}

@test "an escape sequence of a terminal" {
	governs $'\e[31mred\e]0;title\a\r\x9b2J'
}

@test "bytes that are no UTF-8" {
	governs $'\xff\xfe\xc3\x28'
	jq -ne --arg hex "$(printf '%s' "$(path_of "$TEST_CGROUP")/"$'\xff\xfe\xc3\x28' | od -An -v -tx1 | tr -d ' \n')" \
		'any(inputs; .cgroup_bytes == $hex)' "$JOURNAL"
}

@test "words of a format" {
	governs '%n%s%s%n%99999d'
	assert_told '%n%s%s%n%99999d'
}

@test "a command" {
	governs '$(id>pwned)`id`;id'
	assert_told '$(id>pwned)`id`;id'
}

@test "a leading dash" {
	governs '--force'
	assert_told '--force'
}

@test "a name that forges a line of /proc/PID/cgroup" {
	governs '0::'
	assert_told '0::'
}

@test "stars and brackets in a name are no pattern where they stand in a path" {
	mkdir "$TEST_CGROUP/[ab]*"
	write_config "$(path_of "$TEST_CGROUP")/[ab]*" 16M 128M "return_after: 1h"
	start_cgbpf -c "$CONFIG"
	assert_governed "$TEST_CGROUP/[ab]*"
}

@test "a cgroup whose own memory.max is a folder is passed over with a word" {
	mkdir "$TEST_CGROUP/plain"
	write_config "$(path_of "$TEST_CGROUP")/plain/*" 16M 128M
	mkdir -p "$TEST_CGROUP/plain/below/memory.max"
	start_cgbpf -c "$CONFIG"
	assert_said 'below: not governed: '
	stop_cgbpf TERM
}

# bats test_tags=core
@test "a path beyond PATH_MAX" {
	local deep=$TEST_CGROUP/deep
	make_parent "$deep"
	# The default configuration governs whatever has a limit, however deep.
	"$MKDIRS" "$deep" deep 40 sh -c 'echo 16M >memory.max'
	start_cgbpf
	assert_said 'governing 1 '
	jq -ne 'any(inputs; .event == "governed" and (.cgroup | length) > 8000)' "$JOURNAL"
	"$CGBPF" status >"$LIVE_DIR/status"
	stop_cgbpf TERM
	assert_harmless
}

@test "a path beyond PATH_MAX that is made while it runs" {
	local deep=$TEST_CGROUP/deep workload=$PWD/${WORKLOAD:?} pid
	make_parent "$deep"
	start_cgbpf
	"$MKDIRS" "$deep" deep 40 sh -c 'echo 16M >memory.max; until [ -e "$1" ]; do sleep 0.1; done
		exec "$2" touch --cgroup . --bytes 24M' sh "$LIVE_DIR/go" "$workload" 3>&- &
	pid=$!
	wait_journal '.event == "governed" and (.cgroup | length) > 8000' >/dev/null
	: >"$LIVE_DIR/go"
	wait "$pid"
	stop_cgbpf TERM
	jq -ne 'any(inputs; .event == "restored" and (.cgroup | length) > 8000)' "$JOURNAL"
}

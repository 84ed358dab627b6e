#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what scripts/vm and scripts/setup promise to who calls them, on the host itself; never looks at cgbpf.

# shellcheck disable=SC2154 # stderr is set by run
bats_require_minimum_version 1.5.0

@test "vm: the command's status and both of its outputs are handed back" {
	run -7 --separate-stderr scripts/vm -- sh -c 'echo said; echo complained >&2; exit 7'
	[[ $output == said && $stderr == *complained* ]]
}

@test "vm: two at once keep apart" {
	local first
	scripts/vm --cpus 1 -- sh -c 'sleep 5; echo first' >"$BATS_TEST_TMPDIR/first" &
	first=$!
	run -0 scripts/vm --cpus 1 -- echo second
	[[ $output == *second ]]
	wait "$first"
	[[ $(<"$BATS_TEST_TMPDIR/first") == first ]]
}

@test "vm: a guest that outlives its deadline is ended, 124" {
	run -124 scripts/vm --timeout 60 -- sleep 1000
	[[ $output == *'deadline of 60 s'* ]]
	[[ -z $(pgrep -f "cgbpf_job=$PWD/build/vm/run" || true) ]]
}

@test "vm: a kernel that complained fails the run, 99, though the command did not" {
	run -99 scripts/vm -- sh -c 'echo "<4>WARNING: CPU: 0 PID: 1 at mm/memcontrol.c:1 a test of scripts/vm" >/dev/kmsg'
	[[ $output == *'a test of scripts/vm'* ]]
}

@test "vm: a guest that is lost after its command began is a failure, 98, and not begun again" {
	run -98 scripts/vm -- sh -c 'echo began; echo o >/proc/sysrq-trigger; sleep 1000'
	[[ $(grep -c '^began' <<<"$output") == 1 ]]
}

@test "vm: a wrong call is refused with 2 before anything is booted" {
	run -2 scripts/vm --kernel 2.4 -- true
	run -2 scripts/vm --no-such-option -- true
	run -2 scripts/vm
}

@test "setup: a second run installs nothing, and apt's sources are as they were" {
	local sources packages
	sources=$(find /etc/apt -type f -exec sha256sum {} + | sort)
	scripts/setup
	packages=$(dpkg-query -W)
	run -0 scripts/setup
	[[ $(dpkg-query -W) == "$packages" ]]
	[[ $(find /etc/apt -type f -exec sha256sum {} + | sort) == "$sources" ]]
}

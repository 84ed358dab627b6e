#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the ways to say which cgroups are governed, and which are refused; Docker's are in a file of its own, never here.

load helpers

# refused CONFIG MESSAGE-REGEX: exit 2, file:line:column, and nothing was made.
refused() {
	local what=$2
	run --separate-stderr "$CGBPF" run -c "$1"
	assert_equal "$status" 2 "exit status (it said: ${stderr:-})"
	[[ ${stderr:-} =~ $1:[0-9]+:[0-9]+:\ .*$what ]] || fail "it said: ${stderr:-}"
	[[ ! -e $PIN_DIR/rules ]] || fail "maps are pinned"
}

# bats test_tags=core
@test "targets: a literal path governs that cgroup and not its neighbours" {
	local cgroup other
	cgroup=$(make_cgroup job)
	other=$(make_cgroup job2)
	make_cgroup job/below
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG"
	assert_limit "$cgroup" 32M
	assert_limit "$other" max
	assert_limit "$cgroup/below" max
	has_entries rules 1
}

# bats test_tags=core
@test "targets: a glob governs all that match on one level and no other" {
	local name
	for name in web-1 web-2 db web-2/below; do
		make_cgroup "$name"
	done
	write_config "$(path_of "$TEST_CGROUP")/web-[0-9]" 32M 256M
	start_cgbpf -c "$CONFIG"
	assert_limit "$TEST_CGROUP/web-1" 32M
	assert_limit "$TEST_CGROUP/web-2" 32M
	assert_limit "$TEST_CGROUP/db" max
	assert_limit "$TEST_CGROUP/web-2/below" max
	grep -qx 'ready: governing 2 cgroups' "$CGBPF_STDERR"
}

@test "targets: a unit is found by its name wherever systemd puts it" {
	local cgroup other
	cgroup=$(make_cgroup system.slice/foo.service)
	other=$(make_cgroup system.slice/bar.service)
	write_targets <<-END
		  - name: foo
		    unit: foo.service
		    memory: { soft: 32M, hard: 256M }
	END
	start_cgbpf -c "$CONFIG"
	assert_limit "$cgroup" 32M
	assert_limit "$other" max
	lives "$cgroup" touch --bytes 200M
}

@test "targets: a process names the cgroup that it is in" {
	local cgroup
	cgroup=$(make_cgroup job)
	hold_memory "$cgroup" 4M
	write_targets <<-END
		  - name: process
		    pid: $HOLD_PID
		    memory: { soft: 32M, hard: 256M }
	END
	start_cgbpf -c "$CONFIG"
	assert_limit "$cgroup" 32M
	assert_journal ".event == \"governed\" and .target == \"process\" and .cgroup == \"$(path_of "$cgroup")\""
}

@test "targets: two that claim one cgroup are refused, with the place, and nothing is changed" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_targets <<-END
		  - name: literal
		    cgroup: "$(path_of "$cgroup")"
		    memory: { soft: 32M, hard: 256M }
		  - name: glob
		    cgroup: "$(path_of "$TEST_CGROUP")/*"
		    memory: { soft: 64M, hard: 256M }
	END
	refused "$CONFIG" "two targets claim the cgroup $(path_of "$cgroup")"
	assert_limit "$cgroup" max
}

@test "targets: a process of the root cgroup is refused" {
	write_targets <<-END
		  - pid: 1
		    memory: { soft: 32M, hard: 256M }
	END
	refused "$CONFIG" "root cgroup"
}

@test "targets: the root is never governed" {
	write_config / 32M 256M
	run --separate-stderr "$CGBPF" run -c "$CONFIG" --duration 1
	# Refused, or passed over: whichever, it has no rule.
	[[ $status == 2 || ${stderr:-} == *"governing 0 cgroups"* ]] || fail "status $status: ${stderr:-}"
}

# A cgbpf that runs inside CGROUP.
cgbpf_inside() {
	cat >"$LIVE_DIR/inside" <<-END
		#!/bin/sh
		echo \$\$ >$1/cgroup.procs
		exec $(realpath "$CGBPF") "\$@"
	END
	chmod +x "$LIVE_DIR/inside"
	CGBPF=$LIVE_DIR/inside
}

@test "targets: cgbpf's own cgroup is refused when it is named" {
	local own
	own=$(make_cgroup own)
	cgbpf_inside "$own"
	write_config "$(path_of "$own")" 32M 256M
	refused "$CONFIG" "cgbpf's own cgroup"
	assert_limit "$own" max
}

@test "targets: cgbpf's own cgroup is left out of a glob" {
	local own other
	own=$(make_cgroup own)
	other=$(make_cgroup other)
	cgbpf_inside "$own"
	write_config "$(path_of "$TEST_CGROUP")/*" 32M 256M
	start_cgbpf -c "$CONFIG"
	assert_limit "$other" 32M
	assert_limit "$own" max
	has_entries rules 1
}

@test "targets: one that matches nothing yet is no error, and waits" {
	write_config "$(path_of "$TEST_CGROUP")/later" 32M 256M
	start_cgbpf -c "$CONFIG"
	grep -qx 'ready: governing 0 cgroups' "$CGBPF_STDERR"
	make_cgroup later
	wait_limit "$TEST_CGROUP/later" 32M
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that odd, but lawful, states of a host change nothing for the governed; never leaves the host in one.

# bats file_tags=two-cpus
load faults

setup() {
	WEB=$(make_cgroup web 24M)
	write_config "$(path_of "$WEB")" 16M 128M
}

teardown() {
	echo 1 >/sys/devices/system/cpu/cpu1/online
	end_test
}

@test "a CPU that goes and comes while it runs costs nobody's life" {
	start_cgbpf -c "$CONFIG"
	echo 0 >/sys/devices/system/cpu/cpu1/online
	lives "$WEB" touch --bytes 60M
	echo 1 >/sys/devices/system/cpu/cpu1/online
	lives "$WEB" threads --bytes 100M
	stop_cgbpf TERM
	assert_limit "$WEB" 24M
}

@test "started while a CPU is away, it serves that one too once it is back" {
	echo 0 >/sys/devices/system/cpu/cpu1/online
	start_cgbpf -c "$CONFIG"
	echo 1 >/sys/devices/system/cpu/cpu1/online
	lives "$WEB" threads --bytes 100M
}

@test "threaded cgroups below a governed one are passed over, and it is rescued" {
	mkdir "$WEB/threads"
	echo threaded >"$WEB/threads/cgroup.type"
	write_targets <<-END
		  - { name: test, cgroup: "$(path_of "$WEB")", memory: { soft: 16M, hard: 128M } }
		  - { name: threads, cgroup: "$(path_of "$WEB")/*", memory: { soft: 16M, hard: 128M } }
	END
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 60M
	assert_equal "$(map_values rules | jq -r .target)" test "governed targets"
}

@test "a target that is the root, which has no limit, is passed over and told" {
	write_targets <<-END
		  - { name: all, cgroup: "/", memory: { soft: 16M, hard: 128M } }
	END
	ORIGINALS=$(limits_of_tree)
	status=0
	timeout "$DEADLINE" "$CGBPF" run -c "$CONFIG" --duration 1 >"$LIVE_DIR/said" 2>&1 3>&- || status=$?
	((status == 0 || status == 2)) || fail "status $status: $(cat "$LIVE_DIR/said")"
	grep -qE 'not governed|cgbpf.yaml:2:' "$LIVE_DIR/said" || fail "not told: $(cat "$LIVE_DIR/said")"
	assert_equal "$(limits_of_tree)" "$ORIGINALS" "limits of the tree"
}

@test "what is pinned is for root alone" {
	start_cgbpf -c "$CONFIG"
	assert_equal "$(stat -c '%a %U' "$PIN_DIR")" "700 root" "mode and owner of $PIN_DIR"
	assert_equal "$(stat -c '%a' "$PIN_DIR"/* | sort -u)" 600 "modes of what is pinned"
}

@test "a journal that is copied and cut short goes on with whole lines" {
	start_cgbpf -c "$CONFIG"
	lives "$WEB" touch --bytes 30M
	: >"$JOURNAL"
	lives "$WEB" touch --bytes 100M
	stop_cgbpf TERM
	# A writer that kept its place would leave a hole of NUL bytes.
	jq -se 'length > 0 and all(.[]; .event)' "$JOURNAL" >/dev/null || fail "$(head -c 300 "$JOURNAL" | od -c)"
}

@test "what is put back is journaled with its moments" {
	start_cgbpf -c "$CONFIG"
	stop_cgbpf TERM
	assert_journal '.event == "restored" and .knob == "memory.max" and .t.decided > 0
		and .t.written >= .t.decided and .t.effective >= .t.written'
}

@test "a write that a signal interrupts is made again" {
	timeout "$DEADLINE" strace -f --seccomp-bpf --quiet=all -o /dev/null -e trace=pwrite64 -e inject=pwrite64:error=EINTR:when=2 \
		"$CGBPF" run -c "$CONFIG" --journal "$JOURNAL" --keep --duration 1 >"$LIVE_DIR/said" 2>&1 3>&-
	assert_limit "$WEB" 16M
	restore
	assert_limit "$WEB" 24M
}

@test "a limit that never takes is told and left, and cgbpf goes on" {
	timeout "$DEADLINE" strace -f --seccomp-bpf --quiet=all -o /dev/null -e trace=pwrite64 -e inject=pwrite64:retval=0:when=2 \
		"$CGBPF" run -c "$CONFIG" --journal "$JOURNAL" --duration 1 >"$LIVE_DIR/said" 2>&1 3>&-
	assert_journal '.event == "stopped"'
	assert_limit "$WEB" 24M
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that after a death at any moment every limit can be put back; never ends cgbpf in order but to prove it.

bats_require_minimum_version 1.5.0
load faults

setup() {
	WEB=$(make_cgroup web 24M)
	DB=$(make_cgroup db 20M)
	IDLE=$(make_cgroup idle 4097K)
	govern_all
}

# run_traced EXPRESSION...: a short run, each EXPRESSION one that strace injects.
run_traced() {
	local options=() expression
	for expression in "$@"; do
		options+=(-e "inject=$expression")
	done
	timeout "$DEADLINE" strace -f --quiet=all -o /dev/null -e trace=pwrite64 "${options[@]}" \
		"$CGBPF" run -c "$CONFIG" --journal "$JOURNAL" --duration 1 >"$LIVE_DIR/said" 2>&1 3>&-
}

# bats test_tags=soak
@test "killed at any moment of its work, restore puts every limit back" {
	local round deaths
	deaths=$(rounds 4 200)
	for ((round = 1; round <= deaths; round++)); do
		: >"$JOURNAL"
		start_cgbpf -c "$CONFIG"
		churn "$WEB" 40M
		churn "$DB" 30M
		wait_lines $((5 + RANDOM % 20))
		crash_cgbpf
		stop_churn
		restore || fail "round $round: $(cat "$LIVE_DIR/restored")"
		assert_originals
		assert_nothing_pinned
	done
}

# bats test_tags=core
@test "killed at any moment of its work, the next start puts every limit back first" {
	local round
	for round in 1 2; do
		start_cgbpf -c "$CONFIG"
		churn "$WEB" 40M
		wait_lines $((round * 8 + RANDOM % 8))
		crash_cgbpf
		stop_churn
	done
	start_cgbpf -c "$CONFIG"
	assert_journal '.event == "restored" and .reason == "crash"'
	assert_limit "$IDLE" 16M
	stop_cgbpf TERM
	assert_originals
}

@test "killed between the ledger's record and the write, restore puts every limit back" {
	local when
	# The main thread's first is the lock file's, the next two are the first limits.
	for when in 2 3; do
		! run_traced "pwrite64:signal=SIGKILL:when=$when" || fail "it was not killed at write $when"
		ledger_dump | jq -e 'length > 0' >/dev/null || fail "write $when: nothing in the ledger"
		restore || fail "write $when: $(cat "$LIVE_DIR/restored")"
		assert_originals
		assert_nothing_pinned
	done
}

@test "restore leaves what somebody else wrote since" {
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	echo 100M >"$WEB/memory.max"
	restore
	grep -q '/web .*somebody else' "$LIVE_DIR/restored"
	assert_limit "$WEB" 100M
	assert_limit "$DB" 20M
}

@test "restore twice is harmless" {
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	restore
	echo 100M >"$WEB/memory.max"
	restore
	grep -q 'nothing to restore' "$LIVE_DIR/restored"
	assert_limit "$WEB" 100M
	assert_nothing_pinned
}

@test "restore forgets cgroups that are gone, and one made anew at the same path is not theirs" {
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	rmdir "$WEB"
	mkdir "$WEB"
	echo 16M >"$WEB/memory.max"
	restore
	grep -q 'is gone' "$LIVE_DIR/restored"
	assert_limit "$WEB" 16M
	assert_limit "$DB" 20M
	assert_nothing_pinned
}

@test "a dry run after a crash changes nothing and forgets nothing" {
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	start_cgbpf -c "$CONFIG" --dry-run
	stop_cgbpf TERM
	assert_limit "$WEB" 16M
	restore
	assert_originals
}

@test "restore does not lower a limit under what is in use, and force does" {
	start_cgbpf -c "$CONFIG"
	hold_memory "$WEB" 40M
	crash_cgbpf
	! restore || fail "restore said that all is done"
	grep -q '/web .*under present use' "$LIVE_DIR/restored"
	assert_alive "$HOLD_PID"
	assert_kills "$WEB" 0
	assert_limit "$DB" 20M
	"$CGBPF" restore --force >/dev/null
	assert_originals
	assert_nothing_pinned
}

# set_version NUMBER: of every entry of the ledger; it follows the lock.
set_version() {
	bpftool -j map dump pinned "$PIN_DIR/ledger" | jq -r --arg version "$1" \
		'.[] | (.key | join(" ")) + ";" + (.value | .[4] = $version | join(" "))' >"$LIVE_DIR/entries"
	while IFS=';' read -r key value; do
		# shellcheck disable=SC2086 # words
		bpftool map update pinned "$PIN_DIR/ledger" key $key value $value
	done <"$LIVE_DIR/entries"
}

@test "what another version left is refused by run and restore, and there for that version" {
	local status=0
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	set_version 0x63
	timeout "$DEADLINE" "$CGBPF" run -c "$CONFIG" >"$LIVE_DIR/said" 2>&1 3>&- || status=$?
	assert_equal "$status" 3 "exit status of run"
	grep -q 'pinned by another version' "$LIVE_DIR/said"
	status=0
	restore || status=$?
	assert_equal "$status" 3 "exit status of restore"
	grep -q 'another version wrote it' "$LIVE_DIR/restored"
	assert_limit "$WEB" 16M
	set_version 0x01
	restore
	assert_originals
}

@test "restore is refused while a controller runs" {
	start_cgbpf -c "$CONFIG"
	! restore || fail "it restored"
	grep -q "pid $CGBPF_PID" "$LIVE_DIR/restored"
	assert_limit "$WEB" 16M
}

@test "a second run is refused by the first one's pid and the first goes on" {
	local status=0
	start_cgbpf -c "$CONFIG"
	timeout "$DEADLINE" "$CGBPF" run -c "$CONFIG" >"$LIVE_DIR/said" 2>&1 3>&- || status=$?
	assert_equal "$status" 1 "exit status"
	grep -q "another cgbpf is running: pid $CGBPF_PID\$" "$LIVE_DIR/said"
	assert_limit "$WEB" 16M
	lives "$WEB" touch --bytes 40M
	assert_kills "$WEB" 0
	crash_cgbpf
	# As an earlier version left it: whoever can read a file can lock it.
	chmod 0644 /run/cgbpf/lock
	start_cgbpf -c "$CONFIG"
	assert_equal "$(stat -c %a /run/cgbpf/lock)" 600 "mode of the lock"
	status=0
	setpriv --reuid=65534 --regid=65534 --clear-groups "$CGBPF" status >"$LIVE_DIR/said" 2>&1 || status=$?
	assert_equal "$status" 3 "exit status of one who may not look"
	stop_cgbpf TERM
	assert_originals
}

@test "killed while a task is held, the task is let go" {
	write_config "$(path_of "$WEB")" 16M 64M "hold: 100ms"
	start_cgbpf -c "$CONFIG"
	pause_cgbpf
	"$WORKLOAD" touch --cgroup "$WEB" --bytes 40M >/dev/null 2>&1 3>&- &
	HOLD_PID=$!
	crash_cgbpf
	wait_for "$DEADLINE" is_gone "$HOLD_PID"
	restore
	assert_originals
}

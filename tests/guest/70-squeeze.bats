#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of `squeeze` on a cgroup: what it tells, what it refuses, that the limit is put back; never needs Docker.

bats_require_minimum_version 1.5.0
load faults

setup() {
	X=$(make_cgroup x 200M)
	XPATH=$(path_of "$X")
	SAID=$LIVE_DIR/drill
}

squeeze() {
	timeout "$DEADLINE" "$CGBPF" squeeze --yes "$@" 3>&-
}

has_reached() {
	(($(limit_of "$X") <= $(bytes "$1")))
}

# bats test_tags=core
@test "squeeze tells each kill in order, with victim, memory and whose limit, and puts the limit back" {
	local first second
	hold_memory "$X" 20M
	first=$HOLD_PID
	hold_memory "$X" 60M --small-pages
	second=$HOLD_PID
	squeeze --cgroup "$XPATH" --from 120M --to 4M --step 60M --interval 0.3 --json >"$SAID"
	# A victim counts as done before its last batch of pages is uncharged (MMF_OOM_SKIP in exit_mmap(), mm/mmap.c):
	# the kernel may kill again at the same limit.
	jq -e --argjson first "$first" --argjson second "$second" --arg path "$XPATH" '
		(.levels[1].kills == 2) as $again |
		[.levels[].limit_bytes / 1048576] == (if $again then [120, 60] else [120, 60, 4] end) and
		[.levels[].kills] == (if $again then [0, 2] else [0, 1, 1] end) and
		[.levels[].alive] == (if $again then [true, false] else [true, true, false] end) and
		.levels[0].usage_before_bytes > 80000000 and .levels[1].usage_after_bytes < 62914560 and
		.levels[1].settled and
		[.kills[].victim_pid] == [$second, $first] and [.kills[].seq] == [1, 2] and
		all(.kills[]; .limit_cgroup == $path and .victim_comm == "workload" and .victim_oom_score_adj == 0) and
		(.kills[0].victim_rss_bytes | . > 60000000 and . < 80000000) and
		.first_process.pid == $first and .first_process.died_limit_bytes == .levels[-1].limit_bytes and
		.end == "empty" and .put_back and
		any(.kernel_log[]; contains("Killed process \($second) (workload)")) and
		(if $again then .manner == "all_at_once"
			else .manner == "in_sequence" and (.sentence | contains("in sequence: 2 at 2 of 3 limits")) end)' \
		"$SAID" >/dev/null || fail "$(cat "$SAID")"
	assert_limit "$X" 200M
	assert_nothing_left
}

@test "squeeze of what fits kills nothing, and what reclaim can take is taken" {
	make_disk "$LIVE_DIR/disk" 64M
	"${IN_CGROUP[@]}" "$X" dd if=/dev/zero of="$LIVE_DIR/disk/file" bs=1M count=40 conv=fsync status=none
	hold_memory "$X" 8M
	squeeze --cgroup "$XPATH" --from 64M --to 24M --step 20M --interval 0.1 >"$SAID"
	remove_disk "$LIVE_DIR/disk"
	grep -qx 'The kernel killed nothing at 3 limits; the cgroup lives on at 24.0 MiB.' "$SAID"
	assert_alive "$HOLD_PID"
	assert_kills "$X" 0
	assert_limit "$X" 200M
}

# bats test_tags=core
@test "the limit is put back on SIGINT, and by restore after SIGKILL" {
	local pid status=0
	hold_memory "$X" 8M
	# In an interactive shell's own way: a background job of a script ignores SIGINT.
	env --default-signal=INT "$CGBPF" squeeze --yes --cgroup "$XPATH" --from 64M --to 32M --step 4M --interval 300 --json >"$SAID" 3>&- &
	pid=$!
	wait_for "$DEADLINE" has_reached 64M
	kill -INT "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 0 "exit status"
	jq -e '.end == "interrupted" and .put_back and (.levels | length) == 1' "$SAID" >/dev/null
	assert_limit "$X" 200M
	assert_nothing_left
	"$CGBPF" squeeze --yes --cgroup "$XPATH" --from 64M --to 32M --step 4M --interval 300 >"$SAID" 3>&- &
	pid=$!
	wait_for "$DEADLINE" has_reached 64M
	! restore || fail "restored beside a drill"
	kill -KILL "$pid"
	wait "$pid" || true
	assert_limit "$X" 64M
	status=0
	squeeze --cgroup "$XPATH" --from 64M --to 32M --step 4M 2>"$SAID" || status=$?
	assert_equal "$status" 1 "exit status beside an entry in the ledger"
	grep -q "'cgbpf restore' first" "$SAID"
	assert_limit "$X" 64M
	restore
	grep -q "put back" "$LIVE_DIR/restored"
	assert_limit "$X" 200M
	assert_nothing_pinned
}

@test "a drill that is ended before its first limit writes none" {
	local status=0
	hold_memory "$X" 8M
	# With its first call of bpf() it loads the witness: it takes signals itself by then. Not --seccomp-bpf, whose stops
	# deliver none.
	strace -q -o /dev/null -e trace=bpf -e inject=bpf:signal=TERM:when=1 "$CGBPF" squeeze --yes \
		--cgroup "$XPATH" --from 4M --to 4M --step 1M --interval 300 --json >"$SAID" 3>&- || status=$?
	assert_equal "$status" 0 "exit status"
	jq -e '.end == "interrupted" and .put_back and .levels == []' "$SAID" >/dev/null || fail "$(cat "$SAID")"
	assert_alive "$HOLD_PID"
	assert_kills "$X" 0
	assert_limit "$X" 200M
}

@test "squeeze refuses what was not named, and what would hit ourselves" {
	local own sizes=(--from 64M --to 32M --step 4M)
	own=$(make_cgroup own)
	refused 2 'not named' "$CGBPF" squeeze --yes "${sizes[@]}"
	refused 2 'not named' "$CGBPF" squeeze --yes --cgroup "$XPATH" --container x "${sizes[@]}"
	refused 2 'lies above' "$CGBPF" squeeze --yes --cgroup "$XPATH" --from 32M --to 64M --step 4M
	refused 2 "'--step'" "$CGBPF" squeeze --yes --cgroup "$XPATH" --from 64M --to 32M --step 0
	refused 2 'larger' "$CGBPF" squeeze --yes --cgroup "$XPATH" --from 64G --to 32M --step 4K
	refused 2 'no such cgroup' "$CGBPF" squeeze --yes --cgroup /nowhere "${sizes[@]}"
	refused 2 'below /sys/fs/cgroup' "$CGBPF" squeeze --yes --cgroup lab "${sizes[@]}"
	refused 2 'runs in it' "$CGBPF" squeeze --yes --cgroup / "${sizes[@]}"
	refused 2 'runs in it' "${IN_CGROUP[@]}" "$own" "$CGBPF" squeeze --yes --cgroup "$(path_of "$own")" "${sizes[@]}"
	refused 2 'runs in it' "${IN_CGROUP[@]}" "$own" "$CGBPF" squeeze --yes --cgroup "$(path_of "$TEST_CGROUP")" "${sizes[@]}"
	refused 2 'runs in it' "${IN_CGROUP[@]}" "$own" "$CGBPF" squeeze --yes --cgroup "/$(path_of "$own")" "${sizes[@]}"
	refused 2 'runs in it' "${IN_CGROUP[@]}" "$own" "$CGBPF" squeeze --yes --cgroup "/.$(path_of "$own")/" "${sizes[@]}"
	refused 2 'say --yes' "$CGBPF" squeeze --cgroup "$XPATH" "${sizes[@]}" </dev/null
	refused 1 'container x' env DOCKER_HOST=unix:///run/nobody.sock "$CGBPF" squeeze --yes --container x "${sizes[@]}"
}

# answered ANSWER: a drill on a terminal, where somebody types that; SHOWN is what was to be seen there.
answered() {
	local status=0
	SHOWN=$(printf '%s\n' "$1" | timeout "$DEADLINE" script -qec "'$CGBPF' squeeze --cgroup '$XPATH' --from 64M --to 32M --step 32M --interval 0.1" \
		/dev/null 3>&-) || status=$?
	[[ $SHOWN == *"$XPATH: memory.max goes from 64.0 MiB down to 32.0 MiB in 2 limits"*'Go on? [y/N] '* ]] || fail "$SHOWN" || return
	return "$status"
}

@test "squeeze asks on a terminal, and goes on at yes alone" {
	local answer status
	hold_memory "$X" 8M
	for answer in n '' Y; do
		status=0
		answered "$answer" || status=$?
		assert_equal "$status" 2 "exit status after '$answer': $SHOWN"
		[[ $SHOWN == *'not agreed to, nothing was changed'* && $SHOWN != *'The kernel'* ]] || fail "$SHOWN"
	done
	assert_limit "$X" 200M
	answered y || fail "$SHOWN"
	[[ $SHOWN == *'The kernel killed nothing at 2 limits'* ]] || fail "$SHOWN"
	assert_limit "$X" 200M
}

@test "a drill is refused beside a controller; a cgroup that vanishes ends it" {
	local status=0 pid
	write_config "$XPATH" 200M 300M
	start_cgbpf -c "$CONFIG"
	squeeze --cgroup "$XPATH" --from 64M --to 32M --step 4M >"$SAID" 2>&1 || status=$?
	assert_equal "$status" 1 "exit status"
	grep -q "pid $CGBPF_PID" "$SAID"
	assert_limit "$X" 200M
	stop_cgbpf TERM
	hold_memory "$X" 8M
	"$CGBPF" squeeze --yes --cgroup "$XPATH" --from 64M --to 32M --step 4M --interval 300 --json >"$SAID" 3>&- &
	pid=$!
	wait_for "$DEADLINE" has_reached 64M
	# Stopped, so that it does not see the cgroup empty, but gone.
	kill -STOP "$pid"
	remove_cgroup "$X"
	kill -CONT "$pid"
	status=0
	wait "$pid" || status=$?
	assert_equal "$status" 1 "exit status"
	jq -e '.end == "gone"' "$SAID" >/dev/null || fail "$(cat "$SAID")"
}

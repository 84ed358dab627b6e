# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what the guest tests share beside bench/live.sh: cgroups of a test, assertions, its end; never runs outside the guest.

# `run` with the status it expects.
bats_require_minimum_version 1.5.0

LIVE_DIR=${BATS_TEST_TMPDIR:-}
# shellcheck source=bench/live.sh
. "${BASH_SOURCE[0]%/*}/../../bench/live.sh"
PROGRAMS=$PWD/build/programs
# Another file's test must not meet what this one could not remove.
TEST_CGROUP=${BATS_TEST_FILENAME##*/}
TEST_CGROUP=$CGROUP_ROOT/t-${TEST_CGROUP%%-*}-${BATS_SUITE_TEST_NUMBER:-0}

# rounds FEW MANY: how often; MANY in `make soak`.
rounds() {
	[[ -n ${CGBPF_SOAK:-} ]] && echo "$2" || echo "$1"
}

# --- cgroups -----------------------------------------------------------------------------------

# make_cgroup NAME [LIMIT]: prints its folder; NAME may have slashes. LIMIT becomes memory.max.
make_cgroup() {
	local dir=$TEST_CGROUP part rest=$1/
	while [[ -n $rest ]]; do
		part=${rest%%/*} rest=${rest#*/}
		make_parent "$dir" || return
		dir=$dir/$part
	done
	mkdir -p "$dir" || return
	[[ -z ${2:-} ]] || printf '%s\n' "$2" >"$dir/memory.max" || return
	printf '%s\n' "$dir"
}

# The name cgbpf knows a cgroup by: its path below the root.
path_of() {
	printf '%s\n' "${1#"$CGROUP_ROOT"}"
}

limit_of() {
	read_file "$1/memory.max"
	printf '%s' "$TEXT"
}

usage_of() {
	read_file "$1/memory.current"
	printf '%s' "$TEXT"
}

# A number as it is, or with K, M, G, T.
bytes() {
	local value=${1%[KMGT]}
	case $1 in
	*K) value=$((value << 10)) ;;
	*M) value=$((value << 20)) ;;
	*G) value=$((value << 30)) ;;
	*T) value=$((value << 40)) ;;
	esac
	printf '%s\n' "$value"
}

# --- workloads ---------------------------------------------------------------------------------

# workload CGROUP SHAPE [OPTION]...: in the foreground, inside CGROUP from its first instruction.
workload() {
	local cgroup=$1 shape=$2
	shift 2
	"$WORKLOAD" "$shape" --cgroup "$cgroup" "$@"
}

declare -gA FORGIVEN=() # kills that `lives` has forgiven, by cgroup

forgiven_kills() {
	echo "${FORGIVEN[$1]:-0}"
}

# lives CGROUP SHAPE [OPTION]...: a workload that nothing kills. Where the host starved the guest's CPUs, so that an
# answer took longer than the hold, a kill is no fault of cgbpf's and is tried again, twice, and told.
lives() {
	local try told kills
	for try in 1 2 3; do
		told=$(wc -l <"$JOURNAL")
		kills=$(oom_kills "$1")
		if workload "$@"; then
			assert_equal "$(oom_kills "$1")" "$kills" "oom_kill of $(path_of "$1")"
			return
		fi
		wait_for "$DEADLINE" is_late "$told" || break
		FORGIVEN[$1]=$(($(forgiven_kills "$1") + $(oom_kills "$1") - kills))
		echo "# try $try: an answer came later than the longest hold" >&3
	done
	fail "killed in spite of cgbpf" "$(cat "$JOURNAL")"
}

# is_late LINES: after so many lines of the journal, did an answer take longer than a task is held?
is_late() {
	tail -n "+$(($1 + 1))" "$JOURNAL" | jq -sne 'any(inputs[]; (.t.effective // .t.decided // 0) > 20000000)' >/dev/null
}

# hold_memory CGROUP SIZE [OPTION]: returns once the memory is in use; HOLD_PID keeps it until it is killed.
hold_memory() {
	local ready
	ready=$(mktemp -u "$LIVE_DIR/ready.XXXXXX")
	"$WORKLOAD" holdmem --cgroup "$1" --bytes "$2" --ready-file "$ready" "${@:3}" >/dev/null 3>&- &
	HOLD_PID=$!
	wait_for "$DEADLINE" is_ready_or_gone "$ready" "$HOLD_PID" && [[ -e $ready ]]
}

is_ready_or_gone() {
	[[ -e $1 ]] || is_gone "$2"
}

# Ends the process of hold_memory, and waits until it is no more.
end_hold() {
	kill -KILL "$1"
	wait "$1" || true
}

# --- a running cgbpf ---------------------------------------------------------------------------

# write_config PATH SOFT HARD [MEMORY KEYS]: a config with one target; sets CONFIG. A host that starves the guest keeps
# answers waiting for longer than the default's hold: unless the keys name one, it is the longest.
write_config() {
	local keys=${4:-}
	CONFIG=$LIVE_DIR/cgbpf.yaml
	[[ $keys == *hold:* ]] || keys+=${keys:+, }"hold: 100ms"
	printf '%s\n' "targets:" "  - name: test" "    cgroup: \"$1\"" \
		"    memory: { soft: $2, hard: $3, $keys }" >"$CONFIG"
}

# write_targets [TOP KEYS]: a config whose list of targets is standard input; sets CONFIG.
write_targets() {
	CONFIG=$LIVE_DIR/cgbpf.yaml
	{
		[[ -z ${1:-} ]] || printf '%s\n' "$1"
		read_file /dev/stdin
		printf 'targets:\n%s' "$TEXT"
	} >"$CONFIG"
}

# start_traced FILE INJECTION: cgbpf under strace, which spoils writes to FILE; strace counts them thread by thread.
start_traced() {
	printf '#!/bin/sh\nexec strace -f --seccomp-bpf -q -o /dev/null -P %s -e trace=pwrite64 -e inject=pwrite64:%s %s "$@"\n' \
		"$1" "$2" "$CGBPF" >"$LIVE_DIR/traced"
	chmod +x "$LIVE_DIR/traced"
	CGBPF=$LIVE_DIR/traced start_cgbpf -c "$CONFIG"
	IS_TRACED=yes
}

# strace passes no signal on.
stop_traced() {
	local child tracer=$CGBPF_PID
	CGBPF_PID='' IS_TRACED=''
	child=$(</run/cgbpf/lock)
	kill -TERM "$child"
	wait_for "$DEADLINE" is_gone "$tracer" || kill -KILL "$child"
}

# map_values NAME: the values of a pinned map, by their fields' names, one a line.
map_values() {
	bpftool -j map dump pinned "$PIN_DIR/$1" | jq -c '.[].formatted.value'
}

# has_entries NAME COUNT
has_entries() {
	(($(map_values "$1" | wc -l) == $2))
}

stat_of() {
	map_values stats | jq ".$1"
}

# has_limit FOLDER SIZE
has_limit() {
	read_file "$1/memory.max"
	[[ $TEXT == "$2"$'\n' || $TEXT == "$(bytes "$2")"$'\n' ]]
}

# wait_limit FOLDER SIZE
wait_limit() {
	wait_for "$DEADLINE" has_limit "$1" "$2"
}

# journal_has FILTER: is there a record for which this jq condition holds?
journal_has() {
	jq -ne "any(inputs; $1)" "$JOURNAL" >/dev/null
}

# wait_journal FILTER: prints the first such record, as soon as it is there.
wait_journal() {
	wait_stream "$JOURNAL" "${CGBPF_PID:-$$}" jq -cne "first(inputs | select($1))" && return
	echo "no journal record with $1 in:" >&2
	cat "$JOURNAL" >&2
	return 1
}

# All of cgbpf's programs are called on_ and the kernel moment; unloading ends some time after exit.
has_no_program() {
	local names
	names=$("$PROGRAMS") && [[ $'\n'$names != *$'\n'on_* ]]
}

# --- assertions --------------------------------------------------------------------------------

fail() {
	printf '%s\n' "$@" >&2
	return 1
}

# assert_equal GOT EXPECTED [WHAT]
assert_equal() {
	[[ $1 == "$2" ]] || fail "${3:-value}: got '$1', expected '$2'"
}

assert_limit() {
	local expected=$2
	[[ $expected == max ]] || expected=$(bytes "$expected")
	assert_equal "$(limit_of "$1")" "$expected" "memory.max of $(path_of "$1")"
}

# assert_kills FOLDER COUNT: beside those that `lives` forgave.
assert_kills() {
	assert_equal "$(oom_kills "$1")" $(($2 + $(forgiven_kills "$1"))) "oom_kill of $(path_of "$1")"
}

assert_alive() {
	! is_gone "$1" || fail "process $1 is gone"
}

assert_journal() {
	journal_has "$1" || fail "no journal record with $1 in:" "$(cat "$JOURNAL")"
}

refute_journal() {
	! journal_has "$1" || fail "journal record with $1:" "$(jq -c "select($1)" "$JOURNAL")"
}

assert_nothing_left() {
	if [[ -e $PIN_DIR ]] && [[ -n $(ls -A "$PIN_DIR") ]]; then
		fail "left under $PIN_DIR: $(ls -A "$PIN_DIR")"
		return
	fi
	wait_for "$DEADLINE" has_no_program ||
		fail "BPF programs of cgbpf are still loaded"
}

# skip_feature NAME: skips the test, in the feature's own words, where doctor says that it is missing.
skip_feature() {
	local lost
	lost=$("$CGBPF" doctor --json |
		jq -r --arg name "$1" '.features[] | select(.name == $name and (.present | not)) | .lost')
	[[ -z $lost ]] || skip "$1: $lost"
}

# --- after each test ---------------------------------------------------------------------------

# Ends what the test left, then fails if it left something in the kernel. For files with a teardown of their own.
end_test() {
	local status=0 pid
	[[ -z ${IS_TRACED:-} ]] || stop_traced
	if [[ -n $CGBPF_PID ]] && ! is_gone "$CGBPF_PID"; then
		stop_cgbpf TERM || status=1
	fi
	remove_cgroup "$TEST_CGROUP" || status=1
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	assert_nothing_left || status=1
	# The next test must not pay for this one.
	[[ ! -e $PIN_DIR ]] || rm -rf "$PIN_DIR"
	if [[ -z ${BATS_TEST_COMPLETED:-} && -s $CGBPF_STDERR ]]; then
		echo "cgbpf said:"
		cat "$CGBPF_STDERR"
	fi
	return "$status"
}

teardown() {
	end_test
}

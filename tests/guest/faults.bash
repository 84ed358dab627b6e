# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what the tests of faults share: refusals, deaths, private mounts, steady work, what throttling cost; never lets a fault outlive its test.

# shellcheck source=tests/guest/helpers.bash
. "${BASH_SOURCE[0]%/*}/helpers.bash"

# --- the tree as it stands ---------------------------------------------------------------------

# Every limit there is, byte for byte.
limits_of_tree() {
	local file value
	shopt -s globstar
	for file in "$CGROUP_ROOT"/**/memory.max; do
		[[ ! -f $file ]] || { read -r value <"$file" && printf '%s %s\n' "$file" "$value"; } || true
	done
	shopt -u globstar
}

# What assert_originals holds the limits against.
note_originals() {
	ORIGINALS=$(limits_of_tree)
}

# The configuration is for every cgroup of the test, whose limits now are the originals.
govern_all() {
	write_config "$(path_of "$TEST_CGROUP")/*" 16M 64M "step: 4M, return_after: 10ms"
	note_originals
}

assert_originals() {
	assert_equal "$(limits_of_tree)" "$ORIGINALS" "limits of the tree"
}

assert_nothing_pinned() {
	[[ ! -e $PIN_DIR ]] || [[ -z $(ls -A "$PIN_DIR") ]] || fail "pinned: $(ls -A "$PIN_DIR")"
}

# refused STATUS WORDS COMMAND...: ends with STATUS, says WORDS (an extended regular expression) and changes nothing.
refused() {
	local expected=$1 words=$2 before status=0
	shift 2
	before=$(limits_of_tree)
	timeout "$DEADLINE" "$@" >"$LIVE_DIR/said" 2>&1 3>&- || status=$?
	assert_equal "$status" "$expected" "exit status of a run that said '$(cat "$LIVE_DIR/said")'" || return
	grep -qaE -- "$words" "$LIVE_DIR/said" || fail "not said: $words; but: $(cat "$LIVE_DIR/said")" || return
	assert_equal "$(limits_of_tree)" "$before" "limits of the tree" || return
	assert_nothing_pinned
}

# "${IN_MOUNTS[@]}" SCRIPT COMMAND...: COMMAND after SCRIPT has changed the mounts, which nobody else sees.
# shellcheck disable=SC2016,SC2034 # another shell's; for those who load this
IN_MOUNTS=(unshare --mount --propagation private bash -ec 'eval "$0"; exec "$@"')

# "${IN_CGROUP[@]}" FOLDER COMMAND...: COMMAND is in that cgroup from its first instruction.
# shellcheck disable=SC2016,SC2034
IN_CGROUP=(bash -c 'echo 0 >"$0/cgroup.procs" && exec "$@"')

# --- what throttling cost ------------------------------------------------------------------------

# What the kernel counts of a cgroup's lost CPU time, in microseconds.
lost_us() {
	awk '$1 == "throttled_usec" { print $2 }' "$1/cpu.stat"
}

# stop_and_check_told FOLDER: nothing runs in it any more; the journal has all that its quota, since it was made, has cost.
stop_and_check_told() {
	local before told
	before=$(lost_us "$1")
	stop_cgbpf TERM
	told=$(jq -s 'map(select(.event == "cpu_throttled").lost_ns) | add / 1000 | floor' "$JOURNAL")
	# A quota that ran out as the last task ended is refilled a period later.
	((told >= before && told <= $(lost_us "$1"))) ||
		fail "told: $told us; of cpu.stat: $before us, then $(lost_us "$1") us"
}

# Bios of all cgroups that were kept waiting, as the kernel side counts them.
io_count() {
	map_values cgroups | jq -s 'map(.io_throttled_cnt) | add'
}

# assert_bios_told COUNT: the journal has them, each once.
assert_bios_told() {
	assert_equal "$(jq -s 'map(select(.event == "io_throttled").throttled) | add' "$JOURNAL")" "$1" "bios told"
}

# --- a cgbpf in trouble ------------------------------------------------------------------------

# has_original TEXT: is there a limit that goes back to it?
has_original() {
	ledger_dump | jq -e --arg value "$1" 'any(.. | .original?; . == $value)' >/dev/null
}

# As in a crash: no word, no exit.
crash_cgbpf() {
	local pid=$CGBPF_PID
	CGBPF_PID=''
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
}

restore() {
	"$CGBPF" restore >"$LIVE_DIR/restored" 2>&1
}

ledger_dump() {
	bpftool -j map dump pinned "$PIN_DIR/ledger" 2>/dev/null
}

# pause_cgbpf: all of its threads stand still once this returns.
pause_cgbpf() {
	kill -STOP "$CGBPF_PID" && wait_for "$DEADLINE" is_stopped
}

is_stopped() {
	! grep -q '^State:[[:space:]][^Tt]' "/proc/$CGBPF_PID"/task/*/status
}

resume_cgbpf() {
	kill -CONT "$CGBPF_PID"
}

# Returns once the journal has that many lines, or cgbpf is gone.
wait_lines() {
	wait_stream "$JOURNAL" "$CGBPF_PID" head -n "$1" >/dev/null || true
}

said() {
	grep -qaE -- "$1" "$CGBPF_STDERR"
}

assert_said() {
	said "$1" || fail "cgbpf did not say '$1'"
}

# --- steady work -------------------------------------------------------------------------------

CHURN_PIDS=()

# churn CGROUP SIZE: takes SIZE and gives it back, again and again, until stop_churn.
churn() {
	(
		# Not until a signal: once, in a guest with one CPU on a busy host, it went on for ever.
		while [[ ! -e $LIVE_DIR/calm ]]; do
			workload "$1" touch --bytes "$2" >/dev/null 2>&1 || true
		done
	) 3>&- &
	CHURN_PIDS+=($!)
}

stop_churn() {
	((${#CHURN_PIDS[@]})) || return 0
	: >"$LIVE_DIR/calm"
	wait "${CHURN_PIDS[@]}"
	rm "$LIVE_DIR/calm"
	CHURN_PIDS=()
}

# What a file does that says nothing else.
teardown() {
	stop_churn
	end_test
}

# Newer kernels refuse: then nothing can silence the programs this way.
switch_tracing_off() {
	echo 0 >/proc/sys/kernel/ftrace_enabled || skip "this kernel does not let tracing be switched off"
}

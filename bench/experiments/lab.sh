# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what the experiments share: the lab's cgroups, a sampled cgbpf, checks that can fail, the time line; never decides what an experiment expects.

NAME=${0##*/}
OUT=build/experiments/$NAME
LAB_BIN=build/lab
FAILED=0
CHECKED=0
WORK_PIDS=()

# shellcheck source=bench/live.sh
. bench/live.sh
# Here, and copied in the end: a guest's share of build/ does not append as a file system does.
JOURNAL=$LIVE_DIR/journal.jsonl
SAMPLES=$LIVE_DIR/samples.jsonl
LAB=$CGROUP_ROOT/cgbpf-lab
DISK=$LIVE_DIR/disk

clean_up() {
	[[ -z $CGBPF_PID ]] || stop_cgbpf TERM || true
	remove_cgroup "$LAB" || true
	remove_disk "$DISK" || true
	rm -rf "$LIVE_DIR"
}

# begin WHAT: what the experiment does, in one sentence.
begin() {
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir -p "$OUT"
	rm -f "$OUT"/*
	mkdir -p "$LAB"
	echo "+cpu +memory +io" >"$LAB/cgroup.subtree_control"
	echo "== $NAME: $1"
}

expected() {
	echo "   expected: $*"
}

happened() {
	echo "   happened: $*"
}

# check WHAT COMMAND...: one promise that holds if COMMAND succeeds.
check() {
	local what=$1
	shift
	CHECKED=$((CHECKED + 1))
	if "$@" >/dev/null; then
		echo "   ok: $what"
	else
		echo "   FAILED: $what"
		FAILED=$((FAILED + 1))
	fi
}

# cgroup NAME: an empty one of the lab.
cgroup() {
	mkdir -p "$LAB/$1"
}

# govern: standard input is the list of targets; sampled five times a second.
govern() {
	{
		printf '%s\n' "samples: { interval: 200ms }" "psi: { cpu: 20%, memory: 10%, io: 10% }" "targets:"
		cat
	} >"$OUT/cgbpf.yaml"
	start_cgbpf -c "$OUT/cgbpf.yaml" --samples "$SAMPLES"
}

# work CGROUP PROGRAM [OPTION]...: a workload in the background; its line of JSON goes to OUT/PROGRAM-CGROUP.json.
work() {
	local cgroup=$1 program=$2
	shift 2
	"$LAB_BIN/$program" --cgroup "$LAB/$cgroup" "$@" >"$OUT/$program-$cgroup.json" 2>"$OUT/$program-$cgroup.err" &
	WORK_PIDS+=($!)
}

# wait_work: for all that work started; STATUS is the last one's.
# shellcheck disable=SC2034 # for those who source this
wait_work() {
	STATUS=0
	local pid
	for pid in "${WORK_PIDS[@]}"; do
		STATUS=0
		wait "$pid" 2>/dev/null || STATUS=$?
	done
	WORK_PIDS=()
}

# events FILTER: how many records of the journal this jq condition holds for.
events() {
	jq -n "[inputs | select($1)] | length" "$JOURNAL"
}

# has FILTER
has() {
	(($(events "$1") > 0))
}

has_not() {
	(($(events "$1") == 0))
}

# sampled CGROUP FILTER: jq over the array of that cgroup's interval samples; its truth is the status.
sampled() {
	jq -se --arg cgroup "/cgbpf-lab/$1" \
		"map(select(.kind == \"interval\" and .cgroup == \$cgroup)) | $2" "$SAMPLES"
}

sampled_value() {
	jq -sr --arg cgroup "/cgbpf-lab/$1" \
		"map(select(.kind == \"interval\" and .cgroup == \$cgroup)) | $2" "$SAMPLES"
}

value_of() {
	cat "$LAB/$1/$2"
}

is_equal() {
	[[ $1 == "$2" ]]
}

is_at_most() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }'
}

is_at_least() {
	is_at_most "$2" "$1"
}

# finish RESOURCE CGROUP...: ends cgbpf, draws, sums up. Status 0: every check held.
finish() {
	local resource=$1
	shift
	[[ -z $CGBPF_PID ]] || stop_cgbpf TERM || { echo "   FAILED: cgbpf ended in order" && FAILED=$((FAILED + 1)); }
	cp "$JOURNAL" "$SAMPLES" "$OUT"
	bench/experiments/timeline "$OUT" "$resource" "$@" >"$OUT/timeline.svg"
	echo "   picture: $OUT/timeline.svg; journal and samples beside it"
	echo "   $((CHECKED - FAILED)) of $CHECKED checks held"
	((FAILED == 0))
}

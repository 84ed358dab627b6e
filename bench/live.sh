# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns what tests, benches and demo do live: deadlines, cgroups, a running cgbpf; never installs and never measures.

CGBPF=${CGBPF:-./cgbpf}
WORKLOAD=${WORKLOAD:-build/workload}
# shellcheck disable=SC2034 # these two are for those who source this
CGROUP_ROOT=/sys/fs/cgroup
# shellcheck disable=SC2034
PIN_DIR=/sys/fs/bpf/cgbpf
LIVE_DIR=${LIVE_DIR:-$(mktemp -d)}
JOURNAL=$LIVE_DIR/journal
CGBPF_STDERR=$LIVE_DIR/stderr
CGBPF_PID=''
# Seconds. Generous: an emulated guest is ten times slower than a machine, and ten times slower again on a busy one.
DEADLINE=${DEADLINE:-180}

# The twentieth part of a second, without a process: in an emulated guest each costs that much itself.
nap() {
	[[ -n ${NAP_FD:-} ]] || exec {NAP_FD}<> <(:)
	read -rt 0.05 -u "$NAP_FD" || true
}

# read_file FILE: sets TEXT to what is in it, without a process; no NUL in it.
read_file() {
	TEXT=''
	[[ -r $1 ]] || return
	IFS='' read -rd '' TEXT <"$1" || true
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		if ((SECONDS >= deadline)); then
			echo "deadline passed, still not: $*" >&2
			return 1
		fi
		nap
	done
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# wait_stream FILE PID COMMAND...: COMMAND reads FILE as it grows and ends by itself; a dead PID ends the file.
wait_stream() {
	local file=$1 pid=$2 status=0 stream tail_pid
	shift 2
	exec {stream}< <(exec tail -n +1 -F --pid="$pid" "$file" 2>/dev/null 3>&-)
	tail_pid=$!
	timeout "$DEADLINE" "$@" <&"$stream" || status=$?
	exec {stream}<&-
	kill "$tail_pid" 2>/dev/null || true
	return "$status"
}

is_unpopulated() {
	read_file "$1/cgroup.events"
	[[ $TEXT == *'populated 0'* ]]
}

# remove_cgroup FOLDER: with all that is in it.
remove_cgroup() {
	[[ -d $1 ]] || return 0
	echo 1 >"$1/cgroup.kill" || return
	wait_for "$DEADLINE" is_unpopulated "$1" || return
	wait_for "$DEADLINE" find "$1" -depth -type d -exec rmdir {} + || return
}

# make_parent FOLDER: a cgroup whose children have files of memory, CPU and IO.
make_parent() {
	[[ -d $1 ]] || mkdir -p "$1" || return
	echo "+memory +cpu +io" >"$1/cgroup.subtree_control"
}

oom_kills() {
	local key value
	while read -r key value; do
		[[ $key != oom_kill ]] || echo "$value"
	done <"$1/memory.events"
}

is_ready_or_dead() {
	read_file "$CGBPF_STDERR"
	[[ $TEXT == *'ready: '@(governing|observing)* ]] || is_gone "$CGBPF_PID"
}

# start_cgbpf [OPTION]...: runs it in the background; returns once it governs. Sets CGBPF_PID.
start_cgbpf() {
	: >"$CGBPF_STDERR"
	"$CGBPF" run --journal "$JOURNAL" "$@" >"$LIVE_DIR/stdout" 2>>"$CGBPF_STDERR" 3>&- &
	CGBPF_PID=$!
	wait_for "$DEADLINE" is_ready_or_dead || true
	# Its last words may have come between the two looks.
	read_file "$CGBPF_STDERR"
	[[ $TEXT != *'ready: '@(governing|observing)* ]] || return 0
	echo "cgbpf run did not get ready; it said:" >&2
	cat "$CGBPF_STDERR" >&2
	kill -KILL "$CGBPF_PID" 2>/dev/null || true
	CGBPF_PID=''
	return 1
}

# stop_cgbpf [SIGNAL]: returns cgbpf's exit status.
stop_cgbpf() {
	local pid=$CGBPF_PID
	kill -s "${1:-TERM}" "$pid" || return
	wait_for "$DEADLINE" is_gone "$pid" || kill -KILL "$pid"
	CGBPF_PID=''
	wait "$pid"
}

# make_disk FOLDER SIZE: a small ext4 there, so that page cache is page cache and not memory of a tmpfs.
make_disk() {
	# All of it now: what a tmpfs gives an image later is charged to whoever writes.
	fallocate -l "$2" "$1.img"
	mkfs.ext4 -q -E nodiscard "$1.img"
	modprobe -q loop || true
	mkdir "$1"
	mount -o loop "$1.img" "$1"
}

# remove_disk FOLDER: fails where somebody still has a file of it open.
remove_disk() {
	if [[ -d $1 ]]; then
		umount "$1" || return
		rmdir "$1" || return
	fi
	rm -f "$1.img"
}

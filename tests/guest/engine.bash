# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Owns the Docker Engine of a test file: up before its first test, no container left after any; it never reaches a registry nor outlives the file.

# shellcheck source=tests/guest/helpers.bash
. "${BASH_SOURCE[0]%/*}/helpers.bash"

# shellcheck disable=SC2034 # for those who load this
IMAGE=cgbpf-busybox

# Its process; a file, since a test may restart it.
engine_pid() {
	cat "$BATS_FILE_TMPDIR/dockerd" 2>/dev/null
}

begin_engine() {
	export COMPOSE_HTTP_TIMEOUT=600
	[[ -e build/guest/docker-image.tar ]] || return 0
	# shellcheck source=scripts/docker-engine
	. scripts/docker-engine 3>&-
	echo $! >"$BATS_FILE_TMPDIR/dockerd"
}

end_engine() {
	local pid
	pid=$(engine_pid) || return 0
	kill "$pid"
	wait_for "$DEADLINE" is_gone "$pid"
	umount /var/lib/docker
	remove_cgroup "$CGROUP_ROOT/docker"
}

want_engine() {
	engine_pid >/dev/null || skip "no Docker Engine for the guest: scripts/setup --docker"
}

remove_containers() {
	local containers
	engine_pid >/dev/null || return 0
	mapfile -t containers < <(docker ps -aq)
	((${#containers[@]} == 0)) || docker rm -f "${containers[@]}" >/dev/null
}

# What a file does that says nothing else.
setup_file() {
	begin_engine
}

teardown_file() {
	end_engine
}

setup() {
	want_engine
}

teardown() {
	local status=0
	end_test || status=1
	remove_containers || status=1
	return "$status"
}

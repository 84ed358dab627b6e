#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what bench-latency promises with a real Docker Engine, started here for this file; it never reaches a registry.

load latency

IMAGE=cgbpf-busybox

setup_file() {
	[[ -e build/guest/docker-image.tar ]] || return 0
	# shellcheck source=scripts/docker-engine
	. scripts/docker-engine 3>&-
	echo $! >"$BATS_FILE_TMPDIR/dockerd"
}

teardown_file() {
	local pid
	[[ -e $BATS_FILE_TMPDIR/dockerd ]] || return 0
	pid=$(<"$BATS_FILE_TMPDIR/dockerd")
	kill "$pid"
	wait_for "$DEADLINE" is_gone "$pid"
	umount /var/lib/docker
	remove_cgroup "$CGROUP_ROOT/docker"
}

setup() {
	[[ -e $BATS_FILE_TMPDIR/dockerd ]] || skip "no Docker Engine for the guest: scripts/setup --docker"
}

teardown() {
	local status=0 containers
	[[ -e $BATS_FILE_TMPDIR/dockerd ]] || return 0
	end_test || status=1
	mapfile -t containers < <(docker ps -aq)
	((${#containers[@]} == 0)) || docker rm -f "${containers[@]}" >/dev/null || status=1
	return "$status"
}

# start_container NAME [OPTION]...: idle; sets ID and CGROUP.
start_container() {
	local name=$1
	shift
	ID=$(docker run -d --network none --name "$name" "$@" "$IMAGE" sleep 100000)
	CGROUP=$CGROUP_ROOT/docker/$ID
}

# What the kernel, the Engine and its runtime have of the container.
notes_of() {
	cat "$CGROUP"/{memory.max,memory.swap.max,cpu.max}
	docker inspect -f '{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.CpuQuota}} {{.CpuPeriod}} {{.NanoCpus}}{{end}}' "$ID"
	jq -c '.config.cgroups | {memory, memory_swap, cpu_quota, cpu_period}' \
		"/run/docker/runtime-runc/moby/$ID/state.json"
}

assert_no_container() {
	assert_equal "$(docker ps -aq)" '' "containers left"
	assert_equal "$(docker images --format '{{.Repository}}')" "$IMAGE" "images"
}

# bats test_tags=core
@test "bench-latency: every installed road on three clocks, and nothing left" {
	bench --iterations 2
	for method in docker-update docker-api runc-update crun-update shell-echo; do
		assert_rows "$method" 2
	done
	for method in open-write cgbpf bare-pwrite; do
		assert_rows "$method" 10
	done
	assert_result '.complete and .docker != null and .stamps_lost == 0 and .foreign_writes == 0'
	assert_result '[.ratios[] | select(.of == "docker-update" and .to == "cgbpf" and .clock == "request_to_kernel")]
		| length == 2 and all(.[]; .p50 > 10 and .p99 > 0)'
	assert_no_container
	assert_no_cgroup
	assert_no_program
}

# bats test_tags=core
@test "bench-latency: a container named by --container is afterwards as it was" {
	local before
	start_container web -m 32m --memory-swap 48m --cpu-quota 30000 --cpu-period 50000
	before=$(notes_of)
	bench --iterations 2 --container web
	assert_rows docker-update 2
	assert_rows runc-update 2
	assert_rows cgbpf 10
	assert_skipped crun-update "another runtime|not installed"
	assert_equal "$(notes_of)" "$before" "limits of the kernel, the Engine and runc"
	assert_alive "$(docker inspect -f '{{.State.Pid}}' web)"
}

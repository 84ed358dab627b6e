#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what bench-latency promises with a real Docker Engine, started here for this file; it never reaches a registry.

load latency
load engine

# start_container NAME [OPTION]...: idle; sets ID and CGROUP.
start_container() {
	local name=$1
	shift
	ID=$(docker run -d --network none --name "$name" "$@" "$IMAGE" sleep 100000)
	CGROUP=$CGROUP_ROOT/docker/$ID
}

# The Engine's alone: of a container that has ended nobody else has any.
engine_notes() {
	docker inspect -f '{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.CpuQuota}} {{.CpuPeriod}} {{.NanoCpus}}{{end}}' "$ID"
}

# What the kernel, the Engine and its runtime have of the container.
notes_of() {
	cat "$CGROUP"/{memory.max,memory.swap.max,cpu.max}
	engine_notes
	jq -c '.config.cgroups | {memory, memory_swap, cpu_quota, cpu_period}' \
		"/run/docker/runtime-runc/moby/$ID/state.json"
}

# A container with a limit of every kind; sets BEFORE.
start_web() {
	start_container web -m 32m --memory-swap 48m --cpu-quota 30000 --cpu-period 50000 "$@"
	BEFORE=$(notes_of)
}

assert_as_before() {
	assert_equal "$(notes_of)" "$BEFORE" "limits of the kernel, the Engine and runc"
}

# stop_engine: TERM, as a service's stop.
stop_engine() {
	local pid
	pid=$(engine_pid)
	mapfile -d '' -t ENGINE <"/proc/$pid/cmdline"
	kill "$pid"
	wait_for "$DEADLINE" is_gone "$pid"
}

# start_engine [OPTION]...: the one that was stopped, with these options too.
start_engine() {
	"${ENGINE[@]}" "$@" >>/run/dockerd.log 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/dockerd"
	disown
	wait_for "$DEADLINE" answers
}

answers() {
	docker ps >/dev/null 2>&1
}

# After a sample that failed there is a good one of each limit.
has_recovered() {
	local limit
	is_gone "$BENCH_PID" && return
	for limit in memory.max cpu.max; do
		sed '1,/,failed,/d' "$SAMPLES" | grep -qE ",$limit,[0-9]+,ok," || return
	done
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

@test "bench-latency: a container named by --container is afterwards as it was, also beside run" {
	start_web
	write_config "$(path_of "$(make_cgroup other 32M)")" 32M 64M
	start_cgbpf -c "$CONFIG"
	bench --iterations 2 --container web
	assert_rows docker-update 2
	assert_rows runc-update 2
	assert_rows cgbpf 10
	assert_skipped crun-update "another runtime|not installed"
	grep -q "container web had memory.max 33554432 and cpu.max 30000 50000 in $CGROUP: " "$LIVE_DIR/said"
	assert_as_before
	assert_alive "$(docker inspect -f '{{.State.Pid}}' web)"
}

@test "bench-latency: a wrong call with a container is refused with 2, one that run governs with 1, and nothing is touched" {
	start_web
	docker create --network none --name stopped "$IMAGE" true >/dev/null
	refused 2 "container 'none': No such container" "$CGBPF" bench-latency --container none
	refused 2 "container 'stopped': it is not running" "$CGBPF" bench-latency --container stopped
	refused 2 '/no/such/x.svg: No such file' "$CGBPF" bench-latency --container web --svg /no/such/x.svg
	refused 2 '/dev/full: No space' "$CGBPF" bench-latency --container web --samples /dev/full
	refused 2 "'0' is not a whole number" "$CGBPF" bench-latency --container web --iterations 0
	refused 3 'root .*is missing' setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$CGBPF" bench-latency --container web
	refused 1 "container 'web': .*no.sock" "$CGBPF" bench-latency --container web \
		--docker-host "unix://$LIVE_DIR/no.sock"
	write_config "$(path_of "$CGROUP")" 32M 64M
	start_cgbpf -c "$CONFIG"
	run -1 "$CGBPF" bench-latency --container web
	[[ $output == *"container 'web': cgbpf governs it: pid $CGBPF_PID; "*"end that one first"* ]] || fail "$output"
	stop_cgbpf TERM
	refute_journal '.event == "foreign_write"'
	assert_as_before
}

@test "bench-latency: two at once keep to their containers, one of which is no other's; SIGTERM and SIGINT undo all" {
	local status=0 first
	local good='.ended == "interrupted" and .foreign_writes == 0 and all(.methods[]; .skipped or .n > 0 and .failed == 0)'
	start_web
	start_bench --iterations 100000 --methods docker-update,docker-api,cgbpf --container web
	first=$BENCH_PID
	run -1 "$CGBPF" bench-latency --container web
	[[ $output == *"container 'web' is measured by another bench-latency"* ]] || fail "$output"
	mkdir "$LIVE_DIR/second"
	LIVE_DIR=$LIVE_DIR/second start_bench --iterations 100000 --methods docker-update,cgbpf
	end_bench INT || status=$?
	assert_equal "$status" 1 "exit status of the second"
	assert_result "$good"
	assert_equal "$(docker ps -a --format '{{.Names}}')" web "containers"
	# shellcheck disable=SC2034 # read by assert_result
	BENCH_PID=$first RESULT=$LIVE_DIR/result.json status=0
	end_bench TERM || status=$?
	assert_equal "$status" 1 "exit status of the first"
	assert_result "$good"
	assert_as_before
	assert_no_program
}

@test "bench-latency: a container that dies in the middle ends it with 1 and is named" {
	local status=0
	start_web
	start_bench --iterations 100000 --methods docker-api,cgbpf --container web
	docker kill web >/dev/null
	wait_bench || status=$?
	assert_equal "$status" 1 "exit status"
	assert_result '.ended == "the container web is gone" and any(.methods[]; .method == "cgbpf" and .n > 0)'
	docker start web >/dev/null
	assert_as_before
}

@test "bench-latency: a dockerd that is restarted takes its container along, or is found again" {
	local status=0 notes
	start_web --stop-timeout 1
	notes=$(engine_notes)
	start_bench --iterations 100000 --methods docker-api --container web
	stop_engine
	start_engine --live-restore
	wait_bench || status=$?
	assert_equal "$status" 1 "exit status"
	assert_result '.ended == "the container web is gone"'
	assert_equal "$(engine_notes)" "$notes" "the Engine's notes of the container that ended"
	docker start web >/dev/null
	assert_as_before
	start_bench --iterations 100000 --methods docker-api --container web
	stop_engine
	start_engine
	wait_for "$DEADLINE" has_recovered
	end_bench TERM || status=$?
	assert_equal "$status" 1 "exit status"
	assert_result '.ended == "interrupted" and any(.methods[]; .failed > 0)'
	assert_as_before
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what bench-latency promises without a Docker Engine; never asks one.

load latency

setup() {
	export DOCKER_HOST=unix://$LIVE_DIR/no.sock
}

is_limited() {
	read_file "$1/memory.max"
	[[ $TEXT =~ ^[0-9] ]]
}

# bats test_tags=core
@test "bench-latency: without a Docker Engine the rest is measured, and what is not is named" {
	bench --iterations 3 --writes 20
	assert_result ".kernel == \"$(uname -r)\" and .docker == null and .iterations == 3 and .complete
		and .stamps_lost == 0 and .foreign_writes == 0"
	assert_rows shell-echo 3
	for method in open-write cgbpf bare-pwrite; do
		assert_rows "$method" 20
	done
	assert_skipped docker-update 'no Docker Engine.s socket|not installed'
	assert_skipped docker-api 'no Docker Engine.s socket'
	assert_skipped runc-update 'without a Docker Engine|not installed'
	assert_skipped systemctl-set-property 'systemd does not run here|not installed'
	assert_result '[.ratios[] | select(.of == "shell-echo" and .to == "cgbpf")] | length == 6 and all(.[]; .p50 > 0)'
	assert_result '[.ratios[] | select(.of == "cgbpf" and .to == "bare-pwrite")] | length == 6'
	assert_no_cgroup
	assert_no_program
}

@test "bench-latency: a table with a line for each row, and every sample as CSV" {
	"$CGBPF" bench-latency --iterations 2 --writes 7 --methods cgbpf,open-write --samples "$LIVE_DIR/csv" \
		>"$LIVE_DIR/table" 2>"$LIVE_DIR/said"
	for clock in cli_wall request_to_kernel write_only; do
		grep -q "($clock), in us" "$LIVE_DIR/table"
	done
	assert_equal "$(grep -cE '^  cgbpf +(memory|cpu)\.max +7 +0 ' "$LIVE_DIR/table")" 6 "rows of cgbpf"
	assert_equal "$(head -n 1 "$LIVE_DIR/csv")" \
		method,knob,round,result,start_ns,cli_wall_ns,request_to_kernel_ns,write_only_ns "first line"
	assert_equal "$(grep -cE '^(cgbpf|open-write),(memory|cpu)\.max,[01],ok,[0-9]+,[0-9]+,[0-9]+,[0-9]+$' \
		"$LIVE_DIR/csv")" 28 "samples"
	grep -q 'of 4 rounds' "$LIVE_DIR/said"
}

@test "bench-latency: --svg draws every row" {
	bench --iterations 2 --methods shell-echo,cgbpf --svg "$LIVE_DIR/picture.svg"
	head -n 1 "$LIVE_DIR/picture.svg" | grep -q '^<?xml'
	for row in 'shell-echo memory.max' 'shell-echo cpu.max' 'cgbpf memory.max' 'cgbpf cpu.max'; do
		grep -q "$row" "$LIVE_DIR/picture.svg"
	done
}

@test "bench-latency: a wrong call is refused with 2, and nothing is touched" {
	refused 2 "'0' is not a whole number from 1 to" "$CGBPF" bench-latency --iterations 0
	refused 2 'is not a whole number' "$CGBPF" bench-latency --iterations 99999999999999999999
	refused 2 "no method 'docker'" "$CGBPF" bench-latency --methods cgbpf,docker
	refused 2 "no method ''" "$CGBPF" bench-latency --methods cgbpf,
	refused 2 'no unix socket' "$CGBPF" bench-latency --docker-host tcp://127.0.0.1:2375
	refused 2 '/no/such/x.svg: No such file' "$CGBPF" bench-latency --svg /no/such/x.svg
	refused 2 '/dev/null: it is no regular file' "$CGBPF" bench-latency --svg /dev/null
	refused 2 '/no/such/x.csv: No such file' "$CGBPF" bench-latency --samples /no/such/x.csv
	refused 2 '/proc/version: ' "$CGBPF" bench-latency --samples /proc/version
	refused 2 '/dev/full: No space' "$CGBPF" bench-latency --samples /dev/full
	assert_no_cgroup
}

@test "bench-latency: without gnuplot, --svg is refused before anything is measured" {
	local program
	program=$(realpath ./cgbpf)
	mkdir "$LIVE_DIR/empty"
	refused 3 'gnuplot.*is not installed.*gnuplot-nox' \
		env PATH="$LIVE_DIR/empty" "$program" bench-latency --svg "$LIVE_DIR/x.svg"
	[[ ! -e $LIVE_DIR/x.svg ]]
}

@test "bench-latency: a host that cannot do it gets 3 and the reason" {
	refused 3 'root .*is missing.*sudo' setpriv --reuid=65534 --regid=65534 --clear-groups "$CGBPF" bench-latency
	refused 3 'cgroup v2 .*is missing.*unified_cgroup_hierarchy' \
		"${IN_MOUNTS[@]}" 'mount -t tmpfs tmpfs /sys/fs/cgroup' "$CGBPF" bench-latency
	echo kept >"$LIVE_DIR/csv"
	refused 3 'types .*is missing' "${IN_MOUNTS[@]}" 'mount --bind /dev/null /sys/kernel/btf/vmlinux' \
		"$CGBPF" bench-latency --samples "$LIVE_DIR/csv"
	assert_equal "$(<"$LIVE_DIR/csv")" kept "samples of before"
}

@test "bench-latency: where nothing asked for can be measured, 3" {
	local status=0
	bench --iterations 2 --methods docker-api || status=$?
	assert_equal "$status" 3 "exit status"
	assert_skipped docker-api 'no Docker Engine.s socket'
	assert_no_cgroup
}

@test "bench-latency: who had no limit gets none below the machine's memory; SIGINT ends it with 1, nothing left" {
	local status=0
	start_bench --iterations 100000 --methods "$WRITERS"
	wait_for "$DEADLINE" is_limited "$CGROUP_ROOT/cgbpf-bench-$BENCH_PID"
	(($(limit_of "$CGROUP_ROOT/cgbpf-bench-$BENCH_PID") >= $(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) * 1024))
	end_bench INT || status=$?
	assert_equal "$status" 1 "exit status"
	assert_result '.complete == false and .ended == "interrupted"
		and ([.methods[] | select(.method == "cgbpf" and .n > 0 and .failed == 0)] | length == 6)'
	assert_no_cgroup
	assert_no_program
}

@test "bench-latency: a cgroup that goes away in the middle ends it with 1 and is named" {
	local status=0
	start_bench --iterations 100000 --methods "$WRITERS"
	wait_for "$DEADLINE" rmdir "$CGROUP_ROOT/cgbpf-bench-$BENCH_PID"
	wait_bench || status=$?
	assert_equal "$status" 1 "exit status"
	assert_result ".ended == \"the cgroup /cgbpf-bench-$BENCH_PID is gone\""
}

@test "bench-latency: two at once do not read each other's samples" {
	local pid=0
	"$CGBPF" bench-latency --json --iterations 4 --writes 60 --methods "$WRITERS" >"$LIVE_DIR/other.json" 3>&- &
	pid=$!
	bench --iterations 4 --writes 60 --methods "$WRITERS"
	wait "$pid"
	for file in "$RESULT" "$LIVE_DIR/other.json"; do
		assert_rows cgbpf 60 "$file"
		assert_rows shell-echo 4 "$file"
		assert_result '.foreign_writes == 0' "$file"
	done
	assert_no_cgroup
}

@test "bench-latency: beside run, both do their work" {
	local governed
	governed=$(make_cgroup governed 32M)
	write_config "$(path_of "$governed")" 32M 256M
	start_cgbpf -c "$CONFIG"
	bench --iterations 3 --methods "$WRITERS"
	assert_rows cgbpf 15
	lives "$governed" touch --bytes 100M
	stop_cgbpf TERM
	assert_limit "$governed" 32M
}

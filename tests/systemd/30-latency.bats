#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what bench-latency promises where systemd runs; never run but in scripts/vm --systemd, and asks no Docker Engine.

load ../guest/latency

setup() {
	export DOCKER_HOST=unix://$LIVE_DIR/no.sock
}

# Of a bench's slice: a unit, a cgroup or a property written down.
assert_no_slice() {
	assert_equal "$(systemctl list-units --no-legend --all 'cgbpfbench*')" '' "units left"
	assert_equal "$(find /run/systemd /etc/systemd "$CGROUP_ROOT" -name 'cgbpfbench*')" '' "files left"
}

# bats test_tags=core
@test "bench-latency, systemd: set-property is measured on a slice of its own, of which nothing is left" {
	local status=0
	bench --iterations 3 --methods systemctl-set-property,cgbpf --writes 3
	assert_rows systemctl-set-property 3
	assert_rows cgbpf 3
	assert_result '.complete and .stamps_lost == 0'
	assert_result '[.ratios[] | select(.of == "systemctl-set-property" and .to == "cgbpf")] | length == 6'
	assert_no_slice
	start_bench --iterations 100000 --methods systemctl-set-property
	end_bench TERM || status=$?
	assert_equal "$status" 1 "exit status"
	assert_result '.ended == "interrupted"'
	assert_no_slice
	assert_no_program
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what `cgbpf run` promises hierarchies of `cgbpf tree`: a service gets what its siblings do not use, never more than the worker has.

# bats file_tags=two-cpus
load tree

setup() {
	write_tree
	CONFIG=$LIVE_DIR/cgbpf.yaml
	printf 'targets:\n  - tree: tree.yaml\n    memory: { return_after: 10ms }\n' >"$CONFIG"
}

teardown() {
	[[ -z $CGBPF_PID ]] || is_gone "$CGBPF_PID" || stop_cgbpf TERM
	"$CGBPF" tree remove --all --kill >/dev/null
	end_test
}

# As a container is made: with controllers of its own.
make_job() {
	echo +memory >"$SERVICE1/cgroup.subtree_control"
	mkdir "$SERVICE1/job"
}

# bats test_tags=core
@test "tree, run: a service lives beyond its own memory on what its sibling does not use" {
	apply
	make_job
	run -137 workload "$SERVICE1/job" touch --bytes 80M
	start_cgbpf -c "$CONFIG"
	grep -qx 'ready: governing 2 cgroups' "$CGBPF_STDERR"
	lives "$SERVICE1/job" touch --bytes 80M
	wait_journal '.target == "crs1" and .event == "soft_limit_raised"'
	assert_equal "$(map_values rules | jq -c '[.soft_bytes, .hard_bytes]' | sort | paste -sd' ')" \
		"[$(bytes 48M),$(bytes 128M)] [$(bytes 64M),$(bytes 128M)]"
	stop_cgbpf TERM
	assert_limit "$SERVICE1" 48M
	assert_limit "$WORKER" 128M
}

@test "tree, run: the worker's total is never passed" {
	apply
	mkdir "$SERVICE1/job" "$SERVICE2/job"
	start_cgbpf -c "$CONFIG"
	hold_memory "$SERVICE2/job" 56M
	run -137 workload "$SERVICE1/job" touch --bytes 90M
	assert_limit "$WORKER" 128M
	(($(cat "$WORKER/memory.peak") <= $(bytes 128M))) || fail "peak: $(cat "$WORKER/memory.peak")"
}

@test "tree, run: a hierarchy made later is governed from its first moment" {
	start_cgbpf -c "$CONFIG"
	has_entries rules 0
	apply
	wait_for "$DEADLINE" has_entries rules 2
	make_job
	lives "$SERVICE1/job" touch --bytes 80M
	refute_journal '.event == "foreign_write"'
	stop_cgbpf TERM
	assert_limit "$SERVICE1" 48M
	assert_limit "$SERVICE2" 64M
}

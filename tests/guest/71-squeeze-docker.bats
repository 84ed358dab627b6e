#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of `squeeze` on a container of a real Docker Engine, started here for this file; never reaches a registry.

load engine

uses() {
	(($(usage_of "$1") > $(bytes "$2")))
}

# bats test_tags=core
@test "one drop ends a container at once: its first process dies, exit code 137, and the limit's road is told" {
	local id said=$LIVE_DIR/drill status=0
	# What its first process holds does not fit: there is nobody else to kill first.
	id=$(docker run -d --network none --name drop -m 512m --memory-swap 512m -v /:/host:ro "$IMAGE" \
		sh -c 'sleep 100000 & exec chroot /host "$0" holdmem --bytes 64M' "$(realpath "$WORKLOAD")")
	wait_for "$DEADLINE" uses "$CGROUP_ROOT/docker/$id" 60M
	"$CGBPF" squeeze --yes --container drop --from 20M --to 20M --step 1M --interval 1 --json --svg "$LIVE_DIR/drop.svg" >"$said" || status=$?
	assert_equal "$status" 0 "exit status"
	jq -e --arg cgroup "/docker/$id" '.exit_code == 137 and .oom_killed and .cgroup == $cgroup and .container == "drop" and
		(.levels | length) == 1 and (.levels[0].alive | not) and (.levels[0].first_process_alive | not) and
		.first_process.died_limit_bytes == 20971520 and .kills[0].victim_pid == .first_process.pid and
		.manner == "all_at_once" and .end == "empty" and (.sentence | endswith("with exit code 137.")) and
		any(.kernel_log[]; contains("oom_memcg=" + $cgroup))' "$said" >/dev/null || fail "$(cat "$said")"
	grep -q '</svg>' "$LIVE_DIR/drop.svg"
	# The first process is gone, and so is a second call's container.
	run -2 "$CGBPF" squeeze --yes --container drop --from 20M --to 20M --step 1M
	run -2 "$CGBPF" squeeze --yes --container nobody --from 20M --to 20M --step 1M
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised of looking at a running controller with top and status; never tests the controller.

load faults

# bats test_tags=core
@test "top: use, limit, pressure and kills of a governed cgroup, as JSON and as a table" {
	local cgroup path
	run -0 "$CGBPF" top --rounds 1
	assert_equal "$output" "no controller is running"
	run -0 "$CGBPF" top --rounds 1 --json
	jq -e '.running == false' <<<"$output"
	cgroup=$(make_cgroup job 32M)
	path=$(path_of "$cgroup")
	write_config "$path" 32M 64M
	start_cgbpf -c "$CONFIG"
	"$CGBPF" top --json --interval 0.3 >"$LIVE_DIR/top" 3>&- &
	local top=$!
	# A kill counts from its first look.
	wait_stream "$LIVE_DIR/top" "$top" grep -q -m1 '"cgroups":\[{'
	run ! workload "$cgroup" hog --bytes 100M --seconds 1
	# shellcheck disable=SC2016 # jq has dollars of its own
	wait_stream "$LIVE_DIR/top" "$top" jq -cne --arg path "$path" 'first(inputs | select(any(.cgroups[];
		.cgroup == $path and .target == "test" and .kills >= 1 and .memory.limit_bytes == 67108864
		and .memory.hard_bytes == 67108864 and .interval_ms > 0 and (.cpu.usage_us > 0)
		and (.psi.memory | has("full_us"))) and (.events_lost | type) == "number"))'
	kill -INT "$top"
	wait "$top"
	run -0 "$CGBPF" top --rounds 2 --interval 0.2
	grep -q "^$path " <<<"$output" || fail "no row of $path: $output"
	grep -q '^seeing; machine: cpu ' <<<"$output"
	run -0 "$CGBPF" status --json
	jq -e --arg path "$path" '.cgroups[] | select(.cgroup == $path) | .kills >= 1 and .memory_max == 67108864
		and (.cpu.usage_us > 0) and (.psi | has("io"))' <<<"$output"
}

@test "top: ends with the controller it looks at, and is refused where it is called wrong" {
	write_config "$(path_of "$(make_cgroup job 32M)")" 32M 64M
	start_cgbpf -c "$CONFIG"
	"$CGBPF" top --json --interval 0.2 >"$LIVE_DIR/top" 3>&- &
	local top=$!
	wait_stream "$LIVE_DIR/top" "$top" grep -q -m1 '"cgroups":\[{'
	stop_cgbpf TERM
	wait "$top"
	assert_equal "$(tail -n 1 "$LIVE_DIR/top")" '{"running": false}'
	run -2 "$CGBPF" top --interval 0.01
	run -2 "$CGBPF" top --rounds x
}

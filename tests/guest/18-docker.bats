#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised about containers of a real Docker Engine, started here for this file; it never reaches a registry.

load engine

# start_container NAME [OPTION]...: idle, with a limit of 32 MiB; sets ID and CGROUP.
start_container() {
	local name=$1
	shift
	ID=$(docker run -d --network none --name "$name" -m 32m --memory-swap 32m "$@" "$IMAGE" sleep 100000)
	CGROUP=$CGROUP_ROOT/docker/$ID
	assert_limit "$CGROUP" 32M
}

# A process of the container takes 150 MiB at once; status 137 when it is killed.
need() {
	docker exec "$1" dd if=/dev/zero of=/dev/null bs=150M count=1
}

govern_docker() {
	write_targets <<-END
		  - name: container
		    docker: "$1"
		    memory: { hard: 256M, hold: 100ms }
	END
	start_cgbpf -c "$CONFIG"
}

# bats test_tags=core
@test "docker: a container by name lives beyond its -m, and is killed without cgbpf" {
	start_container hungry
	run -137 need hungry
	govern_docker hungry
	has_entries rules 1
	need hungry
	wait_journal "(.added_memory // 0) > 0 and .target == \"container\" and .cgroup == \"/docker/$ID\""
	stop_cgbpf TERM
	assert_limit "$CGROUP" 32M
}

@test "docker: another container is not governed" {
	local other
	start_container other
	other=$CGROUP
	start_container wanted
	govern_docker wanted
	has_entries rules 1
	run -137 need other
	assert_limit "$other" 32M
}

@test "docker: a container by its short id" {
	start_container byid
	govern_docker "${ID:0:12}"
	need byid
}

@test "docker: containers by label, with and without a value" {
	start_container web --label tier=web
	start_container db --label tier=db
	govern_docker label=tier=web
	has_entries rules 1
	need web
	stop_cgbpf TERM
	govern_docker label=tier
	has_entries rules 2
}

@test "docker: a container started later is governed from its own limit" {
	govern_docker later
	has_entries rules 0
	start_container later
	wait_for "$DEADLINE" has_entries rules 1
	need later
	assert_equal "$(map_values rules | jq -c '[.soft_bytes, .hard_bytes]')" '[33554432,268435456]' "soft and hard"
}

@test "docker: a foreign docker update is journaled and obeyed" {
	start_container updated
	govern_docker updated
	has_entries rules 1
	docker update -m 48m --memory-swap 48m updated
	wait_journal ".event == \"foreign_write\" and .cgroup == \"/docker/$ID\" and .new == 50331648
		and .answer == \"obey\" and .reason == \"foreign_new\" and .pid > 0 and (.comm | length) > 0"
	run -137 need updated
	assert_limit "$CGROUP" 48M
	stop_cgbpf TERM
	assert_limit "$CGROUP" 48M
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised of the lab as containers: the Compose file, brought up by Debian's Compose, governed by its labels; never reaches a registry.

# bats file_tags=two-cpus
load engine

COMPOSE=(docker-compose -f bench/workloads/docker-compose.yml -p lab)
NAMES=(cpu-burner memory-hog io-tester)

teardown() {
	local status=0
	end_test || status=1
	remove_containers || status=1
	remove_cgroup "$CGROUP_ROOT/lab" || status=1
	remove_disk "$LIVE_DIR/disk" || status=1
	return "$status"
}

# folder_of NAME: the cgroup of the service's container.
folder_of() {
	echo "$CGROUP_ROOT/lab/$1/$(docker ps -q --no-trunc --filter "name=lab_$1_1")"
}

is_running() {
	[[ $(docker ps -q --filter "name=lab_$1_1") ]]
}

@test "compose: three services run at their labels' cgroups, are governed by their labels, and go without a trace" {
	local name
	make_disk "$LIVE_DIR/disk" 64M
	LAB_DEVICE=$(findmnt -no SOURCE "$LIVE_DIR/disk")
	# Slow growth: an Engine that is asked for a container's labels may take its time.
	export LAB_DEVICE LAB_DATA=$LIVE_DIR/disk LAB_MEMORY_STEP_MS=500
	# As the first lines of the configuration say.
	sed "s|^#io ||; s|LAB_DEVICE|$LAB_DEVICE|" bench/workloads/cgbpf.yaml >"$LIVE_DIR/lab.yaml"
	start_cgbpf -c "$LIVE_DIR/lab.yaml"
	"${COMPOSE[@]}" up -d --build 3>&-
	for name in "${NAMES[@]}"; do
		assert_equal "$(docker inspect --format '{{ index .Config.Labels "com.example.cgroup_path" }}' "lab_${name}_1")" \
			"/lab/$name" "label"
		[[ -d $(folder_of "$name") ]] || fail "no cgroup of $name below /lab/$name"
	done
	wait_journal '.target == "io-tester" and .event == "soft_limit_raised" and .limit == "wbps" and .old == 1048576
		and (.cgroup | startswith("/lab/io-tester/"))' >/dev/null
	wait_journal '.target == "memory-hog" and (.added_memory // 0) > 0 and (.cgroup | startswith("/lab/memory-hog/"))' >/dev/null
	wait_journal '.target == "cpu-burner" and .event == "soft_limit_raised" and .knob == "cpu.max"' >/dev/null
	wait_journal '.event == "psi_spike"' >/dev/null
	for name in "${NAMES[@]}"; do
		is_running "$name" || fail "$name does not run: $(docker logs "lab_${name}_1" 2>&1)"
	done
	"${COMPOSE[@]}" down -t 5 3>&-
	assert_equal "$(docker ps -aq)" "" "containers left"
	wait_journal '.event == "cgroup_gone" and .target == "memory-hog"' >/dev/null
	stop_cgbpf TERM
}

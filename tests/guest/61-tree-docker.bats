#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what `cgbpf tree` promises about containers of a real Docker Engine, driver cgroupfs, started here for this file; it never reaches a registry.

# bats file_tags=two-cpus
load tree
load engine

setup() {
	begin_with_engine
}

teardown() {
	end_with_engine
}

# A process of the container takes so many MiB at once; status 137 when it is killed.
need() {
	docker exec "$1" dd if=/dev/zero of=/dev/null bs="$2"M count=1
}

# bats test_tags=core
@test "tree, docker: containers have the CPUs and the memory of their service, and no more" {
	apply
	start one "$PARENT1"
	start two "$PARENT2"
	assert_equal "$(docker exec one nproc) $(docker exec two nproc)" "1 1"
	assert_equal "$(docker exec two awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)" 1
	run -137 need one 56
	need two 56
	run -137 need two 80
	"$CGBPF" tree verify -c "$TREE" --json |
		jq -e '.bad == 0 and ([.findings[] | select(.check == "containers" and .verdict == "good")] | length) == 2'
	"$CGBPF" tree show --json | jq -e '.[0].services | map(.containers[0].name) == ["one", "two"]'
	docker rm -f one two >/dev/null
	"$CGBPF" tree remove -c "$TREE"
	[[ ! -e $CGROUP_ROOT/cgbpf ]] || fail "$(find "$CGROUP_ROOT/cgbpf")"
}

@test "tree, docker: removal right after docker stop leaves nothing, three times out of three" {
	local i
	for i in 1 2 3; do
		apply
		start "c$i" "$PARENT1"
		docker stop -t 0 "c$i" >/dev/null
		"$CGBPF" tree remove -c "$TREE" >/dev/null
		[[ ! -e $CGROUP_ROOT/cgbpf ]] || fail "time $i: $(find "$CGROUP_ROOT/cgbpf")"
	done
}

@test "tree, docker: a container told a parent of an earlier run is found, and one that was moved away" {
	finds_the_misplaced
	remove_cgroup "$CGROUP_ROOT${EARLIER%/*}"
}

@test "tree, docker: a compose file gets its parents, and Compose takes it" {
	cat >"$LIVE_DIR/template.yaml" <<-END
		version: "3"
		x-common: &common
		  image: $IMAGE
		  command: ["sleep", "100000"]
		  network_mode: none
		services:
		  crs1:
		    <<: *common
		  helper:
		    <<: *common
		    cgroup_parent: crs2
	END
	apply
	"$CGBPF" tree compose -c "$TREE" --template "$LIVE_DIR/template.yaml" >"$LIVE_DIR/compose.yaml"
	grep -q "cgroup_parent: \"$PARENT1\"" "$LIVE_DIR/compose.yaml"
	grep -q "cgroup_parent: \"$PARENT2\"" "$LIVE_DIR/compose.yaml"
	docker-compose -p t -f "$LIVE_DIR/compose.yaml" up -d
	"$CGBPF" tree show --json | jq -e '.[0].services | map(.processes > 0) == [true, true]'
}

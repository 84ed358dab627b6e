#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what `cgbpf tree` promises where Docker's cgroup driver is systemd; never run but in scripts/vm --systemd.

load ../guest/tree
load ../guest/engine

setup_file() {
	unset DOCKER_CGROUP_DRIVER
	begin_engine
}

setup() {
	begin_with_engine
}

teardown() {
	end_with_engine
}

# bats test_tags=core
@test "tree, slices: a path is refused where Docker takes none, with cause and cure" {
	refused 3 'should be a valid slice.*daemon\.json.*native\.cgroupdriver=cgroupfs.*systemctl restart docker.*--driver systemd' \
		"$CGBPF" tree apply -c "$TREE"
}

# bats test_tags=core
@test "tree, slices: containers in the slices have the CPUs and the memory of their service" {
	apply --driver systemd
	[[ $PARENT1 =~ ^cgbpf-run_main_[0-9]+_[0-9a-f]{8}_local-crs1\.slice$ ]] || fail "$PARENT1"
	start one "$PARENT1"
	start two "$PARENT2"
	assert_equal "$(docker exec one nproc) $(docker exec two nproc)" "1 1"
	run -137 docker exec one dd if=/dev/zero of=/dev/null bs=56M count=1
	docker exec two dd if=/dev/zero of=/dev/null bs=56M count=1
	"$CGBPF" tree verify -c "$TREE" --json |
		jq -e '.bad == 0 and ([.findings[] | select(.check == "containers" and .verdict == "good")] | length) == 2'
	run -1 "$CGBPF" tree remove -c "$TREE" --timeout 0.2
	docker rm -f one two >/dev/null
	"$CGBPF" tree remove -c "$TREE"
	[[ ! -e $WORKER ]] || fail "$(find "$WORKER")"
	assert_equal "$(systemctl list-units --no-legend --all "${PARENT1%-*}*")" ""
}

@test "tree, slices: a file whose services would be one slice is refused, and nothing is left" {
	sed -i 's/crs1/a-b/; s/crs2/a_b/' "$TREE"
	refused 2 "would be one slice" "$CGBPF" tree apply -c "$TREE" --driver systemd
}

@test "tree, slices: a mark stops no unit that systemd has in another place" {
	local forged=$TEST_CGROUP/victim.slice
	systemctl start victim.slice
	mkdir -p "$forged"
	forge_mark "$forged" systemd
	run -1 "$CGBPF" tree remove --parent "$TEST_CGROUP"
	systemctl is-active --quiet victim.slice
	rmdir "$forged"
	systemctl stop victim.slice
}

@test "tree, slices: a container told a parent of an earlier run is found, and one that was moved away" {
	finds_the_misplaced --driver systemd
	systemctl stop "${EARLIER%-*}.slice"
}

@test "tree, slices: what a killed apply left is found and pruned, and nothing else of such a name" {
	local slice other=other-run_main_1795547626_7dd41f44_local.slice
	systemctl start "$other"
	# Killed when systemd has made the slice, before the mark is on it.
	run strace -f -qq -e trace=fsetxattr -e inject=fsetxattr:signal=KILL:when=1 -o /dev/null \
		"$CGBPF" tree apply -c "$TREE" --driver systemd
	slice=$(systemctl list-units --no-legend --plain 'cgbpf-run_main_*' | cut -d' ' -f1)
	mkdir -p "$TEST_CGROUP/cgbpf.slice/$slice"
	"$CGBPF" tree show --json | jq -e --arg cgroup "/cgbpf.slice/$slice" \
		'length == 1 and .[0].cgroup == $cgroup and .[0].half_made and .[0].run_id == "run" and .[0].driver == "systemd"'
	"$CGBPF" tree prune
	systemctl is-active --quiet "$slice"
	"$CGBPF" tree prune --older-than 0
	run ! systemctl is-active --quiet "$slice"
	[[ ! -e $CGROUP_ROOT/cgbpf.slice/$slice ]] || fail "left"
	systemctl is-active --quiet "$other"
	systemctl stop "$other"
}

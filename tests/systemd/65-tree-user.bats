#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what `cgbpf tree` promises a user whose part of the tree systemd has delegated; never run but in scripts/vm --systemd.

load ../guest/tree
load ../guest/engine

setup_file() {
	export USER_NAME=joe
	useradd --create-home "$USER_NAME"
	loginctl enable-linger "$USER_NAME"
	USER_ID=$(id -u "$USER_NAME")
	BASE=$CGROUP_ROOT/user.slice/user-$USER_ID.slice/user@$USER_ID.service
	export USER_ID BASE
	wait_for "$DEADLINE" systemctl is-active --quiet "user@$USER_ID.service"
	# Plain paths need this driver, whatever the init.
	export DOCKER_CGROUP_DRIVER=cgroupfs
	begin_engine
}

teardown_file() {
	end_engine
	loginctl disable-linger "$USER_NAME"
}

setup() {
	write_tree
	# The tests' folders are root's.
	chmod 755 "$BATS_RUN_TMPDIR" "${LIVE_DIR%/*/*}" "${LIVE_DIR%/*}" "$LIVE_DIR"
	ROOTS_CGBPF=$(realpath "$CGBPF")
	CGBPF=$LIVE_DIR/as-user
	printf '#!/bin/sh\nexec setpriv --reuid %s --regid %s --clear-groups %s "$@"\n' "$USER_ID" "$USER_ID" \
		"$ROOTS_CGBPF" >"$CGBPF"
	chmod 755 "$CGBPF"
}

teardown() {
	"$CGBPF" tree remove --all --kill >/dev/null
	end_test
}

# bats test_tags=core
@test "tree, systemd: what systemd delegates by itself lacks cpuset, and the user is told the cure" {
	assert_equal "$(stat -c %U "$BASE")" "$USER_NAME"
	! grep -qw cpuset "$BASE/cgroup.controllers" || skip "this systemd delegates cpuset"
	refused 3 "sudo cgbpf tree delegate $USER_NAME" "$CGBPF" tree apply -c "$TREE"
}

# bats test_tags=core
@test "tree, systemd: once delegated, the user makes, uses and removes hierarchies without root" {
	"$ROOTS_CGBPF" tree delegate "$USER_NAME"
	apply
	[[ $WORKER == "$BASE"/cgbpf/* ]] || fail "$WORKER"
	assert_equal "$(stat -c %U "$SERVICE1/cgroup.procs")" "$USER_NAME"
	docker run -d --init --network none --name one --cgroup-parent "$PARENT1" "$IMAGE" sleep 100000 >/dev/null
	assert_equal "$(docker exec one nproc)" 1
	run -137 docker exec one dd if=/dev/zero of=/dev/null bs=56M count=1
	"$ROOTS_CGBPF" tree verify -c "$TREE" --json | jq -e '.bad == 0'
	"$CGBPF" tree show --json | jq -e '.[0].services[0].containers | length == 1'
	docker stop -t 0 one >/dev/null
	"$CGBPF" tree remove -c "$TREE"
	[[ ! -e $BASE/cgbpf ]] || fail "$(find "$BASE/cgbpf")"
	docker rm -f one >/dev/null
}

@test "tree, systemd: a daemon-reload takes nothing from a delegated user" {
	"$ROOTS_CGBPF" tree delegate "$USER_NAME"
	apply
	systemctl daemon-reload
	"$CGBPF" tree verify -c "$TREE" --json | jq -e '.bad == 0'
	assert_limit "$SERVICE1" 48M
	apply --run-id second
	"$CGBPF" tree remove --all
	[[ ! -e $BASE/cgbpf ]] || fail "$(find "$BASE/cgbpf")"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that page cache is not need, on a disk of its own; it never counts a tmpfs as cache.

load helpers

setup() {
	make_disk "$LIVE_DIR/disk" 64M
	truncate -s 1G "$LIVE_DIR/disk/sparse"
}

teardown() {
	local status=0
	end_test || status=1
	remove_disk "$LIVE_DIR/disk" || status=1
	return "$status"
}

# bats test_tags=core
@test "cache: a reader that streams 1 GiB through 64 MiB is given at most one step" {
	local cgroup
	cgroup=$(make_cgroup reader)
	write_config "$(path_of "$cgroup")" 64M 256M "step: 32M"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" stream --file "$LIVE_DIR/disk/sparse"
	(($(limit_of "$cgroup") <= $(bytes 96M))) || fail "it was given $(limit_of "$cgroup")" "$(cat "$JOURNAL")"
	# It did fill the limit: there was something to be told from need.
	(($(usage_of "$cgroup") > $(bytes 48M))) || fail "only $(usage_of "$cgroup") were in use"
}

# bats test_tags=core
@test "cache: real need on top of a full cache is still served" {
	local cgroup
	cgroup=$(make_cgroup reader)
	write_config "$(path_of "$cgroup")" 64M 256M "step: 32M"
	start_cgbpf -c "$CONFIG"
	workload "$cgroup" stream --file "$LIVE_DIR/disk/sparse"
	lives "$cgroup" touch --bytes 180M
	(($(limit_of "$cgroup") >= $(bytes 180M))) || fail "it was given only $(limit_of "$cgroup")"
}

@test "cache: a reader beside real need in one cgroup costs nobody's life" {
	local cgroup reader
	cgroup=$(make_cgroup both)
	write_config "$(path_of "$cgroup")" 64M 256M "step: 32M"
	start_cgbpf -c "$CONFIG"
	"$WORKLOAD" stream --cgroup "$cgroup" --file "$LIVE_DIR/disk/sparse" 3>&- &
	reader=$!
	lives "$cgroup" touch --bytes 180M
	wait "$reader"
	assert_kills "$cgroup" 0
}

@test "cache: what was written and not yet reached the disk kills nobody" {
	local cgroup
	cgroup=$(make_cgroup writer)
	write_config "$(path_of "$cgroup")" 16M 64M "step: 8M"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" io --bytes 32M --file "$LIVE_DIR/disk/written"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised when cgroups come, go and come again under a running controller; it never restarts it.

load helpers

# bats test_tags=core
@test "lifecycle: a cgroup made later gets its rule and its soft" {
	local cgroup seen
	make_parent "$TEST_CGROUP"
	write_config "$(path_of "$TEST_CGROUP")/*" 32M 256M
	start_cgbpf -c "$CONFIG"
	has_entries rules 0
	seen=$(stat_of cgroup_new_cnt)
	cgroup=$(make_cgroup later)
	wait_limit "$cgroup" 32M
	wait_journal ".event == \"governed\" and .cgroup == \"$(path_of "$cgroup")\" and .new == 33554432"
	(($(stat_of cgroup_new_cnt) > seen)) || fail "not by an event of the kernel"
	has_entries rules 1
	lives "$cgroup" touch --bytes 200M
}

@test "lifecycle: cgroups whose parent is handed the memory controller later are governed then" {
	local dir
	make_parent "$TEST_CGROUP"
	mkdir -p "$TEST_CGROUP/parent/child"
	[[ ! -e $TEST_CGROUP/parent/child/memory.max ]]
	dir=$TEST_CGROUP/parent/child
	write_config "$(path_of "$dir")" 32M 256M
	start_cgbpf -c "$CONFIG"
	has_entries rules 0
	echo +memory >"$TEST_CGROUP/parent/cgroup.subtree_control"
	wait_limit "$dir" 32M
	has_entries rules 1
}

# What the administrator switched off went with all its limits: without us none would stand at the end.
@test "lifecycle: a controller switched off and on again under a cgroup that lives: governed anew, and not for gone" {
	local cgroup parent seen
	cgroup=$(make_cgroup up/job 48M)
	parent=${cgroup%/*}
	echo "30000 100000" >"$cgroup/cpu.max"
	write_targets <<-END
		  - name: test
		    cgroup: "$(path_of "$cgroup")"
		    memory: { soft: 32M, hard: 256M, return_after: 50ms }
		    cpu: { soft: 0.2, hard: 1 }
		    priority: { weight: 300 }
	END
	start_cgbpf -c "$CONFIG"
	echo "-memory -cpu" >"$parent/cgroup.subtree_control"
	wait_for "$DEADLINE" has_entries ledger 0
	assert_equal "$(map_values rules | jq .knobs)" $((1 << 5)) "knobs of the rule: the weight, which is still wanted"
	echo "+memory +cpu" >"$parent/cgroup.subtree_control"
	wait_limit "$cgroup" 32M
	wait_for "$DEADLINE" grep -qx "20000 100000" "$cgroup/cpu.max"
	wait_for "$DEADLINE" grep -qx 300 "$cgroup/cpu.weight"
	wait_for "$DEADLINE" has_entries rules 1
	lives "$cgroup" touch --bytes 100M
	wait_limit "$cgroup" 32M
	# A raise that is asked for under way finds its file gone.
	seen=$(jq -c 'select(.event == "governed")' "$JOURNAL" | wc -l)
	kill -STOP "$CGBPF_PID"
	hold_memory "$cgroup" 30M
	echo "-memory" >"$parent/cgroup.subtree_control"
	echo "+memory" >"$parent/cgroup.subtree_control"
	end_hold "$HOLD_PID"
	kill -CONT "$CGBPF_PID"
	wait_limit "$cgroup" 32M
	lives "$cgroup" touch --bytes 100M
	(($(jq -c 'select(.event == "governed")' "$JOURNAL" | wc -l) > seen)) || fail "it was not governed anew"
	refute_journal '.event == "cgroup_gone"'
	stop_cgbpf TERM
	assert_limit "$cgroup" max
	assert_equal "$(<"$cgroup/cpu.max") $(<"$cgroup/cpu.weight")" "max 100000 100" "cpu.max and cpu.weight"
}

# A look at the limits comes before the news: what is due by then was of the file that went.
@test "lifecycle: a limit that is due to return as its controller is switched off and on is no limit of the new file" {
	local cgroup parent
	is_governed_again() { (($(jq -c 'select(.event == "governed")' "$JOURNAL" | wc -l) == 2)); }
	cgroup=$(make_cgroup up/job)
	parent=${cgroup%/*}
	write_config "$(path_of "$cgroup")" 32M 256M "step: 4M, return_after: 500ms"
	start_cgbpf -c "$CONFIG"
	hold_memory "$cgroup" 100M
	end_hold "$HOLD_PID"
	# Some twenty steps back, one at each look.
	wait_journal '.event == "limit_returned"'
	kill -STOP "$CGBPF_PID"
	# The timer first, then the notes.
	sleep 1
	echo "-memory" >"$parent/cgroup.subtree_control"
	echo "+memory" >"$parent/cgroup.subtree_control"
	kill -CONT "$CGBPF_PID"
	wait_for "$DEADLINE" is_governed_again
	stop_cgbpf TERM
	assert_limit "$cgroup" max
}

# bats test_tags=core
@test "lifecycle: a cgroup that is removed is forgotten in rules, ledger and sight" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG"
	has_entries rules 1
	has_entries ledger 1
	rmdir "$cgroup"
	wait_journal ".event == \"cgroup_gone\" and .cgroup == \"$(path_of "$cgroup")\""
	wait_for "$DEADLINE" has_entries rules 0
	wait_for "$DEADLINE" has_entries ledger 0
	wait_for "$DEADLINE" has_entries cgroups 0
}

@test "lifecycle: the same path made again is another cgroup, governed anew" {
	local cgroup first second
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG"
	first=$(stat -c %i "$cgroup")
	lives "$cgroup" touch --bytes 100M
	rmdir "$cgroup"
	mkdir "$cgroup"
	second=$(stat -c %i "$cgroup")
	[[ $first != "$second" ]] || fail "the kernel gave the same id again"
	wait_journal ".event == \"governed\" and .cgroup_id == $second"
	wait_limit "$cgroup" 32M
	assert_journal ".event == \"governed\" and .cgroup_id == $first"
	lives "$cgroup" touch --bytes 200M
}

@test "lifecycle: 200 cgroups that come and go at once leave nothing behind" {
	local cgroup
	make_parent "$TEST_CGROUP"
	write_config "$(path_of "$TEST_CGROUP")/*" 32M 256M
	start_cgbpf -c "$CONFIG"
	# In one process: starting one for each would leave the controller all the time it wants.
	python3 - "$TEST_CGROUP" <<-END
		import os, sys
		for i in range(200):
		    os.mkdir(f"{sys.argv[1]}/quick-{i}")
		    os.rmdir(f"{sys.argv[1]}/quick-{i}")
	END
	cgroup=$(make_cgroup last)
	wait_limit "$cgroup" 32M
	wait_for "$DEADLINE" has_entries rules 1
	wait_for "$DEADLINE" has_entries ledger 1
	assert_alive "$CGBPF_PID"
	assert_equal "$(stat_of note_lost_cnt)" 0 "records lost"
	lives "$cgroup" touch --bytes 100M
}

# Where no config lies: in an empty folder, and nothing below /etc.
start_default() {
	CGBPF=$(realpath "$CGBPF")
	# shellcheck disable=SC2034 # read in helpers.bash
	WORKLOAD=$PWD/build/workload
	mkdir "$LIVE_DIR/empty"
	cd "$LIVE_DIR/empty" || return
	start_cgbpf
}

governed_as() {
	"$CGBPF" status --json |
		jq -c --arg cgroup "$(path_of "$1")" '.cgroups[] | select(.cgroup == $cgroup) | [.soft, .hard]'
}

# bats test_tags=core
@test "default config: finite limits are governed, soft as they are, hard twice that" {
	local finite infinite
	finite=$(make_cgroup finite 64M)
	infinite=$(make_cgroup infinite)
	start_default
	assert_equal "$(governed_as "$finite")" "[67108864,134217728]" "soft and hard"
	assert_equal "$(governed_as "$infinite")" "" "rule of a cgroup without a limit"
	assert_limit "$finite" 64M
	lives "$finite" touch --bytes 100M
	assert_limit "$infinite" max
}

@test "default config: a cgroup whose limit becomes finite later is governed from then on" {
	local cgroup
	cgroup=$(make_cgroup later)
	start_default
	has_entries rules 0
	echo 64M >"$cgroup/memory.max"
	wait_for "$DEADLINE" has_entries rules 1
	wait_journal ".event == \"governed\" and .cgroup == \"$(path_of "$cgroup")\""
	assert_equal "$(governed_as "$cgroup")" "[67108864,134217728]" "soft and hard"
	lives "$cgroup" touch --bytes 100M
	stop_cgbpf TERM
	assert_limit "$cgroup" 64M
}

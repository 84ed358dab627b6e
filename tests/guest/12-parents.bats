#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised about ancestors and descendants of a governed cgroup; it never tests a flat one.

load helpers

# bats test_tags=core
@test "parents: a tighter parent that is not ours is named, and the child not raised in vain" {
	local parent child
	child=$(make_cgroup parent/child)
	parent=${child%/*}
	echo 48M >"$parent/memory.max"
	write_config "$(path_of "$child")" 32M 256M
	start_cgbpf -c "$CONFIG"
	run ! workload "$child" touch --bytes 100M
	wait_journal '.event == "not_raised" and .reason == "parent_binds"'
	assert_journal ".reason == \"parent_binds\" and .cgroup == \"$(path_of "$child")\"
		and (.detail | endswith(\": $(path_of "$parent")\"))"
	(($(limit_of "$child") <= $(bytes 48M))) || fail "the child was given $(limit_of "$child")"
	assert_limit "$parent" 48M
	# It was killed under its own limit, or under that of its parent, which nobody governs.
	wait_journal ".event == \"oom_kill\" and (.would_have_saved == \"a higher limit of an ancestor of $(path_of "$child")\"
		or .would_have_saved == \"a target that governs $(path_of "$parent")\")"
}

@test "parents: a kill under the parent's limit names the parent as the limit's cgroup" {
	local parent child
	child=$(make_cgroup parent/child)
	parent=${child%/*}
	echo 48M >"$parent/memory.max"
	write_config "$(path_of "$child")" 128M 256M
	start_cgbpf -c "$CONFIG"
	run ! workload "$child" touch --bytes 100M
	wait_journal '.event == "oom_kill"'
	assert_journal ".event == \"oom_kill\" and .limit_cgroup == \"$(path_of "$parent")\"
		and .cgroup == \"$(path_of "$child")\"
		and .would_have_saved == \"a target that governs $(path_of "$parent")\""
	wait_journal ".event == \"oom_exit\" and .limit_cgroup == \"$(path_of "$parent")\"
		and .cgroup == \"$(path_of "$child")\" and .exit_status == 137"
}

# govern_both HARD: a child up to 256M in a parent up to HARD, both with a running cgbpf; sets CHILD and PARENT.
govern_both() {
	CHILD=$(make_cgroup parent/child)
	PARENT=${CHILD%/*}
	write_targets <<-END
		  - name: parent
		    cgroup: "$(path_of "$PARENT")"
		    memory: { soft: 48M, hard: $1, hold: 100ms }
		  - name: child
		    cgroup: "$(path_of "$CHILD")"
		    memory: { soft: 32M, hard: 256M, hold: 100ms }
	END
	start_cgbpf -c "$CONFIG"
}

# bats test_tags=core
@test "parents: a governed parent rises before its child does" {
	govern_both 300M
	lives "$CHILD" touch --bytes 200M
	wait_journal '.target == "parent" and .reason == "child_needs"'
	# At no raise of the child has its parent less.
	jq -se 'reduce (.[] | select(.added_memory)) as $raise ({parent: 50331648, ok: true};
			if $raise.target == "parent" then .parent = $raise.new
			else .ok = (.ok and $raise.new <= .parent) end)
		| .ok' "$JOURNAL" || fail "$(cat "$JOURNAL")"
}

@test "parents: a governed parent gives its child no more than its own hard" {
	govern_both 96M
	run ! workload "$CHILD" touch --bytes 200M
	assert_limit "$PARENT" 96M
	wait_journal '.event == "hard_limit_reached" and .target == "parent"'
}

@test "parents: ancestors without a limit, and not ours, are in nobody's way" {
	local cgroup
	cgroup=$(make_cgroup a/b/c)
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" touch --bytes 200M
	assert_limit "${cgroup%/*}" max
	assert_limit "${cgroup%/*/*}" max
}

@test "parents: a wider limit above, not ours, is used and not exceeded" {
	local parent child
	child=$(make_cgroup parent/child)
	parent=${child%/*}
	echo 160M >"$parent/memory.max"
	write_config "$(path_of "$child")" 32M 256M
	start_cgbpf -c "$CONFIG"
	lives "$child" touch --bytes 120M
	assert_limit "$parent" 160M
}

# bats test_tags=core
@test "parents: a cgroup charged only through a child of its own is rescued" {
	local leaf cgroup
	leaf=$(make_cgroup job/leaf)
	cgroup=${leaf%/*}
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG"
	lives "$leaf" touch --bytes 200M
	assert_limit "$leaf" max
	wait_journal "(.added_memory // 0) > 0 and .cgroup == \"$(path_of "$cgroup")\""
}

@test "parents: two children of one governed cgroup in need at once both live" {
	local one two cgroup pid
	one=$(make_cgroup job/one) two=$(make_cgroup job/two)
	cgroup=${one%/*}
	write_config "$(path_of "$cgroup")" 32M 256M
	start_cgbpf -c "$CONFIG"
	"$WORKLOAD" touch --cgroup "$one" --bytes 90M 3>&- &
	pid=$!
	lives "$two" touch --bytes 90M
	wait "$pid" || fail "the first was killed"
	assert_kills "$cgroup" 0
}

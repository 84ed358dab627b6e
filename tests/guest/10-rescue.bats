#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the main promise: what is killed at its limit without cgbpf lives with it, up to hard; it never measures.

# bats file_tags=two-cpus
load helpers

# What `lives` asks of it is asked of the default.
HOLD="hold: 20ms"

# The same work three times over would prove no more: once without, once with.
killed_without_alive_with() {
	local cgroup
	cgroup=$(make_cgroup job 32M)
	run ! workload "$cgroup" "$@"
	(($(oom_kills "$cgroup") > 0)) || fail "nothing was killed without cgbpf"
	remove_cgroup "$cgroup"

	cgroup=$(make_cgroup job 32M)
	write_config "$(path_of "$cgroup")" 32M 256M "$HOLD"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" "$@"
	wait_journal '.event == "soft_limit_raised" or .event == "oom_adjustment"' >/dev/null
}

# bats test_tags=core
@test "rescue: a process that touches 200 MiB in 32 MiB lives" {
	killed_without_alive_with touch --bytes 200M
}

@test "rescue: small pages, touched one by one, live" {
	killed_without_alive_with touch --bytes 200M --small-pages
}

# bats test_tags=core
@test "rescue: four children with 50 MiB each live" {
	killed_without_alive_with fork --bytes 200M
}

@test "rescue: four threads live" {
	killed_without_alive_with threads --bytes 200M
}

# bats test_tags=core
@test "rescue: shared memory, which reclaim cannot take, is given room" {
	killed_without_alive_with shmem --bytes 200M
}

@test "rescue: several cgroups in need at once all live" {
	local name cgroup pid pids=()
	for name in a b c d; do
		make_cgroup "$name" 16M
	done
	write_config "$(path_of "$TEST_CGROUP")/*" 16M 128M
	start_cgbpf -c "$CONFIG"
	for name in a b c d; do
		workload "$TEST_CGROUP/$name" touch --bytes 100M 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "a workload was killed"
	done
	for cgroup in "$TEST_CGROUP"/[a-d]; do
		assert_kills "$cgroup" 0
	done
}

# bats test_tags=core
@test "hard: it is reached, journaled once and not exceeded" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 32M 64M
	start_cgbpf -c "$CONFIG"
	run ! workload "$cgroup" touch --bytes 200M
	assert_limit "$cgroup" 64M
	(($(cat "$cgroup/memory.peak") <= $(bytes 64M))) || fail "more than hard was in use"
	wait_journal '.event == "oom_kill"'
	wait_journal '.event == "hard_limit_reached"'
	assert_equal "$(jq -c 'select(.event == "hard_limit_reached")' "$JOURNAL" | wc -l)" 1 \
		"records of hard_limit_reached"
	assert_equal "$(jq -s 'map(.new // 0 | numbers) | max' "$JOURNAL")" "$(bytes 64M)" "highest limit"
}

# bats test_tags=core
@test "kill: it is journaled with the limit's cgroup, the trigger and the victim" {
	local cgroup pid path
	cgroup=$(make_cgroup job)
	path=$(path_of "$cgroup")
	write_config "$path" 32M 32M
	start_cgbpf -c "$CONFIG"
	"$WORKLOAD" touch --cgroup "$cgroup" --bytes 100M 3>&- &
	pid=$!
	wait "$pid" && fail "nothing was killed"
	wait_journal '.event == "oom_kill"'
	assert_equal \
		"$(jq -c 'select(.event == "oom_kill") | [.cgroup, .limit_cgroup, .victim_pid, .trigger_pid, .victim_comm]' "$JOURNAL")" \
		"[\"$path\",\"$path\",$pid,$pid,\"workload\"]"
	assert_journal ".event == \"oom_kill\" and .would_have_saved == \"a hard limit of $path above 32.0 MiB\""
	wait_journal ".event == \"oom_exit\" and .cgroup == \"$path\" and .limit_cgroup == \"$path\"
		and .victim_pid == $pid and .exit_status == 137"
	assert_equal "$(map_values cgroups | jq .kill_cnt)" 1 "kills in the map"
}

@test "journal: received, decided, written, effective come in this order" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 32M 256M "$HOLD"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" touch --bytes 200M
	wait_journal '.event == "soft_limit_raised"'
	jq -se 'map(select(.added_memory)) | length > 0 and all(.[]; .t | .received > 0
		and .received <= .decided and .decided <= .written and .written <= .effective)' "$JOURNAL" ||
		fail "$(cat "$JOURNAL")"
	jq -se 'all(.[]; .ts | test("^[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z$"))' "$JOURNAL"
	jq -se 'map(select(.added_memory)) | all(.[]; .knob == "memory.max" and .added_memory == .new - .old)' "$JOURNAL"
}

@test "time to limit: a fast grower is answered before its watermark" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 16M 512M "step: 4M, watermark: 99%, $HOLD"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" threads --bytes 400M --small-pages
	wait_journal '.reason == "time_to_limit"'
	(($(stat_of time_to_limit_cnt) > 0)) || fail "no such event was counted"
}

@test "hold: with a late watermark and small steps a fast allocator lives" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 16M 256M "step: 1M, watermark: 99%, $HOLD"
	start_cgbpf -c "$CONFIG"
	lives "$cgroup" threads --bytes 200M
	# An OOM that killed nobody was held, or the limit had moved by then.
	(($(stat_of oom_cnt) == 0 || $(stat_of hold_cnt) + $(stat_of hold_refused_cnt) > 0)) ||
		fail "an OOM without a hold"
	assert_equal "$(stat_of holders)" 0 "tasks still held"
}

@test "reserve: where the machine has nothing above it, no limit is raised" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_targets "machine: { reserve: 100% }" <<-END
		  - name: test
		    cgroup: "$(path_of "$cgroup")"
		    memory: { soft: 32M, hard: 256M }
	END
	start_cgbpf -c "$CONFIG"
	run ! workload "$cgroup" touch --bytes 200M
	assert_limit "$cgroup" 32M
	wait_journal '.reason == "no_headroom"'
	refute_journal '(.added_memory // 0) > 0'
}

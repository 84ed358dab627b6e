#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises about pressure: spikes are told as they happen, with whose fault they are; never measures how exactly.

load faults

BURNER=build/lab/cpu-burner

# write_psi CGROUP PSI [TOP KEYS]: one target of that path with thresholds of its own; sets CONFIG.
write_psi() {
	write_targets "${3:-}" <<-END
		  - name: test
		    cgroup: "$(path_of "$1")"
		    memory: { soft: 32M, hard: 32M }
		    psi: { $2 }
	END
}

# A cgroup with cpu and memory files.
make_cpu_cgroup() {
	make_parent "$TEST_CGROUP" && echo +cpu >"$TEST_CGROUP/cgroup.subtree_control" && make_cgroup "$@"
}

# bats test_tags=core
@test "pressure: a cgroup held by its own quota is told so, and the machine's pressure with it" {
	local cgroup
	cgroup=$(make_cpu_cgroup job 32M)
	echo "20000 100000" >"$cgroup/cpu.max"
	write_psi "$cgroup" "cpu: 20%" "psi: { cpu: 1% }"
	start_cgbpf -c "$CONFIG"
	"$BURNER" --cgroup "$cgroup" --threads 2 --seconds 600 >/dev/null 3>&- &
	wait_journal '.event == "psi_spike" and .target == "test" and .resource == "cpu" and .kind == "some"
		and .share >= .threshold and .threshold == 0.2 and .reason == "own_limit" and .own_limit_share > .contention_share'
	wait_journal '.event == "psi_spike" and .cgroup == "/" and .resource == "cpu" and .threshold == 0.01
		and (has("own_limit_share") | not)'
}

@test "pressure: a cgroup without a quota that has to share the CPUs is told to be in contention" {
	local began cgroup
	cgroup=$(make_cpu_cgroup job 32M)
	write_psi "$cgroup" "cpu: 10%"
	start_cgbpf -c "$CONFIG"
	began=$SECONDS
	"$BURNER" --cgroup "$cgroup" --threads 4 --seconds 600 >/dev/null 3>&- &
	wait_journal '.event == "psi_spike" and .target == "test" and .reason == "contention" and .own_limit_share == 0
		and .contention_share > 0'
	# The same spike, going on, is one record for ten seconds.
	(($(jq -c 'select(.event == "psi_spike" and .resource == "cpu")' "$JOURNAL" | wc -l) <= 1 + (SECONDS - began) / 10)) ||
		fail "told too often" "$(cat "$JOURNAL")"
	refute_journal '.event == "psi_spike" and .cgroup == "/"'
}

@test "pressure: page cache that its own limit evicts is memory pressure by its own limit" {
	local cgroup writer
	cgroup=$(make_cgroup job 32M)
	make_disk "$LIVE_DIR/disk" 160M
	write_psi "$cgroup" "memory: 1%"
	start_cgbpf -c "$CONFIG"
	"$WORKLOAD" io --cgroup "$cgroup" --bytes 96M --file "$LIVE_DIR/disk/file" --seconds 600 3>&- &
	writer=$!
	wait_journal '.event == "psi_spike" and .resource == "memory" and (.reason == "own_limit" or .brief)'
	assert_alive "$writer"
	kill "$writer"
	wait "$writer" || true
	remove_disk "$LIVE_DIR/disk"
}

@test "pressure: nobody asked, nothing is watched; a reload asks, and asks no more" {
	local cgroup
	cgroup=$(make_cgroup job 32M)
	write_psi "$cgroup" ""
	start_cgbpf -c "$CONFIG"
	assert_equal "$(find "/proc/$CGBPF_PID/fd" -lname '*pressure*' | wc -l)" 0 "pressure files held open"
	write_psi "$cgroup" "memory: 5%, io: 5%"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" said 'reloaded'
	wait_for "$DEADLINE" holds_triggers 2
	rmdir "$cgroup"
	wait_for "$DEADLINE" holds_triggers 0
}

holds_triggers() {
	(($(find "/proc/$CGBPF_PID/fd" -lname '*pressure*' | wc -l) == $1))
}

@test "pressure: not in this kernel: status 3 where the configuration asks for it, a word where it does not" {
	local cgroup
	cgroup=$(make_cgroup job 32M)
	write_psi "$cgroup" "memory: 10%"
	refused 3 'pressure .* is missing' "${IN_MOUNTS[@]}" 'mount -t tmpfs none /proc/pressure' "$CGBPF" run -c "$CONFIG"
	write_config "$(path_of "$cgroup")" 32M 64M
	"${IN_MOUNTS[@]}" 'mount -t tmpfs none /proc/pressure' "$CGBPF" run -c "$CONFIG" --duration 1 \
		--samples "$LIVE_DIR/samples" 2>"$CGBPF_STDERR"
	assert_equal "$(grep -c 'pressure is not told' "$CGBPF_STDERR")" 1 "words about it"
}

@test "pressure: thresholds outside of 0 to 100 percent are refused with their place" {
	local cgroup
	cgroup=$(make_cgroup job 32M)
	write_psi "$cgroup" "memory: 101%"
	refused 2 "$CONFIG:5:20: memory: '101%' is" "$CGBPF" run -c "$CONFIG"
	write_psi "$cgroup" "disk: 10%"
	refused 2 "$CONFIG:5:12: unknown key 'disk'" "$CGBPF" run -c "$CONFIG"
}

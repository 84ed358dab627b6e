#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what doctor promises on a kernel that has all that is required; it never takes a feature away.

load helpers

# bats test_tags=core
@test "doctor: this guest can run it" {
	run -0 "$CGBPF" doctor
	[[ $output == *"cgbpf can run here"* && $output != *MISSING* ]] || fail "$output"
}

# bats test_tags=core
@test "doctor: --json holds every feature with what is lost without it" {
	run -0 "$CGBPF" doctor --json
	jq -e --arg kernel "$(uname -r)" '.kernel == $kernel and .can_run and (.features | length) > 10
		and all(.features[]; .name and .what and .lost and .cure
			and (.present | type) == "boolean" and (.required | type) == "boolean")' <<<"$output" || fail "$output"
	assert_equal "$(jq '[.features[].name] | length - (unique | length)' <<<"$output")" 0 "names that occur twice"
}

# bats test_tags=core
@test "doctor: the programs of its table are those that run loads" {
	local wanted loaded
	wanted=$("$CGBPF" doctor --json |
		jq -r '.programs[] | select(.command == "run") | .name' | cut -c1-15 | sort)
	make_parent "$TEST_CGROUP"
	write_config "$(path_of "$TEST_CGROUP")/*" 32M 256M
	start_cgbpf -c "$CONFIG"
	loaded=$(bpftool -j prog show | jq -r '.[].name // "" | select(startswith("on_"))' | cut -c1-15 | sort)
	assert_equal "$loaded" "$wanted" "programs"
}

@test "doctor: an io.max that had better not move while bios wait is told, by the kernel's own types" {
	local expected=true
	! bpftool btf dump file /sys/kernel/btf/vmlinux format c | grep -q 'uint64_t carryover_bytes' || expected=false
	assert_equal "$("$CGBPF" doctor --json | jq '.features[] | select(.name == "io_carry").present')" "$expected"
}

@test "doctor: it changes nothing" {
	local cgroup
	cgroup=$(make_cgroup job 64M)
	run -0 "$CGBPF" doctor
	assert_limit "$cgroup" 64M
	[[ ! -e $PIN_DIR ]] || fail "it made $PIN_DIR"
}

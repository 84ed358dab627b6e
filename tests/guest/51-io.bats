#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what is promised about IO: throttled reads and writes are given more, up to hard, and it comes back; it never looks at memory.

load faults

# Two disks of the machine's memory; one of them is taken away again by a test.
setup() {
	modprobe brd rd_nr=2 rd_size=65536 max_part=4
	wait_for "$DEADLINE" test -b /dev/ram0
	DEVICE=$(</sys/block/ram0/dev)
}

teardown() {
	end_test
	rmmod brd 2>/dev/null || true
}

# io_config FOLDER IO-KEYS [MORE]: a config with one target; sets CONFIG.
io_config() {
	write_targets <<-END
		  - name: test
		    cgroup: "$(path_of "$1")"
		    io: { $2 }
		    ${3:-}
	END
}

# line_of FOLDER: what io.max says of the device.
line_of() {
	sed -n "s/^$DEVICE //p" "$1/io.max"
}

has_line() {
	[[ $(line_of "$1") == "$2" ]]
}

# disk_io CGROUP read|write BLOCK-SIZE: past the page cache, until end_io.
IO_PIDS=()
disk_io() {
	local what=(if=/dev/ram0 of=/dev/null iflag=direct)
	[[ $2 == read ]] || what=(if=/dev/zero of=/dev/ram0 oflag=direct conv=notrunc)
	# shellcheck disable=SC2016 # another shell's
	"${IN_CGROUP[@]}" "$1" bash -c 'while :; do dd "$@" status=none; done' - "${what[@]}" bs="$3" count=256 2>/dev/null 3>&- &
	IO_PIDS+=($!)
}

# Kernels whose carryover_bytes is unsigned (6.1) keep a bio for minutes when its limit was lowered in a bad moment.
end_io() {
	echo 1 >"$1/cgroup.kill"
	wait "${IO_PIDS[@]}" 2>/dev/null || true
	wait_for 5 is_unpopulated "$1" 2>/dev/null || echo "$DEVICE rbps=max wbps=max riops=max wiops=max" >"$1/io.max"
	IO_PIDS=()
}

# bats test_tags=core
@test "io: a throttled writer is raised step by step to hard, which is said once; returned, and put back" {
	local cgroup counted
	cgroup=$(make_cgroup job)
	echo "$DEVICE riops=777" >"$cgroup/io.max"
	io_config "$cgroup" "device: /dev/ram0, wbps: { soft: 1M, hard: 3M }, return_after: 500ms"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(line_of "$cgroup")" "rbps=max wbps=1048576 riops=777 wiops=max" "io.max when governing begins"
	disk_io "$cgroup" write 64K
	wait_journal ".event == \"soft_limit_raised\" and .knob == \"io.max\" and .device == \"$DEVICE\" and .limit == \"wbps\"
		and .old == 1048576 and .new == 2097152 and .reason == \"throttled\" and .t.effective >= .t.written"
	wait_journal '.event == "hard_limit_reached" and .limit == "wbps" and .new == 3145728'
	wait_journal '.event == "io_throttled" and .limit == "wbps" and .throttled > 0'
	wait_for "$DEADLINE" has_line "$cgroup" "rbps=max wbps=3145728 riops=777 wiops=max"
	end_io "$cgroup"
	wait_for "$DEADLINE" has_line "$cgroup" "rbps=max wbps=1048576 riops=777 wiops=max"
	assert_journal '.event == "limit_returned" and .limit == "wbps" and .reason == "calm"'
	# On a starved host a writer may pause for so long that something is returned, and raised anew.
	jq -se '(map(select(.event == "hard_limit_reached")) | length) <= (map(select(.event == "soft_limit_raised" and .new == 3145728)) | length)' \
		"$JOURNAL" >/dev/null || fail "hard was said more than once" "$(cat "$JOURNAL")"
	counted=$(io_count)
	stop_cgbpf TERM
	assert_bios_told "$counted"
	assert_equal "$(line_of "$cgroup")" "rbps=max wbps=max riops=777 wiops=max" "io.max at the end"
}

# bats test_tags=core
@test "io: of bytes and operations, the limit that binds is raised, and only in the direction that waits" {
	local cgroup
	cgroup=$(make_cgroup job)
	io_config "$cgroup" "device: \"$DEVICE\", rbps: { soft: 1G, hard: 2G }, riops: { soft: 20, hard: 400, step: 30 }, wiops: { soft: 5, hard: 10 }"
	start_cgbpf -c "$CONFIG"
	disk_io "$cgroup" read 4K
	wait_journal '.event == "soft_limit_raised" and .limit == "riops" and .old == 20 and .new == 50'
	wait_journal '.event == "hard_limit_reached" and .limit == "riops" and .new == 400'
	end_io "$cgroup"
	refute_journal '.event == "soft_limit_raised" and .limit != "riops"'
	stop_cgbpf TERM
	assert_equal "$(line_of "$cgroup")" ""
}

@test "io: what was raised comes back after a crash, by restore and by the next start" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "$DEVICE rbps=2000000" >"$cgroup/io.max"
	io_config "$cgroup" "device: \"$DEVICE\", rbps: { soft: 1M, hard: 8M }"
	start_cgbpf -c "$CONFIG"
	disk_io "$cgroup" read 64K
	wait_journal '.event == "soft_limit_raised" and .limit == "rbps"'
	crash_cgbpf
	restore
	assert_equal "$(line_of "$cgroup")" "rbps=2000000 wbps=max riops=max wiops=max" "after restore"
	start_cgbpf -c "$CONFIG"
	crash_cgbpf
	start_cgbpf -c "$CONFIG"
	assert_journal '.event == "restored" and .reason == "crash" and .knob == "io.max"'
	stop_cgbpf TERM
	assert_equal "$(line_of "$cgroup")" "rbps=2000000 wbps=max riops=max wiops=max" "after the next run"
	end_io "$cgroup"
}

@test "io: another writer is obeyed, or answered; one of another device is left alone" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "$DEVICE rbps=2000000" >"$cgroup/io.max"
	io_config "$cgroup" "device: \"$DEVICE\", rbps: { soft: 1M, hard: 8M }"
	start_cgbpf -c "$CONFIG"
	echo "$(</sys/block/ram1/dev) wbps=5000000" >"$cgroup/io.max"
	echo "$DEVICE rbps=2000000" >"$cgroup/io.max"
	wait_journal '.event == "foreign_write" and .knob == "io.max" and .answer == "reassert" and .reason == "foreign_reset"'
	wait_for "$DEADLINE" has_line "$cgroup" "rbps=1048576 wbps=max riops=max wiops=max"
	echo "$DEVICE rbps=3000000" >"$cgroup/io.max"
	wait_journal '.event == "foreign_write" and .answer == "obey" and (.new | contains("rbps=3000000"))'
	stop_cgbpf TERM
	assert_equal "$(line_of "$cgroup")" "rbps=3000000 wbps=max riops=max wiops=max"
	grep -q wbps=5000000 "$cgroup/io.max"
}

@test "io: a limit of the line that others write is theirs, the others of it stay governed and go back" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "$DEVICE rbps=2000000" >"$cgroup/io.max"
	io_config "$cgroup" "device: \"$DEVICE\", rbps: { soft: 1M, hard: 8M }, riops: { soft: 5000, hard: 9000 }"
	start_cgbpf -c "$CONFIG"
	echo "$DEVICE wbps=5000000" >"$cgroup/io.max"
	wait_journal '.event == "foreign_write" and .limit == "wbps" and .answer == "obey"'
	echo "$DEVICE riops=7000" >"$cgroup/io.max"
	wait_journal '.event == "foreign_write" and .limit == "riops" and .answer == "obey"'
	disk_io "$cgroup" read 64K
	wait_journal '.event == "soft_limit_raised" and .limit == "rbps" and .old == 1048576'
	end_io "$cgroup"
	stop_cgbpf TERM
	assert_equal "$(line_of "$cgroup")" "rbps=2000000 wbps=5000000 riops=7000 wiops=max" "io.max at the end"
}

@test "io: a limit that a reload no longer names goes back, one that it adds begins" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "$DEVICE rbps=2000000" >"$cgroup/io.max"
	io_config "$cgroup" "device: \"$DEVICE\", rbps: { soft: 1M, hard: 8M }, riops: { soft: 5000, hard: 9000 }"
	start_cgbpf -c "$CONFIG"
	assert_equal "$(line_of "$cgroup")" "rbps=1048576 wbps=max riops=5000 wiops=max" "io.max when governing begins"
	io_config "$cgroup" "device: \"$DEVICE\", riops: { soft: 5000, hard: 9000 }, wbps: { soft: 3M, hard: 8M }"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"'
	assert_equal "$(line_of "$cgroup")" "rbps=2000000 wbps=3145728 riops=5000 wiops=max" "io.max after the reload"
	assert_journal '.event == "restored" and .limit == "rbps" and .old == 1048576 and .new == 2000000 and .reason == "reload"'
	stop_cgbpf TERM
	assert_equal "$(line_of "$cgroup")" "rbps=2000000 wbps=max riops=max wiops=max" "io.max at the end"
}

# A link to the program that looks at bios; its name depends on the kernel.
is_watching_bios() {
	local program
	program=$(bpftool -j prog show | jq '[.[] | select(.name // "" | startswith("on_bio")).id][0]')
	bpftool -j link show | jq -e --argjson program "$program" 'any(.[]; .prog_id == $program)' >/dev/null
}

@test "io: who governs no io.max has no bio looked at; a reload that adds one begins to look" {
	local cgroup
	cgroup=$(make_cgroup job)
	write_config "$(path_of "$cgroup")" 64M 128M
	start_cgbpf -c "$CONFIG"
	! is_watching_bios || fail "bios are looked at"
	io_config "$cgroup" "device: \"$DEVICE\", wbps: { soft: 1M, hard: 3M }"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "reloaded"'
	is_watching_bios
	disk_io "$cgroup" write 64K
	wait_journal '.event == "soft_limit_raised" and .knob == "io.max" and .limit == "wbps"'
	end_io "$cgroup"
	stop_cgbpf TERM
	assert_equal "$(line_of "$cgroup")" ""
}

@test "io: an unknown device, a partition and bad limits are refused with their place" {
	local cgroup said keys
	cgroup=$(make_cgroup job)
	addpart /dev/ram0 1 8 1000
	wait_for "$DEADLINE" test -b /dev/ram0p1
	while IFS='|' read -r keys said; do
		io_config "$cgroup" "$keys"
		refused 2 "^cgbpf: $CONFIG:[0-9]+:[0-9]+: .*$said" "$CGBPF" run -c "$CONFIG"
	done <<-END
		device: "9:99", rbps: { soft: 1M }|is no block device of this machine
		device: /dev/none, rbps: { soft: 1M }|cannot be found
		device: /dev/null, rbps: { soft: 1M }|is no block device
		device: /dev/ram0p1, rbps: { soft: 1M }|is a partition
		device: "$(</sys/class/block/ram0p1/dev)", rbps: { soft: 1M }|is a partition
		device: ram0, rbps: { soft: 1M }|is not a whole disk
		rbps: { soft: 1M }|io wants a device
		device: /dev/ram0|io wants one of rbps
		device: /dev/ram0, rbps: { soft: 0 }|outside
		device: /dev/ram0, riops: { soft: 0 }|outside
		device: /dev/ram0, riops: { soft: 10, hard: 5 }|soft is above hard
	END
}

# is_returned FOLDER: nothing is left to be written of io.max; a write of a device that is gone loads its module again
# (blkdev_get_no_open() in block/bdev.c).
is_returned() {
	[[ $(line_of "$1") == @(|rbps=1048576 *) ]]
}

# bats test_tags=core
@test "io: a device that disappears is told apart from a cgroup that does" {
	local cgroup other
	cgroup=$(make_cgroup job)
	other=$(make_cgroup other)
	io_config "$TEST_CGROUP/*" "device: \"$DEVICE\", rbps: { soft: 1M, hard: 8M }, return_after: 100ms"
	start_cgbpf -c "$CONFIG"
	disk_io "$cgroup" read 64K
	wait_journal '.event == "soft_limit_raised"'
	rmdir "$other"
	wait_journal '.event == "cgroup_gone"'
	end_io "$cgroup"
	wait_for "$DEADLINE" is_returned "$cgroup"
	wait_for "$DEADLINE" rmmod brd
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" said "is no block device of this machine"
	refute_journal '.event == "cgroup_gone" and (.cgroup | endswith("job"))'
	stop_cgbpf TERM
	[[ -z $(map_values ledger 2>/dev/null) ]]
}

@test "io: a cgroup without the controller is named and passed over" {
	local cgroup
	cgroup=$(make_cgroup up/job)
	echo "-io" >"${cgroup%/*}/cgroup.subtree_control"
	io_config "$cgroup" "device: /dev/ram0, rbps: { soft: 1M }"
	start_cgbpf -c "$CONFIG"
	assert_said "has no io controller"
	echo "+io" >"${cgroup%/*}/cgroup.subtree_control"
	wait_journal '.event == "governed" and .knob == "io.max"'
}

# bats test_tags=core
@test "io: a parent's limit that binds is named, and its pressure is not the child's; a governed parent is raised first" {
	local child parent up
	child=$(make_cgroup up/job)
	parent=${child%/*}
	up="{ name: up, cgroup: \"$(path_of "$parent")\", io: { device: /dev/ram0, wbps: { soft: 512K, hard: 2M } } }"
	echo "$DEVICE wbps=524288" >"$parent/io.max"
	io_config "$child" "device: /dev/ram0, wbps: { soft: 1M, hard: 8M }" "psi: { io: 10% }"
	start_cgbpf -c "$CONFIG"
	disk_io "$child" write 64K
	wait_journal ".event == \"not_raised\" and .knob == \"io.max\" and .limit == \"wbps\" and .reason == \"parent_binds\"
		and .target == \"test\" and (.detail | endswith(\"$(path_of "$parent")\"))"
	wait_journal '.event == "psi_spike" and .target == "test" and .resource == "io" and .full_share > 0 and .reason == "contention"'
	assert_equal "$(line_of "$child")" "rbps=max wbps=1048576 riops=max wiops=max" "a raise that would help nobody"
	# The child's own reads are governed, its writes are its parent's business.
	io_config "$child" "device: /dev/ram0, rbps: { soft: 1M, hard: 8M }"
	echo "  - $up" >>"$CONFIG"
	kill -HUP "$CGBPF_PID"
	wait_journal '.event == "hard_limit_reached" and .target == "up" and .limit == "wbps" and .new == 2097152'
	assert_journal '.event == "soft_limit_raised" and .target == "up" and .old == 524288 and .reason == "child_needs"'
	end_io "$child"
	# Both are governed: the child gets what its parent lets through.
	io_config "$child" "device: /dev/ram0, wbps: { soft: 1536K, hard: 8M }"
	echo "  - $up" >>"$CONFIG"
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" has_line "$child" "rbps=max wbps=1572864 riops=max wiops=max"
	disk_io "$child" write 64K
	wait_journal '.event == "soft_limit_raised" and .target == "test" and .old == 1572864 and .new == 2097152'
	wait_journal '.event == "not_raised" and .target == "test" and .old == 2097152 and .reason == "parent_binds"'
	refute_journal '.event == "hard_limit_reached" and .target == "test"'
	end_io "$child"
}

@test "io: a limit that cannot be written, or not put back, because its device is gone is told so" {
	local cgroup
	cgroup=$(make_cgroup job)
	echo "$DEVICE rbps=1048576" >"$cgroup/io.max"
	io_config "$cgroup" "device: \"$DEVICE\", rbps: { hard: 8M }"
	# The answering thread's second write: as if the device went between the look and the write.
	start_traced "$cgroup/io.max" error=ENODEV:when=2
	disk_io "$cgroup" read 64K
	wait_journal '.event == "write_failed" and .knob == "io.max" and .reason == "device_gone" and .detail == "the device is gone"'
	refute_journal '.event == "cgroup_gone"'
	end_io "$cgroup"
	wait_for "$DEADLINE" rmmod brd
	stop_traced
	assert_journal '.event == "restored" and .knob == "io.max" and .reason == "device_gone"'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promise that systemd's own writes while quotas are raised undo nothing for good; never run but in scripts/vm --systemd.

load ../guest/helpers

UNIT=cgbpf-lab.service

setup() {
	FOLDER=$CGROUP_ROOT/system.slice/$UNIT
	systemd-run --quiet --unit="$UNIT" --property=CPUQuota=20% --property=MemoryMax=64M \
		"$PWD/build/lab/cpu-burner" --threads 1
	write_targets <<-END
		  - name: job
		    unit: $UNIT
		    cpu: { hard: 1.0, step: 0.4 }
		    memory: { hard: 128M }
	END
}

teardown() {
	systemctl stop "$UNIT"
	end_test
}

quota_is() {
	[[ $(<"$FOLDER/cpu.max") == "$1" ]]
}

is_raised() {
	! quota_is "20000 100000"
}

@test "systemd: a daemon-reload while a quota is raised is answered, and the end leaves what systemd recorded" {
	quota_is "20000 100000"
	start_cgbpf -c "$CONFIG"
	wait_journal '.event == "soft_limit_raised" and .knob == "cpu.max" and .target == "job"'
	wait_for "$DEADLINE" is_raised
	systemctl daemon-reload
	wait_journal '.event == "foreign_write" and .knob == "cpu.max" and .answer == "reassert" and .comm == "systemd"'
	wait_for "$DEADLINE" is_raised
	stop_cgbpf TERM
	assert_equal "$(<"$FOLDER/cpu.max")" "20000 100000" "the unit's quota"
	assert_limit "$FOLDER" 64M
}

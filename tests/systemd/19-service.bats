#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of the units in scripts/dist under a real systemd; never run but in scripts/vm --systemd.

load ../guest/helpers

UNIT=cgbpf.service
LAB=cgbpf-lab.service
# Not the disk's own name, as those of /dev/disk are not.
DISK=/dev/cgbpf-disk

setup_file() {
	install -m 755 "$CGBPF" /usr/local/sbin/cgbpf
	install -D -m 644 -t /etc/systemd/system scripts/dist/*.service scripts/dist/*.timer
	# An emulated guest on a busy host is slower than the usual minute and a half.
	install -D -m 644 /dev/stdin "/etc/systemd/system/$UNIT.d/slow.conf" <<<$'[Service]\nTimeoutStartSec=10min'
	mkdir -p /etc/cgbpf
	ln -s vda "$DISK"
	systemctl daemon-reload
}

setup() {
	FOLDER=$CGROUP_ROOT/system.slice/$LAB
	# shellcheck disable=SC2034 # read by assert_journal
	JOURNAL=/var/log/cgbpf/journal.jsonl
	systemd-run --quiet --collect --unit="$LAB" --property=MemoryMax=24M --property=IOAccounting=yes --property=OOMPolicy=continue sleep 100000
	write_targets <<-END
		  - name: job
		    unit: $LAB
		    memory: { soft: 16M, hard: 64M }
		    io: { device: $DISK, wbps: { soft: 1M, hard: 4M } }
	END
	cp "$CONFIG" /etc/cgbpf/cgbpf.yaml
}

teardown() {
	[[ -n ${BATS_TEST_COMPLETED:-} ]] || journalctl --no-pager -o cat -u "$UNIT"
	systemctl stop "$UNIT" "$LAB"
	end_test
}

of_unit() {
	systemctl show --value --property="$1" "$UNIT"
}

is_another() {
	[[ $(of_unit "$1") != "$2" ]]
}

# What it said so far.
said() {
	journalctl --sync
	journalctl --no-pager -o cat -u "$UNIT"
}

has_said() {
	said | grep -q "$1"
}

times_said() {
	said | grep -c "$1" || true
}

# has_said_again WORDS TIMES: more often than that?
has_said_again() {
	(($(times_said "$1") > $2))
}

has_ended_by() {
	[[ $(of_unit ActiveState) == failed && $(of_unit Result) == "$1" ]]
}

@test "service: ready when it governs, in its sandbox it answers and is alive to systemd; its end puts limits back" {
	local beat
	systemctl start "$UNIT"
	assert_equal "$(of_unit ActiveState) $(of_unit SubState)" "active running"
	assert_limit "$FOLDER" 16M
	assert_equal "$(<"$FOLDER/io.max")" "$(</sys/block/vda/dev) rbps=max wbps=1048576 riops=max wiops=max" io.max
	beat=$(of_unit WatchdogTimestampMonotonic)
	lives "$FOLDER" touch --bytes 40M
	wait_journal '.event == "soft_limit_raised" and .target == "job"' >/dev/null
	systemctl reload "$UNIT"
	wait_for "$DEADLINE" has_said '^reloaded:'
	wait_for "$DEADLINE" is_another WatchdogTimestampMonotonic "$beat"
	systemctl stop "$UNIT"
	assert_equal "$(of_unit ActiveState) $(of_unit Result)" "inactive success"
	assert_limit "$FOLDER" 24M
	assert_equal "$(<"$FOLDER/io.max")" "" io.max
}

@test "service: killed, it puts back what it had changed before it is started again" {
	local pid told
	systemctl start "$UNIT"
	assert_limit "$FOLDER" 16M
	pid=$(of_unit MainPID)
	systemctl kill --signal=KILL --kill-whom=main "$UNIT"
	wait_for "$DEADLINE" is_another NRestarts 0
	wait_for "$DEADLINE" systemctl is-active --quiet "$UNIT"
	assert_limit "$FOLDER" 16M
	[[ $(of_unit MainPID) != "$pid" ]]
	told=$(said | sed -nE 's/^.*memory.max ([0-9]+) put back$/\1/p; s/^(ready): governing.*$/\1/p' | tail -n 3)
	assert_equal "$told" $'ready\n'"$(bytes 24M)"$'\nready'
	systemctl stop "$UNIT"
	assert_limit "$FOLDER" 24M
}

# shorten_watchdog SECONDS: of the service that runs, by a word of one in its cgroup.
shorten_watchdog() {
	# shellcheck disable=SC2016 # another shell's
	bash -c 'echo $$ >"$1/cgroup.procs"; NOTIFY_SOCKET=/run/systemd/notify systemd-notify "WATCHDOG_USEC=${2}000000"; :' - \
		"$CGROUP_ROOT/system.slice/$UNIT" "$1"
}

@test "service: one that stands still is ended by systemd, which puts back what it had changed" {
	install -D -m 644 /dev/stdin "/run/systemd/system/$UNIT.d/test.conf" <<-END
		[Service]
		NotifyAccess=all
		Restart=no
	END
	systemctl daemon-reload
	systemctl start "$UNIT"
	assert_limit "$FOLDER" 16M
	systemctl kill --signal=STOP --kill-whom=main "$UNIT"
	shorten_watchdog 1
	wait_for "$DEADLINE" has_ended_by watchdog
	assert_limit "$FOLDER" 24M
	rm -r "/run/systemd/system/$UNIT.d"
	systemctl daemon-reload
	systemctl reset-failed "$UNIT"
}

@test "service: without its configuration it governs nothing" {
	rm /etc/cgbpf/cgbpf.yaml
	systemctl start "$UNIT"
	assert_equal "$(of_unit ActiveState) $(of_unit ConditionResult)" "inactive no"
	assert_limit "$FOLDER" 24M
}

@test "service: systemd finds nothing wrong with the units; in their sandboxes samples are written and a model is trained on them" {
	local dropin=/etc/systemd/system/$UNIT.d/samples.conf none='the model is not used: .*soft_limit_linear.json: No such file'
	local reloads seed state=/var/lib/cgbpf
	install -D -m 644 scripts/dist/cgbpf-samples.conf "$dropin"
	systemctl daemon-reload
	assert_equal "$(systemd-analyze verify --man=no /etc/systemd/system/cgbpf*.{service,timer} 2>&1)" ""
	printf '%s\n' "ml: { policy: linear, model_path: $state/soft_limit_linear.json }" 'samples: { interval: 100ms }' >>/etc/cgbpf/cgbpf.yaml
	rm -rf "$state"
	systemctl start "$UNIT"
	assert_equal "$(times_said "$none")" 1 "times it was said"
	wait_for "$DEADLINE" grep -qs '"kind":"interval"' "$state/samples.jsonl"
	# What it would have gathered in an hour.
	for seed in {1..10}; do
		build/bench/loads bursty "$seed" 600 1000 governed
	done | sort -st, -k4.11,4n >"$state/samples.jsonl"
	reloads=$(times_said '^reloaded:')
	systemctl start cgbpf-retrain.timer cgbpf-retrain.service
	jq -se 'length == 1 and .[0].outcome == "replaced"' "$state/history.jsonl"
	jq -e '.samples == "/var/lib/cgbpf/samples.jsonl" and .rows.used > 30' "$state/soft_limit_linear.metrics.json"
	# Its end reloads the controller, which takes the model: only of one that it had does it say again that it is gone.
	wait_for "$DEADLINE" has_said_again '^reloaded:' "$reloads"
	rm "$state/soft_limit_linear.json"
	systemctl reload "$UNIT"
	wait_for "$DEADLINE" has_said_again "$none" 1
	systemctl is-active --quiet cgbpf-retrain.timer
	systemctl stop cgbpf-retrain.timer
	rm "$dropin"
	systemctl daemon-reload
}

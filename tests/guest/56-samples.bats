#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises about samples: their shape, their changes with what followed, rotation, and whole lines; never judges a figure.

# shellcheck disable=SC2030,SC2031 # a test and its end share a shell
load faults

setup() {
	SAMPLES=$LIVE_DIR/samples
	JOB=$(make_cgroup job 32M)
}

# write_sampling KEYS [SOFT HARD]: samples with these keys, one target; sets CONFIG.
write_sampling() {
	write_targets "samples: { $1 }" <<-END
		  - name: test
		    cgroup: "$(path_of "$JOB")"
		    memory: { soft: ${2:-32M}, hard: ${3:-256M}, return_after: 1h, hold: 100ms }
	END
}

has_samples() {
	(($(grep -c '"kind":"interval"' "$SAMPLES") >= $1))
}

# bats test_tags=core
@test "samples: a line a cgroup and interval, and one a change with what was before and after" {
	write_sampling "interval: 200ms"
	start_cgbpf -c "$CONFIG" --samples "$SAMPLES"
	wait_for "$DEADLINE" has_samples 2
	lives "$JOB" hog --bytes 100M --seconds 2
	wait_stream "$SAMPLES" "$CGBPF_PID" grep -q -m1 '"kind":"adjustment"'
	stop_cgbpf TERM
	jq -se --arg path "$(path_of "$JOB")" --arg boot "$(</proc/sys/kernel/random/boot_id)" '
		map(select(.kind == "interval")) | length > 2 and all(.[]; .schema == 1 and .cgroup == $path
			and .target == "test" and .boot_id == $boot and .interval_ms > 0 and .mono_ns > 0
			and (.ts | test("^[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z$"))
			and .memory.soft_bytes == 33554432 and .memory.hard_bytes == 268435456
			and .memory.limit_bytes >= .memory.soft_bytes and .memory.oom_kill == 0
			and (.cpu.usage_us >= 0) and (.psi.memory | has("some_us") and has("full_us"))
			and (.machine_psi | has("cpu") and has("io")))
		and (map(.cpu.usage_us) | add) > 0 and (map(.memory.current_bytes) | max) > 33554432' "$SAMPLES" ||
		fail "$(cat "$SAMPLES")"
	jq -se 'map(select(.kind == "adjustment")) | length > 0 and all(.[]; .schema == 1 and .knob == "memory.max"
		and .new > .old and (.reason | length) > 0 and .before.interval_ms >= 0 and .after.interval_ms >= 0
		and (.after | has("usage_us") and has("throttled_us") and has("periods") and has("psi")))' "$SAMPLES" ||
		fail "$(cat "$SAMPLES")"
}

# All that it opens as it begins is open by then.
wait_reloaded() {
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" said '^reloaded'
}

@test "samples: nobody asked, there is no timer and no file" {
	write_sampling "interval: 200ms"
	start_cgbpf -c "$CONFIG"
	[[ ! -e $SAMPLES ]]
	wait_reloaded
	local without
	without=$(find "/proc/$CGBPF_PID/fd" -lname '*timerfd*' | wc -l)
	stop_cgbpf TERM
	start_cgbpf -c "$CONFIG" --samples "$SAMPLES"
	wait_reloaded
	assert_equal "$(find "/proc/$CGBPF_PID/fd" -lname '*timerfd*' | wc -l)" $((without + 1)) "timers"
}

@test "samples: a file that is long enough is moved away, and only so many stay" {
	write_sampling "interval: 100ms, rotate_at: 4K, keep: 2"
	start_cgbpf -c "$CONFIG" --samples "$SAMPLES"
	wait_for "$DEADLINE" test -e "$SAMPLES.2"
	local first
	# Between two moves it may be away.
	has_first() { first=$(head -n 1 "$SAMPLES.1" 2>/dev/null); }
	wait_for "$DEADLINE" has_first
	wait_for "$DEADLINE" is_second "$first"
	[[ ! -e $SAMPLES.3 ]]
	stop_cgbpf TERM
	jq -se 'all(.[]; .schema == 1)' "$SAMPLES.2" "$SAMPLES.1" "$SAMPLES"
	jq -se '[.[].mono_ns] | . == sort' "$SAMPLES.2" "$SAMPLES.1" "$SAMPLES"
}

# is_second LINE: has the file that begins with LINE moved up, if not further?
is_second() {
	(($(head -n 1 "$SAMPLES.2" 2>/dev/null | jq .mono_ns) >= $(jq .mono_ns <<<"$1")))
}

@test "samples: after a kill every line but the last is whole, and the next run does not continue on it" {
	local whole
	write_sampling "interval: 100ms"
	start_cgbpf -c "$CONFIG" --samples "$SAMPLES"
	wait_for "$DEADLINE" has_samples 3
	crash_cgbpf
	jq -se 'all(.[]; .schema == 1)' "$SAMPLES"
	whole=$(wc -l <"$SAMPLES")
	# What a disk that was cut off leaves.
	truncate -s -20 "$SAMPLES"
	start_cgbpf -c "$CONFIG" --samples "$SAMPLES"
	wait_for "$DEADLINE" has_samples $((whole + 2))
	stop_cgbpf TERM
	assert_equal "$(jq -R 'fromjson? | empty, "whole"' "$SAMPLES" | wc -l)" $(($(wc -l <"$SAMPLES") - 1)) "whole lines"
}

@test "samples: a full disk stops nothing and is said once" {
	mkdir "$LIVE_DIR/small"
	mount -t tmpfs -o size=16k tmpfs "$LIVE_DIR/small"
	write_sampling "interval: 100ms"
	start_cgbpf -c "$CONFIG" --samples "$LIVE_DIR/small/samples"
	wait_for "$DEADLINE" said 'samples cannot be written'
	lives "$JOB" touch --bytes 64M
	assert_equal "$(grep -c 'samples cannot be written' "$CGBPF_STDERR")" 1 "complaints"
	stop_cgbpf TERM
	umount "$LIVE_DIR/small"
}

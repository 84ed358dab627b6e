#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns what `calibrate` promises: what it tells is what was in use, and a wrong call is known before a sample; never a figure of speed.

# shellcheck disable=SC2016,SC2030,SC2031 # eval expands; output is set by run where it is looked at
load helpers

RESULT=$LIVE_DIR/calibration.json

calibrate() {
	"$CGBPF" calibrate -o "$RESULT" "$@" 2>"$CGBPF_STDERR"
}

# value CGROUP KEY
value() {
	jq -r --arg cgroup "$(path_of "$1")" --arg key "$2" '.[$cgroup][$key]' "$RESULT"
}

# read_alone FOLDER...: an independent reader of memory.current, until it is killed; one file a folder.
read_alone() {
	local dir bytes
	while :; do
		for dir; do
			read -r bytes <"$dir/memory.current"
			echo "$bytes" >>"$LIVE_DIR/read-${dir##*/}"
		done
		sleep 0.05
	done
}

# quantile FILE PERCENT
quantile() {
	sort -n "$1" | awk -v share="$2" '{ at[NR] = $1 } END { i = int(NR * share / 100 + 0.5); print at[i < 1 ? 1 : i] }'
}

# is_close GOT EXPECTED PERCENT SLACK
is_close() {
	local distance=$(($1 > $2 ? $1 - $2 : $2 - $1))
	((distance * 100 <= $2 * $3 + $4 * 100)) || fail "got $1, expected about $2"
}

# bats test_tags=core
@test "calibrate: three live workloads are told as an independent reader saw them" {
	local steady bursty grower reader name
	skip_feature sample
	steady=$(make_cgroup steady 256M) bursty=$(make_cgroup bursty 256M) grower=$(make_cgroup grower 256M)
	hold_memory "$steady" 60M
	"$WORKLOAD" hog --cgroup "$grower" --bytes 80M --step-bytes 8M --step-ms 100 --seconds 600 >/dev/null 3>&- &
	while "$WORKLOAD" hog --cgroup "$bursty" --bytes 40M --step-bytes 40M --step-ms 1 --seconds 2; do sleep 0.5; done \
		>/dev/null 2>&1 3>&- &
	wait_for "$DEADLINE" eval '(($(usage_of "$bursty") > 40000000))'
	read_alone "$steady" "$grower" "$bursty" 3>&- &
	reader=$!
	calibrate --duration 6 --interval 50 --cgroup "$(path_of "$TEST_CGROUP")/*"
	kill "$reader"
	for name in steady grower bursty; do
		assert_equal "$(jq --arg name "$name" '[.[] | select(.count >= 20)] | length' "$RESULT")" 3 "cgroups told"
		is_close "$(value "$TEST_CGROUP/$name" max_consumption)" "$(quantile "$LIVE_DIR/read-$name" 100)" 2 4194304
	done
	is_close "$(value "$steady" median_consumption)" "$(quantile "$LIVE_DIR/read-steady" 50)" 1 0
	is_close "$(value "$steady" min_consumption)" "$(quantile "$LIVE_DIR/read-steady" 0)" 1 0
	jq -e 'all(.[]; .min_consumption <= .median_consumption and .median_consumption <= .p90 and .p90 <= .p99
		and .p99 <= .max_consumption and .limit == 268435456 and .first_seen < .last_seen)' "$RESULT"
	is_close "$(value "$steady" anon_median)" "$(bytes 60M)" 7 1048576
	jq -e 'to_entries | all(.[]; (.value | keys_unsorted)[0:3] == ["min_consumption", "max_consumption", "median_consumption"])' "$RESULT"
	grep -q 'calibrate: 6 s of 6 s' "$CGBPF_STDERR"
}

@test "calibrate: page cache and anonymous memory are kept apart" {
	local cgroup
	skip_feature sample
	cgroup=$(make_cgroup reader 256M)
	make_disk "$LIVE_DIR/disk" 64M
	fallocate -l 40M "$LIVE_DIR/disk/file"
	"$WORKLOAD" stream --cgroup "$cgroup" --file "$LIVE_DIR/disk/file" --pause >/dev/null 3>&- &
	wait_for "$DEADLINE" eval '(($(usage_of "$cgroup") > 41000000))'
	calibrate --duration 0.5 --interval 100 --cgroup "$(path_of "$cgroup")"
	kill %%
	wait || true
	remove_disk "$LIVE_DIR/disk"
	is_close "$(value "$cgroup" file_median)" "$(bytes 40M)" 7 1048576
	(($(value "$cgroup" anon_median) < 4194304)) || fail "$(cat "$RESULT")"
}

# bats test_tags=core
@test "calibrate: cgroups made and removed meanwhile are told, with when they were seen" {
	local kept status=0
	skip_feature sample
	kept=$(make_cgroup kept)
	"$CGBPF" calibrate --duration 600 --interval 50 -o "$RESULT" 2>"$CGBPF_STDERR" 3>&- &
	wait_for "$DEADLINE" grep -q 'samples' "$CGBPF_STDERR"
	mkdir "$TEST_CGROUP/late"
	hold_memory "$TEST_CGROUP/late" 10M
	sleep 2 # that is what is looked at
	end_hold "$HOLD_PID"
	remove_cgroup "$TEST_CGROUP/late"
	sleep 2
	kill -INT %1
	wait %1 || status=$?
	assert_equal "$status" 1 "status of an interrupted calibration"
	assert_equal "$(value "$TEST_CGROUP/late" gone)" true
	(($(value "$TEST_CGROUP/late" max_consumption) > 10000000)) || fail "$(cat "$RESULT")"
	jq -e --arg late "$(path_of "$TEST_CGROUP/late")" --arg kept "$(path_of "$kept")" '
		.[$kept].first_seen < .[$late].first_seen and .[$late].last_seen < .[$kept].last_seen
		and .["/"].count > .[$late].count' "$RESULT"
}

@test "calibrate: a cgroup that is remade under its name is one entry, which run takes; SIGHUP ends it as SIGINT" {
	local again status=0 entries
	skip_feature sample
	again=$(make_cgroup again)
	"$CGBPF" calibrate --duration 600 --interval 50 -o "$RESULT" --cgroup "$(path_of "$again")" 2>"$CGBPF_STDERR" 3>&- &
	wait_for "$DEADLINE" grep -q 'samples' "$CGBPF_STDERR"
	remove_cgroup "$again"
	mkdir "$again"
	echo 64M >"$again/memory.max"
	sleep 2 # that is what is looked at
	kill -HUP %1
	wait %1 || status=$?
	assert_equal "$status" 1 "status"
	# jq keeps the last of two equal keys.
	entries=$(grep -cF "\"$(path_of "$again")\":" "$RESULT")
	assert_equal "$entries" 1 "entries"
	assert_equal "$(value "$again" gone)" null "gone"
	assert_equal "$(value "$again" partial)" true "partial"
	write_targets "machine: { calibration: \"$RESULT\" }" <<-END
		  - name: test
		    cgroup: "$(path_of "$again")"
		    memory: {}
	END
	"$CGBPF" run -c "$CONFIG" --duration 1
}

@test "calibrate: where the interval is longer than the span, the last sample is at its end, also of who is met only there" {
	local job
	skip_feature sample
	job=$(make_cgroup job)
	timeout "$DEADLINE" "$CGBPF" calibrate -o "$RESULT" --duration 10 --interval 3600s --cgroup "$(path_of "$TEST_CGROUP")/*" 2>"$CGBPF_STDERR" 3>&- &
	wait_for "$DEADLINE" grep -q 'samples' "$CGBPF_STDERR"
	mkdir "$TEST_CGROUP/late"
	wait %1
	assert_equal "$(value "$job" count)" 2 "samples"
	assert_equal "$(value "$TEST_CGROUP/late" count)" 1 "samples of who came late"
}

# wrong MESSAGE OPTION...: refused with 2, with this message, before any sample, and nothing is written.
wrong() {
	local message=$1
	shift
	run -2 "$CGBPF" calibrate "$@"
	[[ $output =~ $message ]] || fail "said '$output', expected $message"
	[[ $output != *samples* ]] || fail "it has sampled: $output"
}

@test "calibrate: a wrong call ends with 2 before the first sample" {
	skip_feature sample
	wrong 'wants --duration' -o "$RESULT"
	wrong 'wants --duration' --duration 1 --from now --to now+1s
	wrong 'wants --duration' --from now
	wrong "'--to': 'now\+1s' is not after --from" --from now+2s --to now+1s
	wrong "'--from': '2020-01-01T00:00:00Z' lies in the past" --from 2020-01-01T00:00:00Z --to now+1s
	wrong "'--to': 'yesterday' is not a time" --from now --to yesterday
	wrong "'--interval': '0' is outside" --duration 1 --interval 0
	wrong "'--interval': '5' is outside" --duration 1 --interval 5
	wrong "no time at all" --duration 0
	wrong "no cgroup matches '/nowhere/\*'" --duration 1 --cgroup / --cgroup '/nowhere/*'
	wrong '/nowhere/result cannot be written' --duration 1 -o /nowhere/result
	wrong "'--format': 'xml'" --duration 1 --format xml
	[[ ! -e $RESULT ]]
	echo 'targets: []' >"$LIVE_DIR/own.yaml"
	wrong 'own.yaml is there and was not made by calibrate' --duration 1 --recommend "$LIVE_DIR/own.yaml"
	assert_equal "$(<"$LIVE_DIR/own.yaml")" 'targets: []'
}

@test "calibrate: interrupted, it writes what it has, says that it is partial, and fails" {
	local cgroup status=0
	skip_feature sample
	cgroup=$(make_cgroup job)
	"$CGBPF" calibrate --duration 600 --interval 50 -o "$RESULT" --cgroup "$(path_of "$cgroup")" 2>"$CGBPF_STDERR" 3>&- &
	wait_for "$DEADLINE" grep -q 'samples' "$CGBPF_STDERR"
	[[ ! -e $RESULT ]] || fail "there is a result before the end"
	kill -TERM %1
	wait %1 || status=$?
	assert_equal "$status" 1 "status"
	grep -q partial "$CGBPF_STDERR"
	assert_equal "$(value "$cgroup" partial)" true
	assert_equal "$(find "$LIVE_DIR" -name '*.part.*')" "" "left over"
}

# From here on a signal is no death.
takes_signals() {
	readlink "/proc/$1/fd"/* | grep -q signalfd
}

@test "calibrate: interrupted before its first sample, it fails and leaves what is there from before" {
	local pid status=0 result='{"of": "before"}' recommended='# made by cgbpf calibrate before'
	skip_feature sample
	echo "$result" >"$RESULT"
	echo "$recommended" >"$LIVE_DIR/rec.yaml"
	"$CGBPF" calibrate --from now+5m --to now+6m -o "$RESULT" --recommend "$LIVE_DIR/rec.yaml" 2>"$CGBPF_STDERR" 3>&- &
	pid=$!
	wait_for "$DEADLINE" takes_signals "$pid"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 1 "status"
	grep -q 'interrupted before the first sample' "$CGBPF_STDERR"
	assert_equal "$(<"$RESULT")" "$result" "the result"
	assert_equal "$(<"$LIVE_DIR/rec.yaml")" "$recommended" "the recommended configuration"
	assert_equal "$(find "$LIVE_DIR" -name '*.part.*')" "" "left over"
}

@test "calibrate: names are data in JSON, in CSV and on the terminal" {
	local name
	skip_feature sample
	make_parent "$TEST_CGROUP"
	for name in $'a\e[31mb' 'c,"d' 'bad\xff\xfe' $'bad\xff\xfe' '%n$(id)' '-dash' '[x]*' "$(printf '%0255d' 0)"; do
		mkdir -- "$TEST_CGROUP/$name"
	done
	calibrate --duration 0.1 --interval 50 --cgroup "$(path_of "$TEST_CGROUP")/*" -v --recommend "$LIVE_DIR/rec.yaml" >"$LIVE_DIR/table"
	jq -e 'length == 8' "$RESULT"
	write_targets "machine: { calibration: $RESULT }" <<<'  - { cgroup: /nowhere, memory: {} }'
	"$CGBPF" config --check "$CONFIG"
	jq -e --arg name "$(path_of "$TEST_CGROUP")/"$'a\e[31mb' 'has($name)' "$RESULT"
	run ! grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$LIVE_DIR/table" "$CGBPF_STDERR" "$LIVE_DIR/rec.yaml"
	calibrate --duration 0.1 --interval 50 --cgroup "$(path_of "$TEST_CGROUP")/*" --format csv
	run ! grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' "$RESULT"
	python3 - "$RESULT" <<-'END'
		import csv, sys
		rows = list(csv.reader(open(sys.argv[1])))
		assert len(rows) == 9 and all(len(row) == len(rows[0]) for row in rows), rows
	END
}

@test "calibrate: what it recommends is a configuration that run accepts" {
	local job
	skip_feature sample
	job=$(make_cgroup job 256M)
	mkdir "$TEST_CGROUP/gl*b[1]"
	hold_memory "$job" 50M
	"$WORKLOAD" holdmem --cgroup "$TEST_CGROUP/gl*b[1]" --bytes 10M >/dev/null 3>&- &
	wait_for "$DEADLINE" eval '(($(usage_of "$TEST_CGROUP/gl*b[1]") > 10000000))'
	# cgbpf sits in one itself, whose processes use memory as well.
	mkdir "$TEST_CGROUP/self"
	printf '#!/bin/sh\necho $$ >%s/cgroup.procs\nexec %s "$@"\n' "$TEST_CGROUP/self" "$CGBPF" >"$LIVE_DIR/inside"
	chmod +x "$LIVE_DIR/inside"
	CGBPF=$LIVE_DIR/inside
	calibrate --duration 1 --interval 100 --cgroup "$(path_of "$TEST_CGROUP")/*" --recommend "$LIVE_DIR/rec.yaml"
	grep -q '# .*/self: cgbpf itself runs in it' "$LIVE_DIR/rec.yaml"
	grep -qF "# $(value "$job" count) samples; soft: p99" "$LIVE_DIR/rec.yaml"
	grep -q 'p99 .* 10 %; hard: .* 25 %' "$LIVE_DIR/rec.yaml"
	"$CGBPF" config --check "$LIVE_DIR/rec.yaml"
	start_cgbpf -c "$LIVE_DIR/rec.yaml"
	grep -q 'governing 2 cgroups' "$CGBPF_STDERR"
	# Enough for what it uses, and less than it had.
	(($(limit_of "$job") > $(bytes 50M) && $(limit_of "$job") < $(bytes 64M)))
	# Its original, no limit at all, is no less than what is in use.
	stop_cgbpf TERM
	assert_limit "$job" 256M
}

# bats test_tags=core
@test "usage: run keeps the distribution too; bpftool reads it, status shows it" {
	local job
	skip_feature sample
	job=$(make_cgroup job 64M)
	write_config "$(path_of "$job")" 32M 128M
	start_cgbpf -c "$CONFIG"
	hold_memory "$job" 20M
	wait_for "$DEADLINE" eval 'map_values usage | jq -e ".max_bytes > 20000000 and .sample_cnt >= 2" >/dev/null'
	assert_equal "$(bpftool -j map dump pinned "$PIN_DIR/usage" | jq '.[0].formatted.key')" "$(stat -c %i "$job")" key
	"$CGBPF" status --json | jq -e '.cgroups[0].usage | .count >= 2 and .max > 20000000 and .min <= .median and .median <= .max'
	"$CGBPF" status | grep -q 'median'
	end_hold "$HOLD_PID"
}

# refused_with PLACE TEXT: run refuses this calibration, and names its line.
refused_with() {
	printf '%s' "$2" >"$RESULT"
	run -2 "$CGBPF" run -c "$CONFIG" --duration 1
	[[ $output == *"$RESULT:$1"* ]] || fail "said '$output', expected $1"
}

@test "calibration: a torn, foreign or impossible one is refused with its line" {
	local job entry='"min_consumption":1,"max_consumption":3,"median_consumption":2'
	job=$(make_cgroup job 64M)
	write_targets "machine: { calibration: \"$RESULT\" }" <<-END
		  - name: test
		    cgroup: "$(path_of "$job")"
		    memory: {}
	END
	refused_with 2: $'{\n"/a": {"min_cons'
	refused_with 2: $'{\n"methods": []}'
	refused_with 3: $'{\n"/a": {'"$entry"$'},\n"/b": {"min_consumption":4,"max_consumption":3,"median_consumption":4}}'
	assert_limit "$job" 64M
	# Of other cgroups: they are ignored, and one is named.
	printf '{\n"/nobody": {%s}}' "$entry" >"$RESULT"
	start_cgbpf -c "$CONFIG"
	grep -q "$RESULT:2: there is no cgroup /nobody, ignoring" "$CGBPF_STDERR"
}

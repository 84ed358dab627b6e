#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of the learned CPU policy in a live run: trained, used, judged, refused; never judges how good a model is.

# bats file_tags=two-cpus
bats_require_minimum_version 1.5.0
load faults

setup() {
	JOB=$(make_cgroup up/job)
	MODEL=$LIVE_DIR/model.json
	SAMPLES=$LIVE_DIR/samples.jsonl
	LOAD='' BURNER=''
}

teardown() {
	[[ -z $LOAD$BURNER ]] || kill -KILL $LOAD $BURNER 2>/dev/null || true
	end_test
}

# policy_config POLICY [HARD]
policy_config() {
	write_targets "ml: { policy: $1, model_path: $MODEL }
samples: { interval: 100ms }" <<-END
		  - name: job
		    cgroup: "$(path_of "$JOB")"
		    cpu: { soft: 0.1, hard: ${2:-1.5}, step: 0.1, return_after: 200ms }
	END
}

# Works and rests, never the same for long; so long that in each rest some of the quota is given back.
# shellcheck disable=SC2016 # another shell has dollars of its own
start_load() {
	"${IN_CGROUP[@]}" "$JOB" bash -c '
		while :; do
			until=$((${EPOCHREALTIME/./} + RANDOM * 20))
			while ((${EPOCHREALTIME/./} < until)); do :; done
			read -rt "0.$((RANDOM % 7 + 2))" <> <(:) || :
		done' 3>&- 2>/dev/null &
	LOAD=$!
}

burn() {
	"${IN_CGROUP[@]}" "$JOB" bash -c 'while :; do :; done' 3>&- &
	BURNER=$!
}

# Of lines in which it was throttled there must be enough: those before them are what a model learns from.
is_trained() {
	[[ -e $SAMPLES ]] && (($(grep -c '"kind":"interval".*"throttled_us":[1-9]' "$SAMPLES") > 40)) &&
		train "$SAMPLES" && jq -e '.rows.used >= 45' "$LIVE_DIR/model.metrics.json" >/dev/null
}

# train SAMPLES
train() {
	"$CGBPF" policy train -q --samples "$1" --output "$MODEL" >"$LIVE_DIR/trained" 2>&1
}

reloaded() {
	(($(grep -c '^reloaded:' "$CGBPF_STDERR") >= $1))
}

# reload TIME: the TIMEth of this run.
reload() {
	kill -HUP "$CGBPF_PID"
	wait_for "$DEADLINE" reloaded "$1"
}

times_said() {
	grep -c "$1" "$CGBPF_STDERR" || true
}

# The figures beside the model are numbers in an order that can be, and are those of this model.
assert_figures() {
	jq -e --slurpfile model "$MODEL" '
		def is_judged: all(.. | scalars; type == "number") and .r2 <= 1 and .mae_cores >= 0 and
			(.abs_error_cores | 0 <= .p50 and .p50 <= .p90 and .p90 <= .p99 and length == 3);
		.schema == 1 and .spread_cores == $model[0].spread_cores and .ridge == $model[0].ridge and
		[.features[] | del(.constant)] == $model[0].features and
		(.features | length) == 8 and all(.features[]; all(.weight, .mean, .scale, .least, .most; type == "number") and
			.least <= .mean + 1e-9 and .mean <= .most + 1e-9 and .scale > 0) and
		.trained_on.rows > 0 and .trained_on.from <= .trained_on.until and .trained_on.until < .held_out.from and
		(.held_out | .rows > 0 and .from <= .until and all(.model, .keep_present, .fixed_step; is_judged))' \
		"${MODEL%.json}.metrics.json" >/dev/null || fail "$(cat "${MODEL%.json}.metrics.json" "$MODEL")"
}

# bats test_tags=core
@test "samples of a live run train a model; one out of its range is not trusted, a better one is taken at a reload and tells how it went" {
	local history=$LIVE_DIR/history.jsonl first second
	policy_config heuristic
	start_cgbpf -c "$CONFIG" --samples "$SAMPLES"
	start_load
	wait_for $((4 * DEADLINE)) is_trained
	stop_cgbpf TERM
	assert_figures
	# As if it were of a much larger machine.
	sed 's/"usage_us":/&9/; s/"hard_cores":1/&00/' "$SAMPLES" >"$LIVE_DIR/others"
	train "$LIVE_DIR/others" || fail "$(cat "$LIVE_DIR/trained")"
	policy_config linear
	start_cgbpf -c "$CONFIG"
	wait_journal '.event == "soft_limit_raised" and .knob == "cpu.max" and .reason == "throttled" and
		.ml.says == "out_of_range" and (.ml.feature | type) == "string"'
	refute_journal '.event == "ml_adjustment"'
	# Beside the run that uses it.
	"$CGBPF" policy retrain --samples "$SAMPLES" --model "$MODEL" --history "$history" >"$LIVE_DIR/said"
	jq -e '.outcome == "replaced" and .present.mae_cores > .fresh.mae_cores' "$history" >/dev/null || fail "$(cat "$history")"
	assert_figures
	reload 1
	wait_journal '.event == "ml_adjustment" and .knob == "cpu.max" and .reason == "suggested" and .ml.predicted_cores != null
		and .ml.applied_cores > .ml.was_cores and .ml.applied_cores <= 1.5 and .t.effective > 0'
	wait_journal '(.event == "ml_effective" or .event == "ml_no_improvement") and .ml.stood_ms >= 1000
		and .ml.throttled_before_us != null and .ml.throttled_after_us != null and .ml.ratio_after >= 0'
	cp "$MODEL" "$LIVE_DIR/good.json"
	echo '{ "format": "cgbpf-policy", ' >"$MODEL"
	reload 2
	assert_said "the model is not used: .*/model.json:2:[0-9]+: "
	reload 3
	assert_equal "$(times_said 'the model is not used')" 1 "times it was said"
	stop_cgbpf TERM
	assert_equal "$(cat "$JOB/cpu.max")" "max 100000" "cpu.max in the end"
	first=$("$CGBPF" policy evaluate --replay "$SAMPLES" --model "$LIVE_DIR/good.json" --json)
	second=$("$CGBPF" policy evaluate --replay "$SAMPLES" --model "$LIVE_DIR/good.json" --json)
	assert_equal "$first" "$second" "a replay, twice"
	jq -e '[.[].policy] == ["fixed_step", "linear", "target"] and all(.[]; .core_seconds_allotted > 0)' <<<"$first" >/dev/null
}

@test "evaluate sums up a journal's advice" {
	cat >"$LIVE_DIR/j" <<-'END'
		{"event":"ml_adjustment","ml":{"was_cores":0.5,"predicted_cores":0.9,"applied_cores":1.0}}
		{"event":"soft_limit_raised","ml":{"was_cores":1.0,"says":"out_of_range","feature":"usage_cores"}}
		{"event":"soft_limit_raised","ml":{"was_cores":1.0,"says":"not_more"}}
		{"event":"ml_effective","ml":{"was_cores":0.5,"applied_cores":1.0,"throttled_before_us":200000,"throttled_after_us":0,"stood_ms":2000}}
		{"event":"soft_limit_raised"}
		{"event":"cut
	END
	"$CGBPF" policy evaluate --journal "$LIVE_DIR/j" --step 0.25 --json >"$LIVE_DIR/said"
	jq -e '.asked == 3 and .applied == 1 and .effective == 1 and .no_improvement == 0 and .malformed == 1 and
		.refused.out_of_range == 1 and .refused.not_more == 1 and .cores_given.model == 0.5 and .cores_given.fixed_step == 0.25 and
		.core_seconds_given.model == 1 and .core_seconds_given.fixed_step == 0.5 and .throttled_seconds.before == 0.2' "$LIVE_DIR/said" >/dev/null ||
		fail "$(cat "$LIVE_DIR/said")"
}

@test "a missing model is said once, and the fixed step does its work; the target controller raises, tells what binds, returns" {
	policy_config linear
	start_cgbpf -c "$CONFIG"
	assert_said 'the model is not used: .*model.json: No such file'
	start_load
	wait_journal '.event == "soft_limit_raised" and .knob == "cpu.max" and .reason == "throttled"'
	assert_equal "$(times_said 'the model is not used')" 1 "times it was said"
	policy_config target 2
	reload 1
	burn
	wait_journal '.event == "soft_limit_raised" and .reason == "target"'
	echo 5000 >"${JOB%/*}/cpu.max"
	wait_journal '.event == "not_raised" and .reason == "parent_binds"'
	kill -KILL "$BURNER" "$LOAD"
	echo max >"${JOB%/*}/cpu.max"
	wait_journal '.event == "limit_returned" and .reason == "target"'
	policy_config target 0.2
	reload 2
	burn
	wait_journal '.event == "hard_limit_reached" and .new == "20000 100000"'
	kill -KILL "$BURNER"
	stop_cgbpf TERM
}

@test "train and retrain refuse what cannot be learnt from, and leave the model as it is" {
	local said=$LIVE_DIR/said seed
	: >"$SAMPLES"
	run -2 "$CGBPF" policy train --samples "$SAMPLES" --output "$MODEL"
	[[ $output == *'too few rows'* ]]
	run -2 "$CGBPF" policy train --samples /dev/zero --output "$MODEL"
	run -2 "$CGBPF" policy train --samples "$LIVE_DIR/none" --output "$MODEL"
	run -2 "$CGBPF" policy train --samples "$SAMPLES"
	run -2 "$CGBPF" policy teach
	run -2 "$CGBPF" policy evaluate
	[[ ! -e $MODEL ]]
	"$CGBPF" policy retrain --samples "$SAMPLES" --model "$MODEL" --history "$LIVE_DIR/h" >"$said"
	jq -e '.outcome == "kept" and (.why | contains("too few"))' "$LIVE_DIR/h" >/dev/null
	[[ ! -e $MODEL ]]
	for seed in {1..10}; do
		build/bench/loads bursty "$seed" 600 1000 governed
	done | sort -st, -k4.11,4n >"$SAMPLES"
	"$CGBPF" policy retrain --samples "$SAMPLES" --model "$MODEL" --history "$LIVE_DIR/h" >"$said"
	jq -se 'length == 2 and .[1].outcome == "replaced"' "$LIVE_DIR/h" >/dev/null
	cp "$MODEL" "$LIVE_DIR/before"
	# The same again is no better.
	"$CGBPF" policy retrain --samples "$SAMPLES" --model "$MODEL" --history "$LIVE_DIR/h" >"$said"
	jq -se 'length == 3 and .[2].outcome == "kept"' "$LIVE_DIR/h" >/dev/null
	cmp "$MODEL" "$LIVE_DIR/before"
	sed -i 's/"spread_cores": /"spread_cores": 1/' "$MODEL"
	run -2 "$CGBPF" policy evaluate --replay "$SAMPLES" --model "$MODEL"
	[[ $output == *checksum* ]]
}

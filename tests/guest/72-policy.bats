#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Owns the promises of the learned CPU policy on the command line: what is learnt from, summed up and refused; never judges how good a model is.

bats_require_minimum_version 1.5.0
load faults

setup() {
	MODEL=$LIVE_DIR/model.json
	SAMPLES=$LIVE_DIR/samples.jsonl
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

@test "train and retrain refuse what cannot be learnt from, and leave the model as it is" {
	local said=$LIVE_DIR/said
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
	build/bench/loads bursty 1 300 1000 governed >"$SAMPLES"
	"$CGBPF" policy retrain --samples "$SAMPLES" --model "$MODEL" --history "$LIVE_DIR/h" >"$said"
	jq -se 'length == 2 and .[1].outcome == "replaced"' "$LIVE_DIR/h" >/dev/null
	cp "$MODEL" "$LIVE_DIR/before"
	# The same again is no better.
	"$CGBPF" policy retrain --samples "$SAMPLES" --model "$MODEL" --history "$LIVE_DIR/h" >"$said"
	jq -se 'length == 3 and .[2].outcome == "kept"' "$LIVE_DIR/h" >/dev/null
	cmp "$MODEL" "$LIVE_DIR/before"
	sed -i 's/"margin_cores": /"margin_cores": 1/' "$MODEL"
	run -2 "$CGBPF" policy evaluate --replay "$SAMPLES" --model "$MODEL"
	[[ $output == *checksum* ]]
}

# SPDX-License-Identifier: BSD-2-Clause
# Owns how one boot's figures look on a terminal; never computes one.

def pad($width): tostring | . + " " * ([$width - length, 1] | max);
def row($widths): [., $widths] | transpose | map(. as [$cell, $width] | $cell | pad($width)) | join("");
def us: if . == null then "-" else (. / 100 | round / 10 | tostring) + " us" end;
def mib: if . == null then "-" else (. / 1048576 | round | tostring) + " MiB" end;
def ms: if . == null then "-" else (. / 100000 | round / 10 | tostring) + " ms" end;
def times: if . == null then "-" else (. * 100 | round / 100 | tostring) end;
def spread_of(f): if . == null then "" else "\(.p50 | f) (\(.min | f) to \(.max | f))" end;
def percent: if . == null then "-" else (. * 1000 | round / 10 | tostring) + " %" end;
def change: if . == null then "-" else
	((. - 1) * 1000 | round / 10) as $more | (if $more < 0 then "" else "+" end) + ($more | tostring) + " %" end;

"kernel \(.kernel), \(.cpus) CPU, \(if .emulated then "emulated" else .virtualization end), "
	+ "\(if .clock == "instructions" then "a nanosecond is an instruction, " else "" end)"
	+ "huge pages \(.huge_pages), \(.date), \(.commit)",
"",
(if .rescue then
"Rescue: \(.rescue.demand) wanted, soft \(.rescue.soft), hard \(.rescue.hard); killed of trials",
(["shape", "without", "with", "failed", "raises", "hold share", "longest hold"] | row([10, 14, 14, 8, 8, 12, 14])),
(.rescue as $rescue | $rescue.without | keys_unsorted[] | . as $shape
	| $rescue.without[$shape] as $without | ($rescue.with // {})[$shape] as $with
	| [$shape, "\($without.killed) of \($without.trials)",
		(if $with then "\($with.killed) of \($with.trials)" else "-" end),
		($without.failed + ($with.failed // 0)),
		($with.raised // "-"), ($with.hold_share | percent), ($with.hold_longest_ns | us)]
	| row([10, 14, 14, 8, 8, 12, 14])),
"",
"Stream: \(.rescue.stream.file) read through \(.rescue.stream.soft); given at most "
	+ "\(.rescue.with.stream.limit_bytes.max | mib)",
"",
(["Latency", "n", "p50", "p99", "max"] | row([34, 8, 14, 14, 14])),
(def line($name): if . == null then empty else
	[$name, .n, (.p50 | us), (.p99 | us), (.max | us)] | row([34, 8, 14, 14, 14]) end;
	((.rescue.with // {}) | del(.stream) | to_entries[]
		| .key as $key | .value.effective_ns | line("kernel event to limit: \($key)")),
	(.empty_wakeup_ns | line("empty ring-buffer wake-up")),
	(.bare_pwrite_ns | line("bare pwrite of memory.max")))
else empty end),
(if .cpu then
	(.cpu.answers
		| "CPU: \(.latency_ns.n) throttles of \(.wanted) wanted; quota effective within \(.period_us / 1000) ms, a period's length: "
			+ "\(.within_period_share | percent); before the period ended in which it began: \(.in_period_share | percent)",
		"throttle begun to quota effective: p50 \(.latency_ns.p50 | ms), p99 \(.latency_ns.p99 | ms), most \(.latency_ns.max | ms); "
			+ "left of the period: p50 \(.left_ns.p50 | ms)"),
	"",
	(.cpu.job as $job | $job
		| "The same job; quota \(.soft), up to \(.hard) by \(.step); median (least to most)",
		((["", "runs", "failed", "took", "over none", "by its CPU time", "allotted, core-s", "used", "throttled"],
			(["none", "governed", "polled", "kept"][] | . as $arm | $job.arms[$arm] | select(.)
				| [$arm, .runs, .failed, (.took_ns | spread_of(ms)), ($job.slower[$arm].took | spread_of(times)),
					($job.slower[$arm].stretch | spread_of(times)), (.allotted_ns.p50 / 1e9 | times),
					(.used_ns.p50 / 1e9 | times), (.throttled_ns | spread_of(ms))])
			| row([10, 6, 8, 36, 22, 22, 18, 8, 36])),
		"throttled, polled over governed: \(.polled_over_governed.throttled | spread_of(times)) times, of runs in which the governed was throttled at all")),
	""
else empty end),
(if .io then
	(.io | "IO: \(.latency_ns.n) throttles of \(.wanted) wanted, in \(.climbs) climbs of io.max, \(.failed) failed",
		"bio kept waiting to limit effective: p50 \(.latency_ns.p50 | ms), p99 \(.latency_ns.p99 | ms), most \(.latency_ns.max | ms)")
else empty end),
(if .overhead then
	"",
	"Attached: median over \(.overhead.repetitions) repetitions (least to most), and best against best",
	(["loop", "off", "nothing governed", "best", "another governed", "best", "governed", "best"] | row([16, 12, 32, 10, 32, 10, 32, 10])),
	(.overhead.loops | to_entries[] | .key as $key | .value
		| [$key, (.off_ns.p50 | us)] + ([.idle, .beside, .governed] | map(
			"\(.ratio.p50 | change) (\(.ratio.min | change) to \(.ratio.max | change))",
			(.best_ratio | change)))
		| row([16, 12, 32, 10, 32, 10, 32, 10])),
	"BPF run time of these loops, counted by the kernel: nothing governed \(.overhead.run_time_share.idle | percent), another \(.overhead.run_time_share.beside | percent), governed \(.overhead.run_time_share.governed | percent)"
else empty end),
(if .scale then
	"",
	"Beside many governed cgroups; \(.scale[0].trials) rescues each",
	(["cgroups", "start", "CPU time of it", "resident", "killed", "event to limit, p50", "p99", "end"] | row([10, 12, 16, 12, 8, 22, 12, 12])),
	(.scale[] | [.cgroups, "\(.start_s | times) s", "\(.cpu_s | times) s", (.resident_bytes | mib), .killed, (.effective_ns.p50 | us),
		(.effective_ns.p99 | us), "\(.stop_s | times) s"] | row([10, 12, 16, 12, 8, 22, 12, 12]))
else empty end)

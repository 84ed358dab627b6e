# SPDX-License-Identifier: BSD-2-Clause
# Owns how one boot's figures look on a terminal; never computes one.

def pad($width): tostring | . + " " * ([$width - length, 1] | max);
def row($widths): [., $widths] | transpose | map(. as [$cell, $width] | $cell | pad($width)) | join("");
def us: if . == null then "-" else (. / 100 | round / 10 | tostring) + " us" end;
def mib: if . == null then "-" else (. / 1048576 | round | tostring) + " MiB" end;
def percent: if . == null then "-" else (. * 1000 | round / 10 | tostring) + " %" end;
def change: if . == null then "-" else
	((. - 1) * 1000 | round / 10) as $more | (if $more < 0 then "" else "+" end) + ($more | tostring) + " %" end;

"kernel \(.kernel), \(.cpus) CPU, \(if .emulated then "emulated" else .virtualization end), "
	+ "huge pages \(.huge_pages), \(.date), \(.commit)",
"",
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
	(.bare_pwrite_ns | line("bare pwrite of memory.max"))),
(if .overhead then
	"",
	"Attached: median over \(.overhead.repetitions) repetitions (least to most), and best against best",
	(["loop", "off", "nothing governed", "best", "governed", "best"] | row([16, 12, 32, 10, 32, 10])),
	(.overhead.loops | to_entries[] | .key as $key | .value
		| [$key, (.off_ns.p50 | us)] + ([.idle, .governed] | map(
			"\(.ratio.p50 | change) (\(.ratio.min | change) to \(.ratio.max | change))",
			(.best_ratio | change)))
		| row([16, 12, 32, 10, 32, 10]))
else empty end)

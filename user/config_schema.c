// SPDX-License-Identifier: BSD-2-Clause
/* Owns the table of all configuration keys: limits, defaults and texts. It never reads a file and
 * parses no value (see config_values). */
#include "user/config_schema.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "user/config_amounts.h"
#include "user/config_ml.h"
#include "user/config_values.h"

#define SIZE "a size such as 64M"
#define TIME "a time such as 20ms"
#define SHARE "a percentage such as 10%"
#define CORES "cores such as 0.5 or 50%, or a weight"
#define AT(type, member) .offset = offsetof(struct type, member)

#define IO_RATE(place, read, least, most, of)                                                      \
	{place,                                                                                    \
	 "soft",                                                                                   \
	 SHAPE_VALUE,                                                                              \
	 .parse = (read),                                                                          \
	 AT(io_rate_config, soft),                                                                 \
	 .min = (least),                                                                           \
	 .max = (most),                                                                            \
	 .unit = (of),                                                                             \
	 .sentence = "The limit that is enforced and returned to; left out: the limit the "        \
		     "cgroup has."},                                                               \
		{place,                                                                            \
		 "hard",                                                                           \
		 SHAPE_VALUE,                                                                      \
		 .parse = (read),                                                                  \
		 AT(io_rate_config, hard),                                                         \
		 .min = (least),                                                                   \
		 .max = (most),                                                                    \
		 .unit = (of),                                                                     \
		 .sentence = "How far the limit may be raised; at least soft; left out: twice "    \
			     "the soft."},                                                         \
	{                                                                                          \
		place, "step", SHAPE_VALUE,                                                        \
			.parse = (read), AT(io_rate_config, step), .min = (least), .max = (most),  \
			.unit = (of),                                                              \
			.sentence = "By how much it is raised and returned; left out: as much as " \
				    "soft."                                                        \
	}

const struct schema_key schema_keys[] = {
	{PLACE_FILE, "machine", SHAPE_MAPPING, PLACE_MACHINE,
	 .sentence = "What is true of the whole machine."},
	{PLACE_FILE, "defaults", SHAPE_MAPPING, PLACE_DEFAULTS,
	 .sentence = "What targets have that say nothing else."},
	{PLACE_FILE, "psi", SHAPE_MAPPING, PLACE_PSI, AT(config, psi),
	 .sentence =
		 "Pressure worth a word in the journal: of the machine, and of targets that say "
		 "nothing else."},
	{PLACE_FILE, "samples", SHAPE_MAPPING, PLACE_SAMPLES, AT(config, samples),
	 .sentence = "How `run --samples` samples."},
	{PLACE_FILE, "targets", SHAPE_LIST, PLACE_TARGET, .unit = "a list of mappings",
	 .sentence = "What to govern; at least one."},
	{PLACE_FILE, "ml", SHAPE_MAPPING, PLACE_ML, AT(config, ml),
	 .sentence = "How CPU limits are raised."},

	{PLACE_MACHINE, "reserve", SHAPE_VALUE, .parse = schema_read_reserve, .min = "0%",
	 .max = "100%", .fallback = "10%", .unit = "a percentage such as 10% or a size such as 2G",
	 .sentence = "Memory of the machine that is never given away."},
	{PLACE_MACHINE, "calibration", SHAPE_VALUE, .parse = schema_read_file,
	 AT(config, calibration_file), .unit = "a file such as calibration.json",
	 .sentence =
		 "What `cgbpf calibrate` wrote: who may lend memory, and how much; cgroups that "
		 "it does not name are learned while `run` lives. A relative path begins in the "
		 "configuration's folder."},

	{PLACE_DEFAULTS, "memory", SHAPE_MAPPING, PLACE_MEMORY, AT(config, memory_defaults),
	 .sentence = "For every target's `memory`."},
	{PLACE_DEFAULTS, "cpu", SHAPE_MAPPING, PLACE_CPU, AT(config, cpu_defaults),
	 .sentence = "For every target's `cpu`."},
	{PLACE_DEFAULTS, "io", SHAPE_MAPPING, PLACE_IO, AT(config, io_defaults),
	 .sentence = "For every target's `io`."},

	{PLACE_TARGET, "name", SHAPE_VALUE, .parse = schema_read_name, AT(target_config, name),
	 .unit = "a text of 1 to 63 bytes",
	 .sentence = "What the journal calls it; differs from all others; left out: the text that "
		     "says which cgroup."},
	{PLACE_TARGET, "cgroup", SHAPE_VALUE, .parse = schema_read_match, .kind = TARGET_CGROUP,
	 .unit = "a path below the cgroup root such as /lab/job or /lab/*",
	 .sentence = "The cgroups with this path; `*`, `?` and `[…]` match as in a shell."},
	{PLACE_TARGET, "docker", SHAPE_VALUE, .parse = schema_read_match, .kind = TARGET_DOCKER,
	 .unit = "a name, an id or label=key[=value]",
	 .sentence = "The containers with this name, id or label."},
	{PLACE_TARGET, "pid", SHAPE_VALUE, .parse = schema_read_match, .kind = TARGET_PID,
	 .min = "1", .max = "4194304", .unit = "a process id such as 1234",
	 .sentence = "The cgroup that this process is in."},
	{PLACE_TARGET, "unit", SHAPE_VALUE, .parse = schema_read_match, .kind = TARGET_UNIT,
	 .unit = "a unit such as ssh.service",
	 .sentence = "The cgroup of this systemd service, scope or slice."},
	{PLACE_TARGET, "tree", SHAPE_VALUE, .parse = schema_read_match, .kind = TARGET_TREE,
	 .unit = "a file as `cgbpf tree apply -c` takes it",
	 .sentence = "The services of hierarchies made of this file: soft is a service's own "
		     "memory, hard all of its worker's."},
	{PLACE_TARGET, "memory", SHAPE_MAPPING, PLACE_MEMORY, AT(target_config, memory),
	 .sentence = "How its memory is governed; `{}` takes all defaults."},
	{PLACE_TARGET, "on_foreign_write", SHAPE_VALUE, .parse = schema_read_policy,
	 AT(target_config, on_foreign_write), .fallback = "obey", .unit = "obey, reassert or adopt",
	 .sentence = "When somebody else writes the limit: stop governing it, write ours again, or "
		     "take theirs as the new soft."},
	{PLACE_TARGET, "donor", SHAPE_VALUE, .parse = schema_read_donor, AT(target_config, donor),
	 .fallback = "auto", .unit = "auto or never",
	 .sentence = "Whether memory that it mostly does not use may be lent to others in need."},
	{PLACE_TARGET, "psi", SHAPE_MAPPING, PLACE_PSI, AT(target_config, psi),
	 .sentence = "The same for its cgroups alone."},
	{PLACE_TARGET, "cpu", SHAPE_MAPPING, PLACE_CPU, AT(target_config, cpu),
	 .sentence = "How its CPU time is governed; `{}` takes all defaults."},
	{PLACE_TARGET, "io", SHAPE_MAPPING, PLACE_IO, AT(target_config, io),
	 .sentence = "How its IO on one device is governed."},
	{PLACE_TARGET, "priority", SHAPE_MAPPING, PLACE_PRIORITY, AT(target_config, priority),
	 .sentence = "What its tasks are worth beside others."},
	{PLACE_TARGET, "pids", SHAPE_PIDS, .unit = "a list of process ids",
	 .sentence = "Processes put into the cgroup of this path, which is made where it is "
		     "missing, also for `[]`; undone at the end."},

	{PLACE_MEMORY, "soft", SHAPE_VALUE, .parse = schema_read_size,
	 AT(memory_config, soft_bytes), .min = "1M", .max = "1024T", .unit = SIZE,
	 .sentence =
		 "The limit that is enforced and returned to; left out: the limit the cgroup has."},
	{PLACE_MEMORY, "hard", SHAPE_VALUE, .parse = schema_read_size,
	 AT(memory_config, hard_bytes), .min = "1M", .max = "1024T", .unit = SIZE,
	 .sentence = "How far the limit may be raised; at least soft; left out: twice the soft."},
	{PLACE_MEMORY, "step", SHAPE_VALUE, .parse = schema_read_size,
	 AT(memory_config, step_bytes), .min = "1M", .max = "1T", .fallback = "32M", .unit = SIZE,
	 .sentence = "The least by which the limit is raised."},
	{PLACE_MEMORY, "watermark", SHAPE_VALUE, .parse = schema_read_percent,
	 AT(memory_config, watermark_ppm), .min = "50%", .max = "99%", .fallback = "90%",
	 .unit = "a percentage such as 90%",
	 .sentence = "The part of the limit whose use makes it grow."},
	{PLACE_MEMORY, "hold", SHAPE_VALUE, .parse = schema_read_time, AT(memory_config, hold_ns),
	 .min = "0ms", .max = "100ms", .fallback = "20ms", .unit = TIME,
	 .sentence = "How long a task may be kept waiting at the limit for it to be raised; 0ms: "
		     "never."},
	{PLACE_MEMORY, "return_after", SHAPE_VALUE, .parse = schema_read_time,
	 AT(memory_config, return_after_ns), .min = "10ms", .max = "24h", .fallback = "60s",
	 .unit = TIME,
	 .sentence = "How long use must stay low before the limit returns toward soft."},

	{PLACE_PSI, "cpu", SHAPE_VALUE, .parse = schema_read_percent,
	 AT(psi_config, some_ppm[PSI_CPU]), .min = "0%", .max = "100%", .unit = SHARE,
	 .sentence = "Of a second's time some task waited for a CPU; 0%: not watched."},
	{PLACE_PSI, "memory", SHAPE_VALUE, .parse = schema_read_percent,
	 AT(psi_config, some_ppm[PSI_MEMORY]), .min = "0%", .max = "100%", .unit = SHARE,
	 .sentence = "The same for memory: reclaim, refaults, compaction."},
	{PLACE_PSI, "io", SHAPE_VALUE, .parse = schema_read_percent,
	 AT(psi_config, some_ppm[PSI_IO]), .min = "0%", .max = "100%", .unit = SHARE,
	 .sentence = "The same for a block device."},

	{PLACE_ML, "policy", SHAPE_VALUE, .parse = schema_read_ml_policy, AT(ml_config, policy),
	 .fallback = "heuristic", .unit = "heuristic, linear or target",
	 .sentence = "By the fixed step, as far as a model says, or so that few periods are "
		     "throttled."},
	{PLACE_ML, "model_path", SHAPE_VALUE, .parse = schema_read_file, AT(ml_config, model_path),
	 .unit = "a file",
	 .sentence =
		 "The model that `cgbpf policy train` made, for `policy: linear`; a relative path "
		 "begins in the configuration's folder."},
	{PLACE_SAMPLES, "interval", SHAPE_VALUE, .parse = schema_read_time,
	 AT(samples_config, interval_ns), .min = "100ms", .max = "1h", .fallback = "1s",
	 .unit = TIME, .sentence = "From one line of a cgroup to its next."},
	{PLACE_SAMPLES, "rotate_at", SHAPE_VALUE, .parse = schema_read_size,
	 AT(samples_config, rotate_bytes), .min = "4K", .max = "1T", .fallback = "64M",
	 .unit = SIZE, .sentence = "A file that has become this long is moved to FILE.1."},
	{PLACE_SAMPLES, "keep", SHAPE_VALUE, .parse = schema_read_number, AT(samples_config, keep),
	 .min = "1", .max = "1000", .fallback = "4", .unit = "a number such as 4",
	 .sentence = "How many old files stay."},

	/* The mode first: the others depend on it. */
	{PLACE_CPU, "mode", SHAPE_VALUE, .parse = schema_read_cpu_mode, AT(cpu_config, mode),
	 .fallback = "quota", .unit = "quota or weight",
	 .sentence = "Whether cpu.max is governed, or cpu.weight alone, which is set to soft and "
		     "never raised."},
	{PLACE_CPU, "soft", SHAPE_VALUE, .parse = schema_read_cpu_amount, AT(cpu_config, soft),
	 .min = "0.01", .max = "the machine's", .unit = CORES,
	 .sentence =
		 "The limit that is enforced and returned to; left out: the limit the cgroup has."},
	{PLACE_CPU, "hard", SHAPE_VALUE, .parse = schema_read_cpu_amount, AT(cpu_config, hard),
	 .min = "0.01", .max = "the machine's", .unit = CORES,
	 .sentence = "How far the quota may be raised; at least soft; left out: twice the soft."},
	{PLACE_CPU, "step", SHAPE_VALUE, .parse = schema_read_cpu_amount, AT(cpu_config, step),
	 .min = "0.01", .max = "the machine's", .fallback = "0.25", .unit = CORES,
	 .sentence = "By how much the quota is raised and returned."},
	{PLACE_CPU, "return_after", SHAPE_VALUE, .parse = schema_read_time,
	 AT(cpu_config, return_after_ns), .min = "10ms", .max = "24h", .fallback = "60s",
	 .unit = TIME,
	 .sentence = "How long use must stay low before the quota returns toward soft."},
	{PLACE_CPU, "burst", SHAPE_VALUE, .parse = schema_read_cpu_burst, .min = "0.01",
	 .max = "soft", .unit = "cores such as 0.1 or 10%, or 0",
	 .sentence = "cpu.max.burst, as cores; left out: as found, but never above the quota."},

	{PLACE_IO, "device", SHAPE_VALUE, .parse = schema_read_device, AT(io_config, device),
	 .unit = "a whole disk such as 8:0 or /dev/sda",
	 .sentence = "The disk whose io.max is governed."},
	{PLACE_IO, "rbps", SHAPE_MAPPING, PLACE_IO_BYTES, AT(io_config, rates[IO_RBPS]),
	 .sentence = "Bytes read a second."},
	{PLACE_IO, "wbps", SHAPE_MAPPING, PLACE_IO_BYTES, AT(io_config, rates[IO_WBPS]),
	 .sentence = "Bytes written a second."},
	{PLACE_IO, "riops", SHAPE_MAPPING, PLACE_IO_COUNT, AT(io_config, rates[IO_RIOPS]),
	 .sentence = "Reads a second."},
	{PLACE_IO, "wiops", SHAPE_MAPPING, PLACE_IO_COUNT, AT(io_config, rates[IO_WIOPS]),
	 .sentence = "Writes a second."},
	{PLACE_IO, "return_after", SHAPE_VALUE, .parse = schema_read_time,
	 AT(io_config, return_after_ns), .min = "10ms", .max = "24h", .fallback = "60s",
	 .unit = TIME,
	 .sentence = "How long use must stay low before the limit returns toward soft."},
	IO_RATE(PLACE_IO_BYTES, schema_read_size, "4K", "1T", SIZE),
	IO_RATE(PLACE_IO_COUNT, schema_read_count, "1", "4294967294", "a number such as 100"),

	{PLACE_PRIORITY, "weight", SHAPE_VALUE, .parse = schema_read_count,
	 AT(priority_config, weight), .min = "1", .max = "10000", .unit = "a number such as 100",
	 .sentence = "cpu.weight, beside that of its siblings."},
	{PLACE_PRIORITY, "nice", SHAPE_VALUE, .parse = schema_read_nice, .min = "-20", .max = "19",
	 .unit = "a number such as -5", .sentence = "The nice value of all of its threads."},
	{PLACE_PRIORITY, "policy", SHAPE_VALUE, .parse = schema_read_sched,
	 AT(priority_config, sched), .unit = "other, batch, idle, rr or fifo",
	 .sentence = "The scheduling policy of all of its threads; rr and fifo at priority 1."},
	{.key = NULL},
};

const struct schema_key *schema_find(enum schema_place place, const char *name, size_t name_len)
{
	for (const struct schema_key *key = schema_keys; key->key; key++)
		if (key->place == place && strlen(key->key) == name_len &&
		    memcmp(key->key, name, name_len) == 0)
			return key;
	return NULL;
}

/* Whether at most one character is changed, missing or too many; case does not count. */
static bool is_near(const char *a, const char *b)
{
	size_t a_len, b_len;

	for (; *a && tolower((unsigned char)*a) == tolower((unsigned char)*b); a++)
		b++;
	a_len = strlen(a);
	b_len = strlen(b);
	return a_len - b_len + 1 <= 2 &&
	       strcasecmp(a + (a_len >= b_len && a_len), b + (b_len >= a_len && b_len)) == 0;
}

const struct schema_key *schema_find_near(enum schema_place place, const char *name)
{
	for (const struct schema_key *key = schema_keys; key->key; key++)
		if (key->place == place && is_near(key->key, name))
			return key;
	return NULL;
}

int schema_set_fallbacks(enum schema_place place, void *object)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		const char *why = NULL;
		int err = 0;

		if (key->place == place && key->fallback)
			err = key->parse(key, key->fallback, (char *)object + key->offset, &why);
		if (err)
			return err;
	}
	return 0;
}

static void print_place(enum schema_place place, const char *prefix, bool is_in_target)
{
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		const char *fallback = key->fallback;
		char name[64];

		if (key->place != place)
			continue;
		snprintf(name, sizeof(name), "%s%s%s", prefix, key->key,
			 key->shape == SHAPE_LIST ? "[]" : "");
		if (is_in_target && place == PLACE_MEMORY)
			fallback = "as in defaults.memory";
		if (is_in_target && place == PLACE_CPU)
			fallback = "as in defaults.cpu";
		if (is_in_target && place == PLACE_IO && key->shape == SHAPE_VALUE)
			fallback = "as in defaults.io";
		printf("| `%s` | %s | %s | %s | %s | %s |\n", name, key->unit ?: "a mapping",
		       key->min ?: "", key->max ?: "", fallback ?: "", key->sentence);
		if (key->inside) {
			strcat(name, ".");
			print_place(key->inside, name, is_in_target || key->inside == PLACE_TARGET);
		}
	}
}

void config__print_reference(void)
{
	printf("| key | value | least | most | default | meaning |\n|---|---|---|---|---|---|\n");
	print_place(PLACE_FILE, "", false);
}

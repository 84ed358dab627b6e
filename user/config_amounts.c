// SPDX-License-Identifier: BSD-2-Clause
/* Owns how values of CPU, IO and priority in a configuration are read and bounded. It never knows
 * which keys there are. */
#include "user/config_amounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "user/amount.h"
#include "user/config_values.h"
#include "user/knob.h"
#include "user/units.h"
#include "user/words.h"

/* cpu.weight: CGROUP_WEIGHT_MIN and _MAX in include/linux/cgroup.h */
#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000
#define NICE_MIN (-20)
#define NICE_MAX 19

int schema_read_cpu_mode(const struct schema_key *key, const char *text, void *at,
			 const char **ret_why)
{
	static const char *const words[] = {
		[CPU_MODE_QUOTA] = "quota", [CPU_MODE_WEIGHT] = "weight"};
	int mode = WORDS_FIND(words, text);

	(void)key, (void)ret_why;
	if (!mode)
		return -EINVAL;
	*(enum cpu_mode *)at = mode;
	return 0;
}

static int read_cores(const struct schema_key *key, const char *text, uint64_t *ret_ppm,
		      const char **ret_why)
{
	uint64_t ppm, bound;
	int err = units_parse_cores(text, &ppm);

	if (err)
		return err;
	if (key->min && !units_parse_cores(key->min, &bound) && ppm < bound)
		return -ERANGE;
	if (ppm > (uint64_t)sysconf(_SC_NPROCESSORS_CONF) * PPM) {
		*ret_why = "is more than this machine's CPUs";
		return -EINVAL;
	}
	*ret_ppm = ppm;
	return 0;
}

static int read_weight(const char *text, uint64_t *ret_weight)
{
	uint64_t weight;

	if (text[0] == '0' || units_parse_limit(text, &weight) || weight == UINT64_MAX)
		return -EINVAL;
	if (weight < WEIGHT_MIN || weight > WEIGHT_MAX)
		return -ERANGE;
	*ret_weight = weight;
	return 0;
}

int schema_read_cpu_amount(const struct schema_key *key, const char *text, void *at,
			   const char **ret_why)
{
	struct cpu_amount *amount = at;
	const struct cpu_config *cpu = (const void *)((const char *)at - key->offset);
	int err;

	if (cpu->mode != CPU_MODE_WEIGHT)
		return read_cores(key, text, &amount->cores_ppm, ret_why);
	err = read_weight(text, &amount->weight);
	if (err)
		*ret_why = "is not a weight from 1 to 10000, which mode weight wants";
	return err ? -EINVAL : 0;
}

int schema_read_cpu_burst(const struct schema_key *key, const char *text, void *at,
			  const char **ret_why)
{
	struct cpu_config *cpu = at;
	int err = strcmp(text, "0") == 0 ? 0 : read_cores(key, text, &cpu->burst_ppm, ret_why);

	if (!err)
		cpu->has_burst = true;
	return err;
}

int schema_read_count(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why)
{
	uint64_t count, bound;

	(void)ret_why;
	/* A leading zero is octal to YAML 1.1. */
	if ((text[0] == '0' && text[1]) || units_parse_limit(text, &count) || count == UINT64_MAX)
		return -EINVAL;
	if ((!units_parse_limit(key->min, &bound) && count < bound) ||
	    (!units_parse_limit(key->max, &bound) && count > bound))
		return -ERANGE;
	*(uint64_t *)at = count;
	return 0;
}

/* Whole disks alone have a queue with limits. */
static const char *check_device(unsigned int major, unsigned int minor)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	if (access(path, F_OK) != 0)
		return "is no block device of this machine";
	strcat(path, "/partition");
	return access(path, F_OK) == 0 ? "is a partition: io.max wants the whole disk" : NULL;
}

int schema_read_device(const struct schema_key *key, const char *text, void *at,
		       const char **ret_why)
{
	unsigned int major, minor;
	struct stat st;
	char end;

	(void)key;
	if (text[0] == '/') {
		if (stat(text, &st) < 0)
			*ret_why = "cannot be found";
		else if (!S_ISBLK(st.st_mode))
			*ret_why = "is no block device";
		if (*ret_why)
			return -EINVAL;
		major = major(st.st_rdev);
		minor = minor(st.st_rdev);
	} else if (strspn(text, "0123456789:") != strlen(text) ||
		   sscanf(text, "%4u:%7u%c", &major, &minor, &end) != 2) {
		return -EINVAL;
	}
	*ret_why = check_device(major, minor);
	if (*ret_why)
		return -EINVAL;
	*(uint32_t *)at = knob_device_of(major, minor);
	return 0;
}

int schema_read_nice(const struct schema_key *key, const char *text, void *at, const char **ret_why)
{
	struct priority_config *priority = at;
	char *end;
	long nice;

	(void)key, (void)ret_why;
	if (strspn(text + (text[0] == '-'), "0123456789") != strlen(text + (text[0] == '-')) ||
	    strlen(text) > 4)
		return -EINVAL;
	nice = strtol(text, &end, 10);
	if (nice < NICE_MIN || nice > NICE_MAX)
		return -ERANGE;
	priority->nice = (int)nice;
	priority->has_nice = true;
	return 0;
}

int schema_read_sched(const struct schema_key *key, const char *text, void *at,
		      const char **ret_why)
{
	static const char *const words[] = {
		[SCHED_CHOICE_OTHER] = "other", [SCHED_CHOICE_BATCH] = "batch",
		[SCHED_CHOICE_IDLE] = "idle",	[SCHED_CHOICE_RR] = "rr",
		[SCHED_CHOICE_FIFO] = "fifo",
	};
	int choice = WORDS_FIND(words, text);

	(void)key, (void)ret_why;
	if (!choice)
		return -EINVAL;
	*(enum sched_choice *)at = choice;
	return 0;
}

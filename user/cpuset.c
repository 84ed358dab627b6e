/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the words of sets of CPUs. It never asks what a CPU is. */
#include "user/cpuset.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool has(const struct cpuset *set, unsigned int cpu)
{
	return set->words[cpu / 64] & (1ULL << cpu % 64);
}

/* Digits at *TEXT; a number that is too large becomes CPUSET_CPUS. */
static int read_cpu(const char **text, unsigned int *ret)
{
	const char *p = *text;
	unsigned int cpu = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		cpu = cpu * 10 + (*p - '0');
		if (cpu > CPUSET_CPUS)
			cpu = CPUSET_CPUS;
	}
	*text = p;
	*ret = cpu;
	return 0;
}

int cpuset_parse(const char *text, struct cpuset *ret)
{
	struct cpuset set = {};
	bool is_twice = false;

	do {
		unsigned int first, last;

		if (read_cpu(&text, &first))
			return -EINVAL;
		last = first;
		if (*text == '-' && (text++, read_cpu(&text, &last)))
			return -EINVAL;
		if (last < first)
			return -EINVAL;
		if (last >= CPUSET_CPUS)
			return -ERANGE;
		for (unsigned int cpu = first; cpu <= last; cpu++) {
			is_twice |= has(&set, cpu);
			set.words[cpu / 64] |= 1ULL << cpu % 64;
		}
	} while (*text == ',' && *++text);
	if (text[-1] == ',' || (*text && strcmp(text, "\n") != 0))
		return -EINVAL;
	if (is_twice)
		return -EEXIST;
	*ret = set;
	return 0;
}

char *cpuset_format(const struct cpuset *set, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	for (unsigned int cpu = 0; cpu < CPUSET_CPUS && n < len; cpu++) {
		unsigned int last = cpu;

		if (!set->words[cpu / 64]) {
			cpu |= 63;
			continue;
		}
		if (!has(set, cpu))
			continue;
		while (last + 1 < CPUSET_CPUS && has(set, last + 1))
			last++;
		n += snprintf(buf + n, len - n, last > cpu ? "%s%u-%u" : "%s%u", n ? "," : "", cpu,
			      last);
		cpu = last;
	}
	return buf;
}

void cpuset_add(struct cpuset *set, const struct cpuset *other)
{
	for (size_t i = 0; i < CPUSET_CPUS / 64; i++)
		set->words[i] |= other->words[i];
}

bool cpuset_is_empty(const struct cpuset *set)
{
	static const struct cpuset none;

	return cpuset_is_equal(set, &none);
}

bool cpuset_is_equal(const struct cpuset *a, const struct cpuset *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static int first(uint64_t word, size_t i)
{
	return (int)(i * 64) + __builtin_ctzll(word);
}

int cpuset_first_outside(const struct cpuset *a, const struct cpuset *b)
{
	for (size_t i = 0; i < CPUSET_CPUS / 64; i++)
		if (a->words[i] & ~b->words[i])
			return first(a->words[i] & ~b->words[i], i);
	return -1;
}

int cpuset_first_shared(const struct cpuset *a, const struct cpuset *b)
{
	for (size_t i = 0; i < CPUSET_CPUS / 64; i++)
		if (a->words[i] & b->words[i])
			return first(a->words[i] & b->words[i], i);
	return -1;
}

int cpuset_read(const char *file, struct cpuset *ret)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char text[CPUSET_TEXT_LEN];
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	text[len] = '\0';
	return cpuset_parse(text, ret);
}

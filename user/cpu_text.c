// SPDX-License-Identifier: BSD-2-Clause
/* Owns the words of a group's CPU limit: which file holds it, how it is read and written, and what
 * it rounds to. It never touches a file. */
#include <inttypes.h>
#include <stdio.h>

#include "user/cpu.h"
#include "user/units.h"

uint32_t cpu_knob(const struct group_cpu *cpu)
{
	return cpu->mode == CPU_MODE_WEIGHT ? CGBPF_KNOB_CPU_WEIGHT : CGBPF_KNOB_CPU_MAX;
}

int cpu_parse(struct group_cpu *cpu, const char *text)
{
	return cpu->mode == CPU_MODE_WEIGHT ? units_parse_limit(text, &cpu->weight)
					    : quota_parse(text, &cpu->standing);
}

char *cpu_format(const struct group_cpu *cpu, uint64_t amount, char *buf, size_t len)
{
	struct quota next = cpu->standing;

	if (cpu->mode == CPU_MODE_WEIGHT) {
		snprintf(buf, len, "%" PRIu64, amount);
		return buf;
	}
	next.quota_us = quota_for(amount, next.period_us);
	return quota_format(&next, buf, len);
}

void cpu_fit_rule(struct group_cpu *cpu)
{
	if (cpu->mode == CPU_MODE_WEIGHT)
		return;
	cpu->rule.soft = quota_rounded_ppm(cpu->rule.soft, cpu->standing.period_us);
	cpu->rule.hard = quota_rounded_ppm(cpu->rule.hard, cpu->standing.period_us);
}

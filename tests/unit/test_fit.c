/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds a reload to the contract's word on a soft that is left out: it is the limit that the cgroup
 * has, not the soft that an earlier configuration gave. It never waits for a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fixtures/fake_cgroup.h"

#include "user/knob.h"

#define ORIGINAL_LINE "8:0 rbps=2097152 wbps=max riops=max wiops=max"

static const struct target_config without_soft = {
	.name = "test",
	.memory = {.is_given = true, .hard_bytes = 256 * MIB, .watermark_ppm = 900000},
	.cpu = {.is_given = true, .mode = CPU_MODE_QUOTA, .hard.cores_ppm = 2000000},
	.io = {.is_given = true,
	       .device = 8 << 20,
	       .rates = {[IO_RBPS] = {.is_given = true, .hard = 16 * MIB},
			 [IO_WBPS] = {.is_given = true, .hard = 16 * MIB}}},
};

static void remember(const struct group *group, uint32_t knob, uint32_t device, const char *text)
{
	struct cgbpf_ledger_key key = group__key(group, knob, device);

	assert_int_equal(apply__remember_knob(&fake.controller.apply, &key, text, group->target),
			 0);
}

/* Soft 64M, as it was given; the original is ORIGINAL. */
static struct group *with_memory(const char *name, const char *original)
{
	struct group *group = fake_governed(name, 64 * MIB, MIB, original);

	group->is_soft_given = true;
	return group;
}

static void memory_without_soft_has_the_limit_from_before_us(void **state)
{
	struct group *group = with_memory("memory", "134217728");

	(void)state;
	memory__fit(&fake.controller, group, &without_soft);
	assert_int_equal(group->rule.soft_bytes, 128 * MIB);
	assert_stands(group, "memory.max", "134217728");
	/* Found, not given: it stays what it is. */
	memory__fit(&fake.controller, group, &without_soft);
	assert_int_equal(group->rule.soft_bytes, 128 * MIB);
}

static void memory_without_soft_that_had_no_limit_is_let_go(void **state)
{
	struct group *group = with_memory("free", "max");

	(void)state;
	memory__fit(&fake.controller, group, &without_soft);
	assert_false(group->has_memory);
}

static void cpu_without_soft_has_the_quota_from_before_us(void **state)
{
	struct group *group = with_memory("cpu", "max");
	struct group_cpu *cpu = calloc(1, sizeof(*cpu));

	(void)state;
	assert_non_null(cpu);
	fake_write(group, "cpu.max", "30000 100000\n");
	assert_int_equal(knob__open(group->dir_fd, CGBPF_KNOB_CPU_MAX, &cpu->fd), 0);
	cpu->mode = CPU_MODE_QUOTA;
	cpu->rule = (struct cpu_rule){.soft = 300000, .hard = 2000000};
	cpu->standing = (struct quota){30000, 100000};
	cpu->is_soft_given = true;
	group->cpu = cpu;
	remember(group, CGBPF_KNOB_CPU_MAX, 0, "50000 100000");
	cpu__fit(&fake.controller, group, &without_soft);
	assert_int_equal(cpu->rule.soft, 500000);
	assert_stands(group, "cpu.max", "50000 100000");
}

static void io_without_soft_has_the_limits_from_before_us(void **state)
{
	struct group *group = with_memory("io", "max");
	struct group_io *io = calloc(1, sizeof(*io));

	(void)state;
	assert_non_null(io);
	fake_write(group, "io.max", "8:0 rbps=1048576 wbps=1048576 riops=max wiops=max\n");
	assert_int_equal(knob__open(group->dir_fd, CGBPF_KNOB_IO_MAX, &io->fd), 0);
	io->device = 8 << 20;
	for (int kind = 0; kind < IO_KINDS; kind++)
		io->rates[kind].standing = UINT64_MAX;
	for (int kind = IO_RBPS; kind <= IO_WBPS; kind++)
		io->rates[kind] = (struct group_rate){.is_governed = true,
						      .is_soft_given = true,
						      .rule = {.soft = MIB, .hard = 16 * MIB},
						      .standing = MIB};
	group->io = io;
	remember(group, CGBPF_KNOB_IO_MAX, io->device, ORIGINAL_LINE);
	io__fit(&fake.controller, group, &without_soft);
	assert_stands(group, "io.max", ORIGINAL_LINE);
	assert_int_equal(io->rates[IO_RBPS].rule.soft, 2 * MIB);
	/* It had none. */
	assert_false(io->rates[IO_WBPS].is_governed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_without_soft_has_the_limit_from_before_us,
						fake_begin, fake_end),
		cmocka_unit_test_setup_teardown(memory_without_soft_that_had_no_limit_is_let_go,
						fake_begin, fake_end),
		cmocka_unit_test_setup_teardown(cpu_without_soft_has_the_quota_from_before_us,
						fake_begin, fake_end),
		cmocka_unit_test_setup_teardown(io_without_soft_has_the_limits_from_before_us,
						fake_begin, fake_end),
	};

	return cmocka_run_group_tests_name("a soft that is left out", tests, NULL, NULL);
}

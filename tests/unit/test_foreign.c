/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the answers to other writers of memory.max to what they promise where something of ours was
 * under way. It never waits for a kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fixtures/fake_cgroup.h"

/* The original is 32M. */
static struct group *governed(const char *name, uint64_t limit_bytes, uint64_t usage_bytes)
{
	return fake_governed(name, limit_bytes, usage_bytes, "33554432");
}

static struct cgbpf_event note_of(const struct group *group, const char *value)
{
	struct cgbpf_event event = {
		.kind = CGBPF_EVENT_WRITE, .kernel_ns = apply_now_ns(), .cgroup_id = group->id};

	event.write.knob = CGBPF_KNOB_MEMORY_MAX;
	snprintf(event.write.value, sizeof(event.write.value), "%s", value);
	return event;
}

static void somebody_wrote(const struct group *group, const char *value)
{
	struct cgbpf_event event = note_of(group, value);

	fake_write(group, "memory.max", value);
	foreign__handle(&fake.controller, &event);
}

static const char *original_of(const struct group *group)
{
	struct cgbpf_ledger_key key = group__key(group, CGBPF_KNOB_MEMORY_MAX, 0);
	const struct cgbpf_ledger_entry *entry = fake_entry(&key);

	return entry ? entry->original : "";
}

/* 400M in use keep it above hard. */
static void reassert_raises_to_no_value_of_somebody_elses_beyond_hard(void **state)
{
	struct group *group = governed("above", UINT64_MAX, 400 * MIB);

	(void)state;
	somebody_wrote(group, "536870912");
	assert_stands(group, "memory.max", "536870912");
	assert_int_equal(group->limit_bytes, 512 * MIB);
	assert_string_equal(original_of(group), "536870912");
	/* Nor to the one that had to stay until now. */
	somebody_wrote(group, "450000000");
	assert_stands(group, "memory.max", "450000000");
	/* Less is in use: ours again, which is hard. */
	fake_write_bytes(group, "memory.current", 8 * MIB);
	somebody_wrote(group, "400000000");
	assert_stands(group, "memory.max", "268435456");
	assert_int_equal(group->limit_bytes, 256 * MIB);
}

static void a_note_of_what_ours_has_replaced_changes_only_what_goes_back(void **state)
{
	struct group *group = governed("stale", 128 * MIB, 128 * MIB - 4096);
	struct cgbpf_event event = note_of(group, "200M");

	(void)state;
	foreign__handle(&fake.controller, &event);
	assert_stands(group, "memory.max", "134217728");
	assert_int_equal(group->limit_bytes, 128 * MIB);
	assert_string_equal(original_of(group), "209715200");
}

static void a_borrower_that_is_obeyed_pays_back(void **state)
{
	struct group *lender = governed("lender", 96 * MIB, MIB);
	struct group *borrower = governed("borrower", 160 * MIB, MIB);

	(void)state;
	borrower->on_foreign_write = FOREIGN_OBEY;
	fake.controller.donors.loans[0] = (struct loan){lender->id, borrower->id, 32 * MIB, true};
	fake.controller.donors.loans_cnt = 1;
	somebody_wrote(borrower, "50331648");
	assert_true(borrower->is_stopped);
	assert_stands(borrower, "memory.max", "50331648");
	assert_stands(lender, "memory.max", "134217728");
	assert_int_equal(fake.controller.donors.loans_cnt, 0);
}

/* Theirs is the original from the first time on, and writing it again no reset. */
static void who_insists_on_one_value_is_answered_three_times_and_then_obeyed(void **state)
{
	struct group *group = governed("insisting", 64 * MIB, MIB);

	(void)state;
	group->on_foreign_write = FOREIGN_REASSERT;
	for (int i = 0; i < GROUP_REASSERTS_MAX; i++) {
		somebody_wrote(group, "50331648");
		assert_stands(group, "memory.max", "67108864");
	}
	somebody_wrote(group, "50331648");
	assert_stands(group, "memory.max", "50331648");
	assert_true(group->is_stopped);
}

/* Its controller was switched off and on: the news of it is still to come. */
static void nothing_is_lowered_in_a_file_that_is_another_by_now(void **state)
{
	struct group *group = governed("other", 128 * MIB, MIB);

	(void)state;
	assert_int_equal(renameat(group->dir_fd, "memory.max", group->dir_fd, "memory.gone"), 0);
	fake_write(group, "memory.max", "max");
	assert_int_equal(calm__lower(&fake.controller, group, 64 * MIB), -ENODEV);
	assert_stands(group, "memory.max", "max");
}

/* What the kernel takes for no limit (page_counter_memparse() in mm/page_counter.c), written as a
 * number. */
static void from_the_kernels_greatest_up_a_number_is_max(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} values[] = {
		{"9223372036854771711", INT64_MAX - 8191},
		{"9223372036854771712", UINT64_MAX},
		{"9223372036854775807", UINT64_MAX},
		{"18446744073709551614", UINT64_MAX},
		{"8191", 4096},
		{"48M", 48 * MIB},
		{"max\n", UINT64_MAX},
	};
	struct group *group = governed("great", 64 * MIB, MIB);

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct cgbpf_event event = note_of(group, values[i].text);
		uint64_t bytes = 0;

		assert_int_equal(foreign__bytes(group, &event, &bytes), 0);
		assert_int_equal(bytes, values[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			reassert_raises_to_no_value_of_somebody_elses_beyond_hard, fake_begin,
			fake_end),
		cmocka_unit_test_setup_teardown(
			a_note_of_what_ours_has_replaced_changes_only_what_goes_back, fake_begin,
			fake_end),
		cmocka_unit_test_setup_teardown(a_borrower_that_is_obeyed_pays_back, fake_begin,
						fake_end),
		cmocka_unit_test_setup_teardown(
			who_insists_on_one_value_is_answered_three_times_and_then_obeyed,
			fake_begin, fake_end),
		cmocka_unit_test_setup_teardown(nothing_is_lowered_in_a_file_that_is_another_by_now,
						fake_begin, fake_end),
		cmocka_unit_test_setup_teardown(from_the_kernels_greatest_up_a_number_is_max,
						fake_begin, fake_end),
	};

	return cmocka_run_group_tests_name("other writers", tests, NULL, NULL);
}

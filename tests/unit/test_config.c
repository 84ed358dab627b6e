/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds user/config.c and its schema to their promises. It never writes outside its own folder. */
#include <sys/stat.h>
#include <time.h>

#include "user/config_schema.h"

#include "tests/fixtures/config/check.h"

#include "tests/fixtures/config/files.h"
#include "tests/fixtures/config/keys.h"
#include "tests/fixtures/config/targets.h"
#include "tests/fixtures/config/values.h"

static void every_key_is_read(void **state)
{
	struct config config;
	char error[512];

	(void)state;
	if (load(FIXTURES "full.yaml", &config, error))
		fail_msg("%s", error);
	assert_string_equal(config.file, FIXTURES "full.yaml");
	expect_config(
		&config,
		"reserve 125000 ppm 0 bytes\n"
		"6:5 'memory-hog' is 1 '/lab/memory-hog' foreign 2 given 1 soft 67108864 hard "
		"268435456 step 8388608 hold 0 return 1500000000 watermark 950000\n"
		"10:5 'label=com.example.role=web' is 2 'label=com.example.role=web' foreign 3 "
		"given 1 soft 0 hard 1073741824 step 16777216 hold 10000000 return 120000000000 "
		"watermark 800000\n"
		"13:5 '1234' is 3 '1234' foreign 1 given 1 soft 134217728 hard 1073741824 step "
		"16777216 hold 10000000 return 120000000000 watermark 800000\n"
		"15:5 'Gr\xc3\xbc\xc3\x9f"
		"e, Welt' is 4 'ssh.service' foreign 1 given 1 soft 0 hard 2147483648 step "
		"16777216 hold 10000000 return 120000000000 watermark 800000\n");
}

static void what_is_left_out_has_the_documented_default(void **state)
{
	(void)state;
	expect_yaml(MEMORY "{}\n", FALLBACKS "2:5 '/a' is 1 '/a'" BARE);
}

static void the_built_in_configuration_governs_all_finite_limits(void **state)
{
	struct config config;

	(void)state;
	assert_int_equal(config__default(&config), 0);
	assert_null(config.file);
	expect_config(&config, FALLBACKS "0:0 'default' is 5 ''" BARE);
	config__free(&config);
	assert_null(config.targets);
}

static void defaults_hold_wherever_they_stand(void **state)
{
	(void)state;
	expect_yaml(
		MEMORY "{ soft: 4M }\ndefaults: { memory: { step: 3M, hard: 8M } }\n", FALLBACKS
		"2:5 '/a' is 1 '/a' foreign 1 given 1 soft 4194304 "
		"hard 8388608 step 3145728 hold 20000000 return 60000000000 watermark 900000\n");
}

static void reserve_is_a_percentage_or_a_size(void **state)
{
	static const char *const rows[][2] = {
		{"0%", "reserve 0 ppm 0 bytes\n"},
		{"100%", "reserve 1000000 ppm 0 bytes\n"},
		{"2G", "reserve 0 ppm 2147483648 bytes\n"},
		{"0", "reserve 0 ppm 0 bytes\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char yaml[256], expected[256];

		snprintf(yaml, sizeof(yaml), "machine: { reserve: %s }\n" MEMORY "{}\n",
			 rows[i][0]);
		snprintf(expected, sizeof(expected), "%s3:5 '/a' is 1 '/a'" BARE, rows[i][1]);
		expect_yaml(yaml, expected);
	}
}

static void a_path_loses_its_needless_slashes(void **state)
{
	(void)state;
	expect_yaml(CGROUP "//lab///*//\n", FALLBACKS "2:5 '/lab/*' is 1 '/lab/*'" BARE);
}

static void a_match_has_an_end(void **state)
{
	static const struct {
		const char *before;
		int most; /* digits */
		const char *after, *error;
	} rows[] = {
		{CGROUP "/", 4094, "",
		 "3:13: cgroup: '/00000000000000000000000000000000000000000000000000000000000"
		 "\xe2\x80\xa6' is longer than 4095 bytes"},
		{DOCKER, 255, "",
		 "3:13: docker: '000000000000000000000000000000000000000000000000000000000000"
		 "\xe2\x80\xa6' is longer than 255 bytes"},
		{UNIT, 249, ".slice",
		 "3:11: unit: '000000000000000000000000000000000000000000000000000000000000"
		 "\xe2\x80\xa6' is longer than 255 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int more = 0; more <= 1; more++) {
			char yaml[8192];
			struct row row = {yaml, more ? rows[i].error : NULL};

			snprintf(yaml, sizeof(yaml), "%s%0*d%s\n", rows[i].before,
				 rows[i].most + more, 0, rows[i].after);
			check_row(&row);
		}
	}
}

#define DIGITS_62 "01234567890123456789012345678901234567890123456789012345678901"

static void a_name_left_out_is_made_from_the_match(void **state)
{
	(void)state;
	expect_yaml(UNIT "'a\\x2db.slice'\n",
		    FALLBACKS "2:5 'a\\x2db.slice' is 4 'a\\x2db.slice'" BARE);
	expect_yaml(CGROUP "\"/a\\e\"\n", FALLBACKS "2:5 '/a\\x1b' is 1 '/a\x1b'" BARE);
	expect_yaml(CGROUP "/" DIGITS_62 "\n",
		    FALLBACKS "2:5 '/" DIGITS_62 "' is 1 '/" DIGITS_62 "'" BARE);
	expect_yaml(
		CGROUP "/a" DIGITS_62 "\n", FALLBACKS
		"2:5 '/a0123456789012345678901234567890123456789012345678901234567\xe2\x80\xa6' is "
		"1 '/a" DIGITS_62 "'" BARE);
}

static void fixtures_are_refused_where_they_break(void **state)
{
	static const char *const rows[][2] = {
		{"other_disk.yaml", "11:23: device: '4095:1' is no block device of this machine"},
		{"bomb.yaml", "1:4: anchors and aliases are not taken"},
		{"nul.yaml", "2:17: control characters are not allowed (0x00)"},
		{"binary.yaml", "1:1: control characters are not allowed (0x7f)"},
		{"utf16.yaml", "1:1: invalid leading UTF-8 octet (0xff)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config config;
		char path[128], error[512], expected[512];

		snprintf(path, sizeof(path), FIXTURES "%s", rows[i][0]);
		snprintf(expected, sizeof(expected), "%s:%s", path, rows[i][1]);
		assert_int_equal(load(path, &config, error), -EINVAL);
		assert_string_equal(error, expected);
	}
}

static void a_byte_order_mark_and_crlf_do_no_harm(void **state)
{
	(void)state;
	expect_yaml("\xef\xbb\xbftargets:\r\n  - cgroup: /a\r\n    memory: {}\r\n",
		    FALLBACKS "2:5 '/a' is 1 '/a'" BARE);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void no_mebibyte_takes_more_than_five_seconds(void **state)
{
	static const char *const patterns[] = {
		"[",   "[\n", "{a: ", "- ",    "? ",	     "[? ",	     "a,\n",  "- &a *b\n",
		"a: ", "\n",  "#",    "\"\\n", "a: |\n \n ", "%TAG !a! b\n", "---\n", "...\n",
		"a",   "'",   "!!a ", "{",     "- {}\n",     "soft: 1\n",    "%a\n",  "}",
	};
	static char yaml[CONFIG_MAX_FILE_BYTES];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(patterns); i++) {
		const char *pattern = patterns[i / 2];
		size_t n = i % 2 ? strlen(strcpy(yaml, "targets:\n")) : 0;
		struct config config;
		char error[512];
		double start = seconds_now();

		for (; n < sizeof(yaml); n++)
			yaml[n] = pattern[n % strlen(pattern)];
		write_bytes(file, yaml, sizeof(yaml));
		assert_int_equal(load(file, &config, error), -EINVAL);
		if (seconds_now() - start > 5)
			fail_msg("'%s' took %f s", pattern, seconds_now() - start);
	}
}

static void four_thousand_targets_are_enough(void **state)
{
	struct row row = {NULL, NULL};

	(void)state;
	for (int cnt = 4096; cnt <= 4097; cnt++) {
		char *yaml;
		size_t len;
		FILE *stream = open_memstream(&yaml, &len);

		fputs("targets:\n", stream);
		for (int i = 0; i < cnt; i++)
			fprintf(stream, "- { cgroup: /%d, memory: {} }\n", i);
		fclose(stream);
		row.yaml = yaml;
		check_row(&row);
		free(yaml);
		row.error = "2:1: there are more than 4096 targets";
	}
}

static void only_a_plain_file_of_at_most_a_mebibyte_is_read(void **state)
{
	static char bytes[CONFIG_MAX_FILE_BYTES + 1];
	struct config config;
	char path[128], error[512], expected[512];

	(void)state;
	assert_int_equal(chdir(folder), 0);
	memset(bytes, '\n', sizeof(bytes));
	write_bytes("plain", MEMORY "{}\n", strlen(MEMORY "{}\n"));
	write_bytes("large", bytes, sizeof(bytes));
	write_bytes("open", MEMORY "{}\n", strlen(MEMORY "{}\n"));
	assert_int_equal(chmod("open", 0666), 0);
	write_bytes("shared", MEMORY "{}\n", strlen(MEMORY "{}\n"));
	assert_int_equal(chmod("shared", 0660), 0);
	write_bytes("foreign", MEMORY "{}\n", strlen(MEMORY "{}\n"));
	/* Only root can give a file away. */
	if (chown("foreign", 4711, 4711) < 0)
		files[ARRAY_SIZE(files) - 1] = files[ARRAY_SIZE(files) - 2];
	assert_int_equal(symlink("plain", "link"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
		snprintf(expected, sizeof(expected), "%s%s", path, files[i].why);
		assert_int_equal(load(path, &config, error), files[i].err);
		assert_string_equal(error, expected);
	}
	assert_int_equal(load("/dev/null", &config, error), -EINVAL);
	assert_int_equal(load("plain", &config, error), 0);
	config__free(&config);

	/* Exactly a mebibyte is still read. */
	bytes[sprintf(bytes, MEMORY "{}")] = '\n';
	write_bytes("large", bytes, CONFIG_MAX_FILE_BYTES);
	assert_int_equal(load("large", &config, error), 0);
	config__free(&config);
	for (size_t i = 1; i < ARRAY_SIZE(files) - 1; i++)
		assert_int_equal(remove(files[i].name), 0);
	assert_int_equal(remove("foreign"), 0);
	assert_int_equal(remove("plain"), 0);
}

static void a_hostile_file_name_is_escaped(void **state)
{
	struct config config;
	char error[512], path[128], expected[512];

	(void)state;
	snprintf(path, sizeof(path), "%s/\x1b[2J\n%%n", folder);
	snprintf(expected, sizeof(expected), "%s/\\x1b[2J\\x0a%%n:1:1: unknown key 'x'", folder);
	write_bytes(path, "x: 1", 4);
	assert_int_equal(load(path, &config, error), -EINVAL);
	assert_string_equal(error, expected);
	unlink(path);
}

static void an_error_is_cut_between_characters(void **state)
{
	static const char yaml[] = "\xf0\x9f\x90\xa7\xf0\x9f\x90\xa7: 1\n";
	struct config config;
	char whole[128];

	(void)state;
	write_bytes(file, yaml, strlen(yaml));
	assert_int_equal(config__load(file, &config, whole, sizeof(whole)), -EINVAL);
	assert_int_equal(config__load(file, &config, NULL, 0), -EINVAL);
	for (size_t len = 1; len <= strlen(whole); len++) {
		char *error = malloc(len);
		size_t n;

		assert_int_equal(config__load(file, &config, error, len), -EINVAL);
		n = strnlen(error, len);
		assert_true(n < len);
		assert_memory_equal(error, whole, n);
		/* What was cut off begins a character. */
		assert_true((whole[n] & 0xc0) != 0x80);
		free(error);
	}
}

static void the_reference_names_every_key_with_its_range(void **state)
{
	static const char *const parts[] = {
		"| `defaults.memory.step` | a size such as 64M | 1M | 1T | 32M |",
		"| `targets[].memory.hold` | a time such as 20ms | 0ms | 100ms |",
		"| `targets[].cpu.soft` | cores such as 0.5 or 50%, or a weight | 0.01 |",
	};
	char path[128], text[65536] = "";
	int saved = dup(STDOUT_FILENO), fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/reference", folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && saved >= 0);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	config__print_reference();
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	unlink(path);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(text, parts[i]))
			fail_msg("no '%s' in:\n%s", parts[i], text);
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		char part[64];
		snprintf(part, sizeof(part), "%s%s%s`", key->place == PLACE_FILE ? "`" : ".",
			 key->key, key->shape == SHAPE_LIST ? "[]" : "");
		if (!strstr(text, part))
			fail_msg("no '%s'", part);
	}
}

static void every_value_in_the_schema_can_be_explained(void **state)
{
	(void)state;
	for (const struct schema_key *key = schema_keys; key->key; key++) {
		assert_non_null(key->sentence);
		assert_int_equal(!key->min, !key->max);
		if (key->shape == SHAPE_VALUE)
			assert_true(key->parse && key->unit);
		else if (key->shape != SHAPE_PIDS)
			assert_int_not_equal(key->inside, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(what_is_left_out_has_the_documented_default),
		cmocka_unit_test(the_built_in_configuration_governs_all_finite_limits),
		cmocka_unit_test(defaults_hold_wherever_they_stand),
		cmocka_unit_test(reserve_is_a_percentage_or_a_size),
		ROWS(a_reserve_out_of_range_is_refused),
		ROWS(a_quantity_stays_within_its_range),
		ROWS(a_bad_unit_or_sign_is_refused),
		ROWS(cpu_time_is_cores_or_a_weight),
		ROWS(soft_is_never_above_hard),
		ROWS(an_unknown_key_is_refused_where_it_stands),
		ROWS(a_key_is_given_once),
		ROWS(a_value_has_its_type),
		ROWS(a_file_without_targets_is_refused),
		ROWS(a_target_is_exactly_one_thing),
		ROWS(a_cgroup_is_a_path_below_the_root),
		cmocka_unit_test(a_path_loses_its_needless_slashes),
		cmocka_unit_test(a_match_has_an_end),
		ROWS(docker_pid_and_unit_are_checked),
		ROWS(a_name_is_short_unique_and_without_controls),
		cmocka_unit_test(a_name_left_out_is_made_from_the_match),
		ROWS(the_same_target_twice_is_refused_at_the_second),
		ROWS(broken_yaml_is_refused_where_it_breaks),
		ROWS(what_yaml_offers_beyond_plain_data_is_refused),
		cmocka_unit_test(fixtures_are_refused_where_they_break),
		cmocka_unit_test(a_byte_order_mark_and_crlf_do_no_harm),
		cmocka_unit_test(no_mebibyte_takes_more_than_five_seconds),
		cmocka_unit_test(four_thousand_targets_are_enough),
		cmocka_unit_test(a_hostile_file_name_is_escaped),
		cmocka_unit_test(an_error_is_cut_between_characters),
		cmocka_unit_test(the_reference_names_every_key_with_its_range),
		cmocka_unit_test(every_value_in_the_schema_can_be_explained),
		/* Leaves the repository's root. */
		cmocka_unit_test(only_a_plain_file_of_at_most_a_mebibyte_is_read),
	};

	return cmocka_run_group_tests_name("config", tests, make_folder, remove_folder);
}

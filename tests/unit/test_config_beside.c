/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds a configuration to the files that it names: they lie beside it, wherever cgbpf was started.
 * It never writes outside its own folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/config.h"

static char folder[] = "/tmp/test_config_beside.XXXXXX", file[64], calibration[64];

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/cgbpf.yaml", folder);
	snprintf(calibration, sizeof(calibration), "%s/c.json", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file);
	unlink(calibration);
	return rmdir(folder);
}

/* MODEL is written; calibration and model are EXPECTED. */
static void expect(const char *model, const char *path, const char *expected_calibration,
		   const char *expected_model)
{
	char text[256], error[512];
	struct config config;

	snprintf(text, sizeof(text),
		 "machine: { calibration: c.json }\nml: { model_path: %s }\n"
		 "targets:\n  - { cgroup: /a, memory: {} }\n",
		 model);
	put(file, text);
	if (config__load(path, &config, error, sizeof(error)))
		fail_msg("%s", error);
	assert_string_equal(config.calibration_file, expected_calibration);
	assert_string_equal(config.ml.model_path, expected_model);
	config__free(&config);
}

static void a_relative_path_begins_in_its_folder(void **state)
{
	char beside[96];

	(void)state;
	put(calibration, "{}");
	snprintf(beside, sizeof(beside), "%s/models/m.json", folder);
	expect("models/m.json", file, calibration, beside);
	expect("/m.json", file, calibration, "/m.json");
	/* Of one that is named without a folder, that is where we are. */
	assert_int_equal(chdir(folder), 0);
	expect("models/m.json", "cgbpf.yaml", "c.json", "models/m.json");
	assert_int_equal(chdir("/"), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_relative_path_begins_in_its_folder),
	};

	return cmocka_run_group_tests_name("config_beside", tests, set_up, tear_down);
}

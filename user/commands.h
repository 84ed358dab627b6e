/* SPDX-License-Identifier: BSD-2-Clause */
/* Every command, one file each: cmd_NAME.c. */
#ifndef CGBPF_COMMANDS_H
#define CGBPF_COMMANDS_H

#include "user/params.h"

extern const struct command cmd_run, cmd_restore, cmd_status, cmd_top, cmd_doctor, cmd_config,
	cmd_tree, cmd_squeeze, cmd_policy, cmd_bench_latency, cmd_calibrate;

#endif

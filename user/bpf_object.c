// SPDX-License-Identifier: BSD-2-Clause
/* Owns what all BPF objects of ours share before they are loaded. It never opens one. */
#include "user/bpf_object.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/log.h"

/* The verifier's log is one message of many lines. */
static int to_log(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text, *rest, *line;

	if (level != LIBBPF_WARN || vasprintf(&text, format, args) < 0)
		return 0;
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (*line)
			log_debug("%s", line);
	free(text);
	return 0;
}

void bpf_object_log(void)
{
	libbpf_set_print(to_log);
}

/* "0-3" or "0": the last number is the highest possible node. */
unsigned int bpf_object_nodes_cnt(void)
{
	FILE *f = fopen("/sys/devices/system/node/possible", "re");
	unsigned int first = 0, last = 0;

	if (f) {
		if (fscanf(f, "%u-%u", &first, &last) < 2)
			last = first;
		fclose(f);
	}
	return last + 1;
}

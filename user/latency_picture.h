/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench-latency found, as a picture. It never measures. */
#ifndef CGBPF_LATENCY_PICTURE_H
#define CGBPF_LATENCY_PICTURE_H

#include <stddef.h>

#include "user/latency_report.h"

/* As plot_svg returns. */
int latency_picture(const struct latency_result *result, const struct latency_figures *figures,
		    const char *file, char *error, size_t error_len);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The image of bench-latency's container: a tar with one static program. It never asks a registry.
 */
#ifndef CGBPF_LATENCY_IMAGE_H
#define CGBPF_LATENCY_IMAGE_H

#include <stddef.h>

/* Made of this machine's static busybox; the caller frees *RET_TAR. -ENOENT: there is none. */
int latency_image_make(char **ret_tar, size_t *ret_len);

#endif

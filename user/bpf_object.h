/* SPDX-License-Identifier: BSD-2-Clause */
/* What all BPF objects of ours share before they are loaded. It never opens one. */
#ifndef CGBPF_BPF_OBJECT_H
#define CGBPF_BPF_OBJECT_H

/* libbpf's warnings, which else go to standard error, are for the log. */
void bpf_object_log(void);
/* How many memory nodes this machine may have. */
unsigned int bpf_object_nodes_cnt(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of words, as the kernel shows controllers. It never changes one. */
#ifndef CGBPF_WORDS_H
#define CGBPF_WORDS_H

#include <stdbool.h>

/* Is WORD one of LIST's, which spaces divide? */
bool words_have(const char *list, const char *word);

#endif

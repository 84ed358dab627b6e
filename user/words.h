/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of words, as the kernel shows controllers, and ours. It never changes one. */
#ifndef CGBPF_WORDS_H
#define CGBPF_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Is WORD one of LIST's, which spaces divide? */
bool words_have(const char *list, const char *word);

/* The index of WORD in WORDS, which begin at 1; 0: none of them, or NULL. */
int words_find(const char *const *words, size_t cnt, const char *word);
#define WORDS_FIND(words, word) words_find(words, sizeof(words) / sizeof(*(words)), word)

#endif

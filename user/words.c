// SPDX-License-Identifier: BSD-2-Clause
/* Owns the look for a word in a list of them. It never reads a file. */
#include "user/words.h"

#include <string.h>

bool words_have(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

int words_find(const char *const *words, size_t cnt, const char *word)
{
	for (size_t i = 1; i < cnt && word; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return 0;
}

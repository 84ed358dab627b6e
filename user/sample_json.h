/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a sample's line, from what was measured since the line before. It never reads a
 * file.
 */
#ifndef CGBPF_SAMPLE_JSON_H
#define CGBPF_SAMPLE_JSON_H

#include <jansson.h>

#include "user/decide_memory.h"
#include "user/measure.h"

/* All return a new object. */
/* A count or a limit; null where it is UINT64_MAX: not counted here, or no limit. */
json_t *sample_number(uint64_t number);
/* SOFT and HARD in parts per million of one CPU; 0: not governed. */
json_t *sample_cpu(const struct measure *since, uint64_t soft_ppm, uint64_t hard_ppm);
json_t *sample_memory(const struct measure *since, const struct memory_rule *rule);
json_t *sample_io(const struct measure *since);
/* What is told of the time before, and of the time after, a change. */
json_t *sample_around(const struct measure *since);

/* Leaves KEY out where nothing of PSI is there. */
void sample_add_psi(json_t *object, const char *key, const struct psi *psi);

#endif

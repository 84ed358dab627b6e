/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of all configuration keys: what each accepts and what it means. It never reads a file.
 */
#ifndef CGBPF_CONFIG_SCHEMA_H
#define CGBPF_CONFIG_SCHEMA_H

#include <stddef.h>

#include "user/config.h"

/* A mapping in the file: which keys may stand in it, and what object they fill. */
enum schema_place {
	PLACE_FILE = 1, /* struct config */
	PLACE_MACHINE = 2, /* struct config */
	PLACE_DEFAULTS = 3, /* struct config */
	PLACE_TARGET = 4, /* struct target_config */
	PLACE_MEMORY = 5, /* struct memory_config */
	PLACE_PSI = 20, /* struct psi_config */
	PLACE_SAMPLES = 21, /* struct samples_config */
	PLACE_ML = 22, /* struct ml_config */
	PLACE_CPU = 6, /* struct cpu_config */
	PLACE_IO = 7, /* struct io_config */
	PLACE_IO_BYTES = 8, /* struct io_rate_config */
	PLACE_IO_COUNT = 9, /* struct io_rate_config */
	PLACE_PRIORITY = 10, /* struct priority_config */
};

enum schema_shape {
	SHAPE_VALUE = 1, /* one scalar, read by .parse */
	SHAPE_MAPPING = 2, /* keys of the place .inside */
	SHAPE_LIST = 3, /* mappings of the place .inside */
	SHAPE_PIDS = 5, /* process ids */
};

struct schema_key {
	enum schema_place place;
	const char *key;
	enum schema_shape shape;
	enum schema_place inside;
	size_t offset; /* in the object of .place */
	/* Fills what AT points to. 0; -EINVAL (not such a value), -ERANGE (outside min and max),
	 * -ENOMEM. *RET_WHY, where it is set, says more than "wants .unit". */
	int (*parse)(const struct schema_key *key, const char *text, void *at,
		     const char **ret_why);
	enum target_kind kind; /* of the keys that say what a target is */
	const char *min, *max, *fallback; /* as one would write them; NULL: none */
	const char *unit; /* "a size such as 64M" */
	const char *sentence;
};

/* In the order in which they are read; the last has no .key. */
extern const struct schema_key schema_keys[];

/* The key of this name in PLACE, or NULL. */
const struct schema_key *schema_find(enum schema_place place, const char *name, size_t name_len);
/* The key in PLACE that NAME misses by one character or by case, or NULL. */
const struct schema_key *schema_find_near(enum schema_place place, const char *name);
/* Writes the fallbacks of PLACE into OBJECT; a negative errno otherwise. */
int schema_set_fallbacks(enum schema_place place, void *object);

#endif

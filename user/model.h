/* SPDX-License-Identifier: BSD-2-Clause */
/* The model's file: readable JSON, whole or not taken. It never predicts (see policy). */
#ifndef CGBPF_MODEL_H
#define CGBPF_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "user/outfile.h"
#include "user/policy.h"

#define MODEL_VERSION 2
#define MODEL_SCHEMA 1 /* of the samples it was trained on */
#define MODEL_ERROR_LEN 512 /* nothing that model__load says is longer */

/* What is known of a model beside its numbers. */
struct model_facts {
	uint64_t rows_cnt;
	char from[40], until[40]; /* RFC 3339: the first and the last row it was trained on */
	double ridge;
	int horizon; /* it predicts the peak of so many intervals */
};

/*
 * 0; else a negative errno and in ERROR "FILE: why", where it is torn "FILE:LINE:COLUMN: why", fit
 * to be shown: -ENOENT and so on; -EBADMSG: torn, edited (checksum) or no model; -EPROTO: of
 * another version or schema.
 */
int model__load(const char *file, struct policy_model *ret_model, struct model_facts *ret_facts,
		char error[MODEL_ERROR_LEN]);
/* A reader of FILE sees the old one until outfile__commit, then the new one. */
int model__write(const char *file, const struct policy_model *model,
		 const struct model_facts *facts, struct outfile *ret_out);

#endif

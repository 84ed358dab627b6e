/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts a trained model and its figures in their places. It never leaves a model with the figures of
 * another. */
#ifndef CGBPF_POLICY_SAVE_H
#define CGBPF_POLICY_SAVE_H

#include "user/policy_train.h"

/*
 * The descriptor to close, or a negative errno. One writer of FILE at a time, a timer's beside a
 * person's: two at once could leave the model of one with the figures of the other.
 */
int policy_save_lock(const char *file);
/* FILE is x.json, its figures are x.metrics.json; SAMPLES is named in them. 0 or a negative errno.
 */
int policy_save(const char *file, const char *samples, const struct trained *trained);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks of `tree verify` found, each with what to do about it. It checks nothing itself.
 */
#ifndef CGBPF_TREE_VERIFY_H
#define CGBPF_TREE_VERIFY_H

#include <jansson.h>

#include "user/tree.h"

enum tree_verdict { TREE_GOOD = 1, TREE_BAD = 2, TREE_UNKNOWN = 3 };

struct tree_report {
	json_t *findings; /* {check, verdict, what, cure} */
	size_t bad_cnt;
};

/* CURE may be NULL; text of others comes escaped. */
void tree_found(struct tree_report *report, const char *check, enum tree_verdict verdict,
		const char *cure, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* tree_verify.c: the kernel's side of one hierarchy. */
void tree_verify_levels(struct tree_report *report, int root_fd, const struct tree_worker *worker);
void tree_verify_limits(struct tree_report *report, int root_fd, const struct tree_worker *worker,
			const struct tree_config *config);
/* tree_verify_docker.c: the Engine's side, of all of them. */
void tree_verify_driver(struct tree_report *report, const struct tree_list *list);
void tree_verify_containers(struct tree_report *report, const struct tree_list *list,
			    const struct tree_config *config);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What an auditor asks: who gave for whom, why nobody could, what would have saved a victim. Main
 * thread only; it never decides. */
#ifndef CGBPF_AUDIT_H
#define CGBPF_AUDIT_H

#include <stddef.h>

#include "user/controller.h"

#define AUDIT_DETAIL_LEN 512

struct audit {
	struct journal_part parts[DONORS_MAX];
	char detail[AUDIT_DETAIL_LEN];
};

/* Adds to RECORD, which is about ACTION, who gave; or, where donors were asked in vain, that.
 * RECORD borrows from AUDIT. */
void audit__action(struct controller *controller, const struct action *action,
		   struct journal_record *record, struct audit *audit);
/* One record for each donor of ACTION. */
void audit__donors(struct controller *controller, const struct action *action);
/* What would have saved a victim of the limit of OWNER_ID (0: the machine), whose path is OWNER. */
void audit__kill(struct controller *controller, uint64_t owner_id, const char *owner,
		 char buf[AUDIT_DETAIL_LEN]);

#endif

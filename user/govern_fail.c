// SPDX-License-Identifier: BSD-2-Clause
/* Says why a cgroup is not governed. It never changes one. */
#include <errno.h>
#include <string.h>

#include "user/controller.h"
#include "user/log.h"
#include "user/text.h"

void govern__pass_over(const struct target_config *target, const char *path, const char *why)
{
	char shown[256];

	if (target->kind != TARGET_ALL_FINITE)
		log_warning("%s: not governed: %s",
			    text_escape(path, strlen(path), shown, sizeof(shown)), why);
}

/* At the first and at each doubling: a storm of cgroups is no storm of lines. */
static void no_room(struct controller *controller, const struct target_config *target,
		    const char *path)
{
	uint64_t cnt = ++controller->summary.no_room_cnt;
	struct journal_record record = {
		.event = JOURNAL_NOT_GOVERNED,
		.cgroup = path,
		.target = target->name,
		.reason = reason_name(REASON_TABLE_FULL),
		.detail = reason_sentence(REASON_TABLE_FULL),
		.count = cnt,
		.has_count = true,
	};

	if ((cnt & (cnt - 1)) == 0)
		report(controller, &record);
}

void govern__fail(struct controller *controller, const struct target_config *target,
		  const char *path, int err)
{
	/* Of a map of the kernel, and of our own table. */
	if (err == -E2BIG || err == -ENOSPC)
		no_room(controller, target, path);
	else
		govern__pass_over(target, path, strerror(-err));
}

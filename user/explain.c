// SPDX-License-Identifier: BSD-2-Clause
/* Owns the words for every reason. It never decides which one applies. */
#include "user/explain.h"

static const struct {
	const char *name, *sentence;
} table[REASON_MAX] = {
	[REASON_NONE] = {"none", "no reason"},
	[REASON_WATERMARK] = {"watermark", "use that cannot be reclaimed passed the watermark"},
	[REASON_TIME_TO_LIMIT] = {"time_to_limit",
				  "at this growth the limit comes before an answer would"},
	[REASON_OOM] = {"oom", "reclaim failed and the kernel was about to kill"},
	[REASON_SOFT] = {"soft", "the configured soft limit"},
	[REASON_ABOVE_SOFT] =
		{"above_soft",
		 "in use above soft: begins at use plus a step, returns as it shrinks"},
	[REASON_ABOVE_HARD] = {"above_hard", "in use above hard: the limit is left as it is"},
	[REASON_CACHE] = {"cache", "what fills it is page cache, which reclaim can take"},
	[REASON_HARD_LIMIT] = {"hard_limit", "the hard limit is reached"},
	[REASON_PARENT_BINDS] = {"parent_binds",
				 "a tighter ancestor binds: it has no more to give"},
	[REASON_NO_HEADROOM] = {"no_headroom", "the machine has nothing above its reserve"},
	[REASON_CHILD_NEEDS] = {"child_needs", "a cgroup below it needs the room"},
	[REASON_CALM] = {"calm", "not needed for return_after"},
	[REASON_EXIT] = {"exit", "the controller ends"},
	[REASON_CRASH] = {"crash", "left over by a controller that did not end in order"},
	[REASON_RELOAD] = {"reload", "the new configuration does not name it"},
	[REASON_FOREIGN_NEW] = {"foreign_new", "somebody else set a new value"},
	[REASON_FOREIGN_RESET] = {"foreign_reset",
				  "somebody else restored the value from before ours"},
	[REASON_FOREIGN_TOO_OFTEN] = {"foreign_too_often",
				      "reasserted three times in a minute: obeying"},
	[REASON_IN_USE] = {"in_use", "its original lies under present use"},
	[REASON_NOT_OURS] = {"not_ours", "the value is no longer the one we wrote"},
	[REASON_BLIND] = {"blind",
			  "the kernel's programs do not run; memory.events is watched instead"},
	[REASON_UNREADABLE] = {"unreadable", "the cgroup's files cannot be read or written"},
	[REASON_MAKER] = {"maker", "set by whoever made the cgroup: taken as its original"},
	[REASON_THROTTLED] = {"throttled", "it ran into its limit and was kept waiting"},
	[REASON_SUGGESTED] = {"suggested", "the policy's model says what it will need"},
	[REASON_TARGET] = {"target",
			   "so that few of its periods are throttled, and no more is idle"},
	[REASON_LESS_THROTTLED] = {"less_throttled", "it is throttled less than before"},
	[REASON_NOT_LESS_THROTTLED] = {"not_less_throttled", "it is throttled no less than before"},
	[REASON_NOT_TRUSTED] = {"not_trusted",
				"throttled; the model never saw the like of it: a step"},
	[REASON_TABLE_FULL] = {"table_full",
			       "no room for it or its original: too many are governed"},
	[REASON_FOLLOWS] = {"follows", "it goes with memory.max"},
	[REASON_DEVICE_GONE] = {"device_gone", "the device is gone"},
	[REASON_REPAID] = {"repaid", "what it lent came back"},
	[REASON_LENT] = {"lent", "not in use here, needed there"},
	[REASON_HEADROOM] = {"headroom", "the machine has room again for what it lent"},
	[REASON_FORCED] = {"forced", "put back although in use: the kernel may kill"},
	[REASON_OWN_LIMIT] = {"own_limit", "held by its own limit more than by others"},
	[REASON_CONTENTION] = {"contention",
			       "others want the same, more than its own limit holds it"},
};

static enum reason known(enum reason reason)
{
	return reason > REASON_NONE && reason < REASON_MAX ? reason : REASON_NONE;
}

const char *reason_name(enum reason reason)
{
	return table[known(reason)].name;
}

const char *reason_sentence(enum reason reason)
{
	return table[known(reason)].sentence;
}

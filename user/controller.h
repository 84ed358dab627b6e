/* SPDX-License-Identifier: BSD-2-Clause */
/* All that a running controller is made of, put together once by run and handed to the rooms of the
 * main thread. */
#ifndef CGBPF_CONTROLLER_H
#define CGBPF_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "user/actions.h"
#include "user/advise.h"
#include "user/answer.h"
#include "user/apply.h"
#include "user/config.h"
#include "user/donors.h"
#include "user/feature.h"
#include "user/group.h"
#include "user/journal.h"
#include "user/learn.h"
#include "user/loader.h"
#include "user/pool.h"
#include "user/rescue.h"
#include "user/samples.h"
#include "user/target.h"

struct summary {
	uint64_t raised_cnt, returned_cnt, refused_cnt, kill_cnt, foreign_cnt, lost_cnt;
	uint64_t no_room_cnt; /* cgroups passed over because a table was full */
	uint64_t given_bytes;
	uint64_t slowest_ns; /* kernel event to limit effective */
};

struct controller {
	struct config config;
	struct targets targets;
	struct features features;
	struct loader *loader;
	struct groups groups;
	struct pool pool;
	struct donors donors;
	struct advisor advisor;
	struct apply apply;
	struct actions *actions;
	struct answerer answerer;
	struct rescue *rescue;
	struct journal *journal;
	struct samples *samples; /* NULL: not asked for */
	struct learn *learn; /* NULL: not on this kernel */
	struct summary summary;
	uint32_t task_records_cnt, tended_cnt; /* of single threads in the ledger; see priority */
	int root_fd, signal_fd;
	bool is_blind;
	bool is_observing; /* nothing is governed: see observe */
};

/* report.c: one record to the journal and one line to people. RECORD's strings are raw. */
void report(struct controller *controller, const struct journal_record *record);
/* The same for what the rescuing thread did. */
void report_action(struct controller *controller, const struct action *action);
/* Fills knob, old and new of RECORD, which borrows the texts. */
void report_texts(struct journal_record *record, uint32_t knob, const char *old_text,
		  const char *new_text);
/* Fills cgroup, cgroup_id, target and knob of a record about GROUP. */
struct journal_record report_about(const struct group *group, enum journal_event event);
void report_summary(const struct controller *controller);

/* govern.c, govern_check.c: rules come and go with cgroups. Main thread only. */

/* Is every target where it may be, and no cgroup in two? -EINVAL and one line in ERROR if not.
 * Changes nothing. */
int govern__check(struct controller *controller, char *error, size_t error_len);
/* Looks at every cgroup there is and governs those that match. */
int govern__all(struct controller *controller);
/* Looks at one; MADE_NS: when the kernel made it, 0 if it was there before. 1: governed now or
 * already; 0: not. */
int govern__consider(struct controller *controller, int dir_fd, const char *path, uint64_t made_ns);
/* By id, as events name them; a cgroup that is gone is passed over. */
void govern__consider_id(struct controller *controller, uint64_t id, uint64_t made_ns);
/* The cgroups directly below one that has handed out controllers. */
void govern__consider_children(struct controller *controller, uint64_t id);
/* The cgroup is gone, and what is recorded of it. */
void govern__forget(struct controller *controller, uint64_t id);
/* Takes a group out of the table and its rule out of the kernel; limits and ledger stay. */
void govern__drop(struct controller *controller, uint64_t id);
/* Drops all rules, so that nothing is held or reported any more; limits stay. */
void govern__release_all(struct controller *controller);
/* MEMORY as page-aligned numbers, with soft (where left out: FOUND) <= hard (where left out: twice
 * soft). */
struct memory_rule govern__rule(const struct memory_config *memory, uint64_t found_bytes);
/* The kernel's side learns what of GROUP is governed now. */
int govern__set_rule(struct controller *controller, const struct group *group);
/* The same by id: something reached hard, or moved away from it. */
void govern__refresh(struct controller *controller, uint64_t id);
/* Into the table, unless it is there. */
int govern__enter(struct controller *controller, struct group *group);
/* Is any of its resources governed, or obeyed until a reload? */
bool govern__is_any(const struct group *group);
/* Whether FD leaves the loop, a walk and the restore theirs. */
bool govern__is_spared(int fd);
/* Once, where GROUP's use will be asked for in a hurry. Under the table's lock. */
void govern__open_usage(struct group *group);
/* Lets go of what of GROUP is governed by a file that is another by now, or gone: before anything
 * is read or written by name. */
void govern__look_after(struct controller *controller, struct group *group);
/* What an explicit target cannot be governed for is worth a line; what a glob meets is not. */
void govern__pass_over(const struct target_config *target, const char *path, const char *why);
/* The same for a negative errno. That a table is full is told of every target, and counted. */
void govern__fail(struct controller *controller, const struct target_config *target,
		  const char *path, int err);

/*
 * One resource of a group each, in a room of its own. *__govern adds it where TARGET wants it and
 * it is not there yet; *__fit takes a new configuration (TARGET NULL: none), and puts back what is
 * no longer governed. GROUP may be in the table or not yet.
 *
 * *__look_after lets go of a resource whose file has gone while its cgroup lives: the controller
 * was switched off. What comes with it when it is on again is the kernel's default or somebody's
 * word, and what would stand without us: the original of the file that went is forgotten.
 */
/* govern_memory.c */
void memory__govern(struct controller *controller, struct group *group,
		    const struct target_config *target);
void memory__fit(struct controller *controller, struct group *group,
		 const struct target_config *target);
void memory__look_after(struct controller *controller, struct group *group);
/* high.c: memory.high follows memory.max where the cgroup has one. */
/* FOUND_BYTES: memory.max from before us. After the part's own rule and limit are known. */
void high__govern(struct controller *controller, struct group *group, uint64_t found_bytes);
/*
 * Brings it to where it belongs, after the limit was moved; what apply__follow_high had to leave
 * too. Without the table's lock: the kernel may reclaim first.
 */
void high__follow(struct controller *controller, struct group *group, bool may_lower);
/* After an answer: what the rescuer had to leave of it becomes part of ACTION. */
void high__catch_up(struct controller *controller, struct action *action);
/* Each heartbeat: what was left elsewhere. */
void high__tend(struct controller *controller);
/* Follows no more; what stands, and the ledger, stay. */
void high__leave(struct controller *controller, struct group *group);
/* Then back to its original, unless that lies under present use. */
void high__put_back(struct controller *controller, const struct group *group);
/* Somebody else wrote it, or may have (EVENT NULL). */
void high__foreign(struct controller *controller, struct group *group,
		   const struct cgbpf_event *event);
/* The cgroup is gone. */
void high__forget(struct controller *controller, uint64_t id);
/* RECORD is about the limit; old_bytes and new_bytes are of memory.high. Nothing is said where it
 * stayed. */
void high__report(struct controller *controller, const struct journal_record *record);

/* cpu_advise.c */
/* Gives GROUP what the policy keeps of it, or takes it away, as the policy is now. */
void cpu_advise__fit(struct controller *controller, struct group *group);
/* Takes policy and model from the configuration; main thread, groups as they are. */
void cpu_advise__load(struct controller *controller);

/* cpu.c */
void cpu__govern(struct controller *controller, struct group *group,
		 const struct target_config *target);
void cpu__fit(struct controller *controller, struct group *group,
	      const struct target_config *target);
void cpu__look_after(struct controller *controller, struct group *group);
void cpu__forget(struct controller *controller, uint64_t id);
/* priority.c, priority_foreign.c */
void priority__govern(struct controller *controller, struct group *group,
		      const struct target_config *target);
void priority__fit(struct controller *controller, struct group *group,
		   const struct target_config *target);
/* The same for its weight, which is given again where its file is another. */
void priority__look_after(struct controller *controller, struct group *group);
void priority__forget(struct controller *controller, uint64_t id);
/* Somebody else wrote the weight that it names, or may have (EVENT NULL). */
void priority__foreign(struct controller *controller, struct group *group,
		       const struct cgbpf_event *event);
/* A task came into a cgroup whose tasks have a priority. */
void priority__note(struct controller *controller, const struct cgbpf_event *event);
/* Tasks that came while notes were lost. */
void priority__catch_up(struct controller *controller, struct group *group);
/* Each heartbeat: forgets threads that are gone. */
void priority__tend(struct controller *controller);
/* As the kernel numbers it. */
int priority_policy(enum sched_choice choice);
/* The cgroups and processes of targets with pids, before anything is governed. */
void priority__prepare(struct controller *controller);
/* io.c, io_calm.c, io_foreign.c */
void io__govern(struct controller *controller, struct group *group,
		const struct target_config *target);
void io__fit(struct controller *controller, struct group *group,
	     const struct target_config *target);
void io__look_after(struct controller *controller, struct group *group);
void io__forget(struct controller *controller, const struct group *group);
/* Writes RATES over whatever stands. */
int io__set(struct controller *controller, struct group *group, const uint64_t rates[IO_KINDS]);
/* The same in the place of FROM. -EAGAIN: a raise came in between, or somebody else's line stands;
 * nothing was changed. */
int io__move(struct controller *controller, struct group *group, const uint64_t from[IO_KINDS],
	     const uint64_t to[IO_KINDS]);
void io__tell(struct controller *controller, const struct group *group, enum journal_event event,
	      enum io_kind kind, uint64_t old_rate, uint64_t new_rate, enum reason reason);
void io__note(struct controller *controller, const struct cgbpf_event *event);
size_t io__tick(struct controller *controller);
void io__foreign(struct controller *controller, struct group *group,
		 const struct cgbpf_event *event);
/* cpu.c, cpu_calm.c, cpu_foreign.c */
/* What it lost while it was throttled. */
void cpu__note(struct controller *controller, const struct cgbpf_event *event);
/* Gives back what is not used; returns how many have more than soft. */
size_t cpu__tick(struct controller *controller);
/* Somebody else wrote one of its knobs, or may have (found by looking: EVENT NULL). */
void cpu__foreign(struct controller *controller, struct group *group,
		  const struct cgbpf_event *event);

/* note.c: what the kernel side said outside of emergencies. Main thread only. */
void note__handle(struct controller *controller, const struct cgbpf_event *event);
/* A governed cgroup was removed: journaled and forgotten. */
void note__gone(struct controller *controller, uint64_t id);
/* A file of it was gone when it was to be written. */
void note__lost(struct controller *controller, uint64_t id);
/* What no note said is found by looking: cgroups that went, that came, and limits set by others. */
void note__catch_up(struct controller *controller);

/* foreign.c: somebody else wrote a file that is a knob. */
void foreign__handle(struct controller *controller, const struct cgbpf_event *event);
/* Is one of this minute's answers of that REASON left? Takes it. */
bool foreign__may_reassert(struct group_reasserts *reasserts, enum reason reason, uint64_t now_ns);
/* What a text written to memory.max or memory.high means; the file itself where the text is one
 * that only the kernel understands. 0 or a negative errno. */
int foreign__bytes(const struct group *group, const struct cgbpf_event *event, uint64_t *ret_bytes);
/*
 * Did they write what STANDING, which is ours, says already? It changes nothing now, and is what
 * they expect to find in the end. EVENT may be NULL: nobody was seen to write.
 */
bool foreign__agrees(const struct cgbpf_event *event, const char *standing);
/* How a write by others to any knob is told: knob, values, writer, answer and reason. */
struct foreign_answer {
	enum foreign_policy policy;
	enum reason reason;
};
/*
 * What to answer to VALUE, which EVENT (NULL: found by looking) wrote at KEY. Takes a reassert.
 * IS_SOFT_GIVEN: by the configuration; IS_UNLIMITED: there is no limit to adopt.
 */
struct foreign_answer foreign__choose(struct controller *controller, const struct group *group,
				      const struct cgbpf_event *event,
				      const struct cgbpf_ledger_key *key, const char *value,
				      bool is_soft_given, bool is_unlimited,
				      struct group_reasserts *reasserts);
/* Journals it; EVENT is NULL where it was found by looking. */
void foreign__tell(struct controller *controller, const struct cgbpf_event *event,
		   struct journal_record *record, struct foreign_answer answer);
/* Looks whether another limit stands than ours, where the write itself was not seen. */
void foreign__find(struct controller *controller, struct group *group);

/* calm.c: gives back what is no longer needed. Returns how many groups still have more than soft.
 */
size_t calm__tick(struct controller *controller);
/*
 * Lowers GROUP's limit to TO while the rescuer may raise it at any moment; what the rescuer wrote
 * counts more. 0; -EAGAIN: it was raised meanwhile; -EBUSY: in use; another negative errno: not
 * written.
 */
int calm__lower(struct controller *controller, struct group *group, uint64_t to);
/* How often to call it, in ns: often enough for the shortest return_after. */
uint64_t calm__period_ns(const struct controller *controller);
/* How long a look at use lasts for what returns after RETURN_AFTER. */
uint64_t calm_look_ns(uint64_t return_after_ns);
/* Looks at the page cache of a group, so that the next answer can tell need from cache. */
void calm__look(struct controller *controller, uint64_t id);

#endif

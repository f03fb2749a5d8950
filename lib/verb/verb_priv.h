/* What the verbs share: an open replica, its state, revisions. */
#ifndef SADA_VERB_VERB_PRIV_H
#define SADA_VERB_VERB_PRIV_H

#include "base/io.h"
#include "bundle/take.h"
#include "crypto/key.h"
#include "disk/apply.h"
#include "disk/scan.h"
#include "log/log.h"
#include "peer/peer.h"
#include "store/file.h"
#include "store/store.h"
#include "merge/rules.h"
#include "tree/carry.h"
#include "tree/merger.h"
#include "tree/state.h"
#include "tree/tree.h"
#include "tree/view.h"
#include "verb/verb.h"

#define SADA_STORE_DIR ".sada"

/*
 * An open replica.  Invariants:
 *  1. lock >= 0 exactly when it is open for writing; then recovery is done.
 *  2. work is NULL only before the first snap or when W is unreadable.
 *  3. laid: L, the heads of what was last laid out or recorded, without
 *     the ops of names that were left (snap_priv.h).
 */
struct sada_replica {
	int root, sdir, lock, packs, logs, quarantine;
	char *path;			/* of the root, absolute */
	char *prefix;			/* -C DIR below the root, "" at it */
	unsigned flags;			/* SADA_OPEN_* */
	struct sada_talk talk;
	struct sada_key *key;
	struct sada_config *config;
	struct sada_peers peers;
	struct sada_remotes remotes;
	struct sada_store *store;
	struct sada_log *log;
	struct sada_work *work;
	uint32_t *laid;			/* op numbers, sorted by id */
	size_t nlaid;
	char name[65];
};

/* Say something about PATH (may be NULL) through R's talk. */
void sada_note(const struct sada_replica *r, unsigned level,
    const char *path, size_t len, const char *what);

/* A count that is shown while it grows; {0} but for the talk. */
struct sada_meter {
	const struct sada_talk *talk;	/* may be NULL */
	const char *unit;
	uint64_t done;
	long long last;			/* ticks when it was shown */
};
/* Add N; shown at most ten times a second. */
void sada_meter_add(struct sada_meter *m, uint64_t n);

/* ---- open.c, recover.c, home.c ---- */
/*
 * Take the lock of an open replica R and make it one for writing: recover,
 * reopen what another command may have changed.  Errors: BUSY SYS DAMAGED.
 */
SADA_MUST int sada_replica_lock(struct sada_replica *r, unsigned wait_s,
    struct sada_err *err);
/* Give the lock back; R stays open for reading. */
void sada_replica_unlock(struct sada_replica *r);
/*
 * Bring R, which is open for reading, up to what other commands wrote since.
 * When this fails R can be refreshed again, locked or closed, and no more.
 * Errors: SYS DAMAGED VERSION.
 */
SADA_MUST int sada_replica_refresh(struct sada_replica *r,
    struct sada_err *err);
/* Finish or undo what a crash left; the lock is held.  SYS DAMAGED. */
SADA_MUST int sada_recover(struct sada_replica *r, struct sada_err *err);
/*
 * Publish the W of a replica without ops: the root alone, so that an empty
 * directory has nothing to record.  Errors: SYS.
 */
SADA_MUST int sada_work_seed(int root, int sdir, struct sada_err *err);
/*
 * Is own op OP one of names that were left, or in its past?  Then W's heads
 * need not know it.
 */
int sada_is_late(const struct sada_replica *r, uint32_t op);
/* Are the heads of ST just what is laid out? */
int sada_laid_is(const struct sada_replica *r, const struct sada_state *st);
/* Open W again after it was published, and R->laid with it. */
SADA_MUST int sada_replica_reload(struct sada_replica *r,
    struct sada_err *err);
/* Pass what apply says on to R's talk: a report callback, CTX is R. */
void sada_apply_note(const char *path, size_t len, unsigned did,
    const char *why, void *r);
/* Recompute R->laid from W and the log. */
SADA_MUST int sada_replica_laid(struct sada_replica *r,
    struct sada_err *err);
/*
 * Compare "home" (inode and birth time of the lock, machine id) with what
 * is: 1 when this is a copy or was restored (or home is missing).
 */
SADA_MUST int sada_home_moved(const struct sada_replica *r, int lockfd,
    struct sada_err *err);
/* Write "home" anew.  Errors: SYS. */
SADA_MUST int sada_home_write(int sdir, int lockfd, struct sada_err *err);
/* Append a line to ".sada/states": time, what, heads. */
SADA_MUST int sada_states_add(struct sada_replica *r, const char *what,
    const struct sada_id *heads, size_t n, struct sada_err *err);
/*
 * Does the line of *N bytes at S end with its check?  1, and *N is what
 * stands before it; or 0.
 */
int sada_states_line_ok(const char *s, size_t *n);
/* One line of ".sada/states". */
struct sada_state_line {
	long long wall_ns;
	struct sada_id *heads;
	size_t n;
};
/*
 * All lines, oldest first, torn ones left out; *OUT new, free with
 * sada_states_free().
 */
SADA_MUST int sada_states_read(const struct sada_replica *r,
    struct sada_state_line **out, size_t *n, struct sada_err *err);
/* Free N lines. */
void sada_states_free(struct sada_state_line *s, size_t n);

/* ---- paths and names ---- */
/*
 * Open directory DIR, where a command is to look for its replica.  Errors:
 * ABSENT (not there, or no directory) SYS.
 */
SADA_MUST int sada_open_start(int *fd, const char *dir, struct sada_err *err);
/*
 * Open the store of directory ROOT, called PATH.  Errors: NOTFOUND (it has
 * none) AUTH (another user's, who lets nobody in) SYS.
 */
SADA_MUST int sada_open_store(int *sdir, int root, const char *path,
    struct sada_err *err);
/*
 * The store SDIR of directory PATH must be ours, and nobody else's to
 * write.  Errors: AUTH SYS.
 */
SADA_MUST int sada_check_owner(int sdir, const char *path,
    struct sada_err *err);
/*
 * Open directory DIR, of the user's, that is to be filled; it is made when it
 * is missing, or with DRY set *FD is -1 then.  Errors: USAGE (inside of a
 * replica's store; no directory) ABSENT (what it would lie in is not there)
 * SYS.
 */
SADA_MUST int sada_newdir_open(int *fd, const char *dir, unsigned dry,
    struct sada_err *err);
/*
 * What is written into a replica's store would be its litter: USAGE when
 * absolute PATH, which the user calls NAME, lies in any.
 */
SADA_MUST int sada_check_no_store(const char *path, const char *name,
    struct sada_err *err);
/* Absolute path of the open directory FD; *OUT new, free with free(). */
SADA_MUST int sada_fd_path(char **out, int fd, struct sada_err *err);
/*
 * Append to OUT the path in the replica that ARG means, seen from -C DIR.
 * "." is DIR itself; ".." may not leave the root.  Errors: USAGE.
 */
SADA_MUST int sada_path_arg(const struct sada_replica *r, const char *arg,
    struct sada_buf *out, struct sada_err *err);
/* The name of author A as peers or members know it, else 16 hex digits. */
void sada_author_name(const struct sada_replica *r, const struct sada_id *a,
    char out[65]);

/* ---- lost.c ---- */
/*
 * Look for maps that are lost (DEEP: node by node) of R's heads and of what
 * is laid out: they are added to SELF's needs, and what W shows and is not
 * held to W.  Needs that are met by now are dropped.  1 when any map is
 * lost, 0.  Errors: SYS FORMAT.
 */
SADA_MUST int sada_lost_find(const struct sada_replica *r,
    struct sada_self *self, struct sada_wants *w, unsigned deep,
    struct sada_err *err);
/*
 * RC, but NOTFOUND of a map of R's own state becomes DAMAGED: to be called
 * where one was read that must be held.
 */
int sada_lost_say(int rc, struct sada_err *err);

/* ---- peers.c ---- */
/* What PLACE, which is to be used, is.  Errors: ABSENT USAGE (a host) SYS. */
SADA_MUST int sada_place_use(unsigned *kind, const char *place,
    struct sada_err *err);
/* Has the spool at PLACE this mark?  NULL: none is known.  ABSENT FORMAT. */
SADA_MUST int sada_check_mark(const char *place, const char *mark,
    struct sada_err *err);
/*
 * A bundle inside the directory would become a file of it, and one in a store
 * of another its litter: USAGE.  KIND is that of PLACE; of a pipe, the file is
 * looked at that stdout may be.
 */
SADA_MUST int sada_check_outside(const struct sada_replica *r, unsigned kind,
    const char *place, struct sada_err *err);

/* ---- meld.c ---- */
/* How views are folded here; {0} at first. */
struct sada_melding {
	struct sada_replica *r;
	struct sada_view_by by;		/* to open views with */
	struct sada_merge_cache *cache;
	struct sada_rules *rules;
	struct sada_databases db;	/* what merges by rows */
	struct sada_id print;		/* of this replica's own rules */
	struct sada_carry *carry;
};
/*
 * Prepare to open views of ST, which must outlive X: merged contents are
 * made again where they are not held, and not kept.  Release with
 * sada_melding_release(), after the views.  Errors: SYS DAMAGED.
 */
SADA_MUST int sada_melding_open(struct sada_melding *x,
    struct sada_replica *r, struct sada_state *st, struct sada_err *err);
/*
 * Store the merged contents that the view of ST shows, durably; the lock
 * is held.  Errors: SYS DAMAGED.
 */
SADA_MUST int sada_melding_store(struct sada_melding *x,
    struct sada_state *st, struct sada_err *err);
/*
 * Lay out a view of X as O says, which gets its directories and sources
 * here, and note the settings under which it was made.  Errors: as
 * sada_apply().
 */
SADA_MUST int sada_melding_apply(struct sada_apply_result *res,
    struct sada_melding *x, struct sada_apply_opts *o, struct sada_err *err);
/* Was the last merge made under the settings that R has now? */
int sada_melding_stands(struct sada_replica *r);
/* Where the contents of X's views are read from. */
struct sada_source sada_melding_source(const struct sada_melding *x);
/* Free what X holds. */
void sada_melding_release(struct sada_melding *x);

/* Which paths merge by rows; {0} at first. */
struct sada_row_rules {
	struct sada_rules *rules;
	struct sada_databases db;	/* for scan and layout */
};
/*
 * By the rules of ST; NULL: of what is laid out.  Release with
 * sada_row_rules_release().  Errors: SYS.
 */
SADA_MUST int sada_row_rules_open(struct sada_row_rules *x,
    struct sada_replica *r, struct sada_state *st, struct sada_err *err);
/* Free what X holds. */
void sada_row_rules_release(struct sada_row_rules *x);
/* Tell R's user which line of .sadamerge is no rule, if one is none. */
void sada_rules_note(const struct sada_rules *rules,
    const struct sada_replica *r);

/* ---- merge.c ---- */
/*
 * Lay out what is recorded or laid out here, changes of names that were left
 * included, without what else was pulled:
 * for an op that changed it.  The lock is held.  Errors: as sada_merge().
 */
SADA_MUST int sada_merge_laid(struct sada_replica *r, struct sada_err *err);
/* Slots laid out with more than one group, by W.  Errors: FORMAT. */
SADA_MUST int sada_count_conflicts(struct sada_replica *r, uint64_t *n,
    struct sada_err *err);

/* ---- rev.c ---- */
/* A state that a revision names; release with sada_rev_release(). */
struct sada_rev {
	struct sada_state st;		/* heads, root, lamports, nodes */
	struct sada_context *past;	/* of its heads */
	struct sada_melding meld;	/* to open views of it with */
};
/*
 * Resolve REV (N bytes): @ @+ @~N PEER@ hex op id REV^ @{time}.
 * Errors: USAGE (unknown), NOTFOUND (its map is not held), SYS.
 */
SADA_MUST int sada_rev_resolve(struct sada_rev *rev,
    struct sada_replica *r, const char *s, size_t n, struct sada_err *err);
/* Free what REV holds. */
void sada_rev_release(struct sada_rev *rev);
/* Where REV ends in "REV:PATH": offset of the ':', or N; braces first. */
size_t sada_rev_split(const char *s, size_t n);

#endif

/*
 * Whole operations on a replica: the face that the commands see, and the
 * API for a program that embeds sada.  Nothing here prints or exits; what
 * there is to say goes through callbacks.  Every function opens nothing
 * but what it is given and leaves the replica as a whole: done, or as it
 * was.
 */
#ifndef SADA_VERB_VERB_H
#define SADA_VERB_VERB_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SADA_VERB_HEX 65		/* an id as hex, with its NUL */

/* ---- a replica ---- */

struct sada_replica;

/*
 * Notices: a name that was skipped, left alone, wanted ...; PATH (LEN
 * bytes, unquoted) may be NULL when no name is concerned.
 */
enum sada_note {
	SADA_NOTE_WARN = 1,		/* to be shown unless -q */
	SADA_NOTE_INFO = 2		/* to be shown with -v */
};
struct sada_talk {
	void (*note)(unsigned level, const char *path, size_t len,
	    const char *what, void *ctx);
	/*
	 * Progress of a long run, at most 10 times a second: DONE of TOTAL (0:
	 * unknown) UNITs.  May be NULL.
	 */
	void (*progress)(const char *unit, uint64_t done, uint64_t total,
	    void *ctx);
	void *ctx;
};

enum {
	SADA_OPEN_WRITE = 1,		/* take the lock and recover */
	SADA_OPEN_DRY = 2		/* init and verify: change nothing */
};
struct sada_open_opts {
	const char *dir;		/* -C; NULL is "." */
	unsigned flags;			/* SADA_OPEN_* */
	unsigned wait_s;		/* for another command; 30 is usual */
	const struct sada_talk *talk;	/* borrowed while the replica is open */
};
/*
 * Open the replica whose root is DIR or the nearest directory above it
 * that holds ".sada".  With WRITE the lock is taken and whatever a crash
 * left is finished or undone first.  *OUT is new, close it with
 * sada_close().  Errors: ABSENT (no replica; init not finished), AUTH (owner
 * is another user), BUSY, DAMAGED, SYS.
 */
SADA_MUST int sada_open(struct sada_replica **out,
    const struct sada_open_opts *opts, struct sada_err *err);
/* Close and unlock; NULL is fine. */
void sada_close(struct sada_replica *r);
/* Absolute path of the root, borrowed. */
const char *sada_root(const struct sada_replica *r);

/*
 * Make DIR of O (created when missing, parents must exist) a replica named
 * NAME (NULL: the host's name, made valid).  Doing it again is fine: a
 * finished one is left as it is.  LINE receives "NAME KEY"; with
 * SADA_OPEN_DRY, of what would be made or finished, NAME.  Errors: USAGE (bad
 * name; inside a replica's store), ABSENT, AUTH, SYS, BUSY.
 */
SADA_MUST int sada_init(const char *name, const struct sada_open_opts *o,
    struct sada_buf *line, struct sada_err *err);

/* ---- peers and remotes ---- */

/*
 * LINE receives "NAME KEY" of this replica; ID (may be NULL) the id under
 * which its ops and bundles are known.
 */
SADA_MUST int sada_peer_self(struct sada_replica *r, struct sada_buf *line,
    char id[SADA_VERB_HEX], struct sada_err *err);
/*
 * Add a peer.  TEXT is KEY, or a whole line "NAME KEY"; NAME (may be NULL)
 * wins over the line's.  The same again: 0.  *CHOSEN (may be NULL) receives
 * the name.  With dry set nothing is written.  Errors: USAGE (name taken by
 * another key, no name known, own key), FORMAT (bad key: 65), SYS.
 */
SADA_MUST int sada_peer_add(struct sada_replica *r, const char *name,
    const char *text, unsigned dry, struct sada_buf *chosen,
    struct sada_err *err);
struct sada_peer_info {
	const char *name, *key;		/* key text */
	char id[SADA_VERB_HEX];
	int retired;
	int known;			/* an acknowledgement is here */
	uint64_t behind;		/* ops that it has not acknowledged */
	long long heard_ns;		/* wall time of its newest op; 0 none */
};
/* Call EACH for every peer, by name.  Errors: SYS, what EACH returns. */
SADA_MUST int sada_peer_list(struct sada_replica *r,
    int (*each)(const struct sada_peer_info *p, void *ctx), void *ctx,
    struct sada_err *err);
/* Nothing is sent to it or taken from it any more.  USAGE when unknown. */
SADA_MUST int sada_peer_retire(struct sada_replica *r, const char *name,
    unsigned dry, struct sada_err *err);

/*
 * Name PLACE (a directory gets a spool mark, so that the wrong medium is
 * seen) as remote NAME for PEERS (NPEERS 0: all).  Relative places are
 * kept absolute.  A place that is not there is a file, if its name ends in
 * ".sada".  Errors: USAGE (bad or taken name, unknown peer, host:dir is
 * reserved), ABSENT, SYS.
 */
SADA_MUST int sada_remote_add(struct sada_replica *r, const char *name,
    const char *place, const char *const *peers, size_t npeers,
    unsigned dry, struct sada_err *err);
struct sada_remote_info {
	const char *name, *place;
	const char *const *peers;
	size_t npeers;
	int there;			/* reachable now, with the right mark */
};
/* Call EACH for every remote.  Errors: SYS, what EACH returns. */
SADA_MUST int sada_remote_list(struct sada_replica *r,
    int (*each)(const struct sada_remote_info *i, void *ctx), void *ctx,
    struct sada_err *err);
/* Forget remote NAME.  USAGE when unknown. */
SADA_MUST int sada_remote_remove(struct sada_replica *r, const char *name,
    unsigned dry, struct sada_err *err);

/* ---- snap ---- */

enum { SADA_DRY = 1, SADA_ACCEPT_DELETES = 2, SADA_REFUSE_DELETES = 4,
	SADA_TELL = 8 };		/* tell each change, also when not dry */
/* One changed name, for -n, -v, --name-status and merge's report. */
struct sada_change {
	char what;			/* A added, M modified, D deleted, T kind
					   changed, P permissions or times only,
					   R renamed, C conflict copy, ! left or
					   failed, ? wanted */
	const char *path;
	size_t len;
	const char *why;		/* NULL, or a short reason */
	const char *from;		/* R: the old name; else NULL */
	size_t from_len;
};
struct sada_snap_opts {
	const char *msg;		/* NULL: none */
	unsigned flags;			/* SADA_DRY, ACCEPT_DELETES, TELL */
	uint64_t max_deletes;		/* of ACCEPT_DELETES; 0: any number */
	int (*each)(const struct sada_change *c, void *ctx);	/* may be NULL */
	void *ctx;
};
struct sada_snap_result {
	char op[SADA_VERB_HEX];		/* "" when nothing changed */
	uint64_t added, changed, deleted;
	uint64_t skipped;		/* names that could not be recorded: exit 1 */
	uint64_t special;		/* sockets, fifos, devices: passed over */
};
/*
 * Record the directory as it is now: durable on return.  R is open for
 * writing.  Errors: GUARD (a mass deletion; the message names the option),
 * SYS, DAMAGED.
 */
SADA_MUST int sada_snap(struct sada_replica *r,
    const struct sada_snap_opts *opts, struct sada_snap_result *res,
    struct sada_err *err);

/* ---- push and pull ---- */

struct sada_push_opts {
	const char *dir;		/* -C */
	unsigned wait_s;
	const struct sada_talk *talk;
	const char *place;		/* -o; NULL: the peers' remotes */
	const char *since;		/* --since REV, or NULL */
	unsigned full;			/* --full */
	unsigned dry;
	const char *const *peers;	/* NULL/0: all */
	size_t npeers;
	unsigned quiet_absent;		/* remotes not there are no fault (sync) */
	/* Told each bundle: where it went ("-" for stdout), peers, sizes. */
	int (*each)(const char *place, const char *peers, uint64_t ops,
	    uint64_t bytes, void *ctx);
	/* A place that failed (ERR says how); others go on.  May be NULL. */
	void (*failed)(const char *place, const struct sada_err *e, void *ctx);
	void *ctx;
};
/*
 * Write bundles.  The replica is opened here and locked only to recover
 * and to choose heads.  The result is the first of the errors met, in the
 * order of the exit statuses.  Errors: USAGE (unknown peer, no place
 * known, no peer), ABSENT, SYS.
 */
SADA_MUST int sada_push(const struct sada_push_opts *opts,
    struct sada_err *err);

struct sada_pulled {
	const char *place, *file;	/* file: name in a spool, or NULL */
	const char *peer;		/* the sender's name */
	uint64_t ops;			/* new ones taken or parked */
	const char *status;		/* "taken", "known", "parked" */
	const char *needs;		/* parked: what is missing, else NULL */
};
struct sada_pull_opts {
	const char *dir;
	unsigned wait_s;
	const struct sada_talk *talk;
	const char *const *places;	/* NULL/0: all remotes */
	size_t nplaces;
	unsigned join, dry;
	unsigned quiet_absent;		/* as in a push */
	/* A push follows: what files lack, or hold for others, is no fault. */
	unsigned both_ways;
	int (*each)(const struct sada_pulled *p, void *ctx);
	void (*failed)(const char *place, const char *file,
	    const struct sada_err *e, void *ctx);
	void *ctx;
};
struct sada_pull_result {
	uint64_t bundles, taken, parked;
};
/*
 * Take in bundles, each whole or not at all.  The lock is held only to
 * commit.  All places are tried; the result as in sada_push().  Errors:
 * FORMAT VERSION AUTH GUARD ABSENT SYS USAGE.
 */
SADA_MUST int sada_pull(const struct sada_pull_opts *opts,
    struct sada_pull_result *res, struct sada_err *err);

/* ---- merge ---- */

struct sada_merge_opts {
	unsigned flags;			/* DRY, ACCEPT_, REFUSE_DELETES, TELL */
	uint64_t max_deletes;
	int (*each)(const struct sada_change *c, void *ctx);	/* may be NULL */
	void *ctx;
};
struct sada_merge_result {
	uint64_t created, replaced, deleted, meta;
	/* If any is not 0: exit 1. */
	uint64_t left, wanted, failed;
	uint64_t conflicts;
	char op[SADA_VERB_HEX];		/* REFUSE_DELETES: the restoring op */
};
/* Lay out what was pulled.  R is open for writing.  GUARD SYS DAMAGED. */
SADA_MUST int sada_merge(struct sada_replica *r,
    const struct sada_merge_opts *opts, struct sada_merge_result *res,
    struct sada_err *err);

/* One version (group) of a conflict. */
struct sada_conflict {
	const char *path;		/* the slot's path */
	size_t len;
	const char *name;		/* where this group stands */
	size_t name_len;
	char version[SADA_VERB_HEX];	/* id of its highest version; none:
					   a directory without a version */
	const char *const *authors;	/* names, or hex, of all its versions,
					   the highest first, each once */
	size_t nauthors;
	long long wall_ns;		/* of the highest version's op, or 0 */
	char kind;			/* f, d, l */
	uint64_t size;			/* of what stands there: of several
					   versions that is their merge */
	int held;			/* its content is here */
	const char *why;		/* a word: why it stands alone */
	const char *reason;		/* the same as a sentence */
};
/* List the conflicts of what is laid out, by path, then group. */
SADA_MUST int sada_conflicts(struct sada_replica *r,
    int (*each)(const struct sada_conflict *c, void *ctx), void *ctx,
    struct sada_err *err);
/*
 * Write the content of the name that shows the version of WHICH (author,
 * version id, "mine") of the conflict at PATH.  Errors: USAGE, NOTFOUND,
 * DAMAGED, what EACH returns.
 */
SADA_MUST int sada_conflict_show(struct sada_replica *r, const char *which,
    const char *path, int (*each)(const void *p, size_t n, void *ctx),
    void *ctx, struct sada_err *err);
/*
 * Resolve the conflicts at PATHS: what the name shows that has the version
 * of WHICH takes the name, and the others go; "both" makes each copy a file
 * of its own.  What is in the directory is snapped before, as an op of its
 * own.  Both are recorded and laid out on return; OP is the id of what
 * settles.  Errors: USAGE GUARD NOTFOUND DAMAGED SYS.
 */
SADA_MUST int sada_conflict_take(struct sada_replica *r, const char *which,
    const char *const *paths, size_t npaths, unsigned flags,
    char op[SADA_VERB_HEX], struct sada_err *err);

struct sada_tool_opts {
	const char *command;		/* for the shell */
	const char *const *paths;	/* only conflicts at or below, of each
					   at least one; none: all */
	size_t npaths;
	unsigned wait_s;		/* for another command */
	/* Told for each: OP settled it, or WHY it stays.  May be NULL. */
	int (*each)(const char *path, size_t len, const char *op,
	    const char *why, void *ctx);
	void *ctx;
};
struct sada_tool_result {
	uint64_t settled, left;		/* left: exit 1 */
};
/*
 * Run a program of the user's for each conflict.  R is open for reading: it
 * is locked only to record, so that others can work meanwhile.  The shell
 * gets COMMAND "$@" with four absolute names: the common version (empty if
 * there is none, or it is not here), what is mine (else what has the name),
 * another's, and that of a file to be made; SADA_PATH is the name in
 * conflict.  Of more than two, each is merged in turn.  A zero exit with
 * the fourth file made settles it.  Errors: USAGE BUSY GUARD SYS DAMAGED.
 */
SADA_MUST int sada_conflict_tool(struct sada_replica *r,
    const struct sada_tool_opts *opts, struct sada_tool_result *res,
    struct sada_err *err);

/* ---- looking ---- */

struct sada_status {
	const char *root, *name;
	char key[120];			/* public text */
	char id[SADA_VERB_HEX];		/* of the state, all that was pulled */
	char laid[SADA_VERB_HEX];	/* of what is recorded or laid out */
	uint64_t ops, heads, paths, bytes, packs, objects, store_bytes;
	uint64_t conflicts;		/* laid out */
	uint64_t unmerged;		/* ops pulled and not laid out */
	uint64_t left;			/* names that merge could not lay out */
	uint64_t wants, parked, skipped;
	uint64_t forks;			/* dots with two ops */
	int apply_pending;
	int copied;			/* a new epoch is due */
};
/* Fill ST; strings are borrowed while R is open.  Works read-only. */
SADA_MUST int sada_status(struct sada_replica *r, struct sada_status *st,
    struct sada_err *err);
/*
 * Two ops that their author signed under one number.  A copied store makes
 * such, with tags that differ; with one tag somebody forged them.  Both
 * records stay in the log and go to all peers: they are the proof.
 */
struct sada_fork {
	const char *author;		/* name, or the start of its id */
	char op[2][SADA_VERB_HEX];
	uint64_t seq;
	int forged;
	int first;			/* the first pair with this number */
};
/*
 * Call EACH for every such pair; of three ops under one number there are
 * two.  Returns 0, or what EACH returned below 0.
 */
int sada_forks(struct sada_replica *r,
    int (*each)(const struct sada_fork *f, void *ctx), void *ctx);
/*
 * Only the state ids.  HEX is that of the revision REV ("@+": all that
 * was pulled; NULL is "@+").
 */
SADA_MUST int sada_status_id(struct sada_replica *r, const char *rev,
    char hex[SADA_VERB_HEX], struct sada_err *err);

/* One op for sada-log. */
struct sada_log_entry {
	char id[SADA_VERB_HEX];
	const char *author;		/* name, or the start of its id */
	char author_id[SADA_VERB_HEX];
	uint64_t epoch, seq, lamport;
	long long wall_ns;
	const char *msg;
	size_t msg_len;
	uint64_t n_set, n_gone;
	size_t nparents;
	const char (*parents)[SADA_VERB_HEX];
	int accepted;			/* deletes were accepted */
	int laid;			/* part of what is laid out */
};
enum { SADA_LOG_REVERSE = 1, SADA_LOG_NAMES = 2, SADA_LOG_PATCH = 4 };
struct sada_log_opts {
	uint64_t max;			/* 0: all */
	unsigned flags;
	const char *range;		/* REV, REV..REV, or NULL: all held */
	const char *const *paths;
	size_t npaths;
	int (*each)(const struct sada_log_entry *e, void *ctx);
	int (*change)(const struct sada_change *c, void *ctx);	/* NAMES */
	int (*patch)(const char *p, size_t n, void *ctx);	/* PATCH: text */
	void *ctx;
};
/* Ops, newest first (by lamport, then author).  USAGE for unknown REVs. */
SADA_MUST int sada_log_show(struct sada_replica *r,
    const struct sada_log_opts *opts, struct sada_err *err);

struct sada_diff_opts {
	size_t nrev;			/* 0 to 2 */
	const char *rev[2];
	const char *const *paths;	/* only these and what is below */
	size_t npaths;
	int (*change)(const struct sada_change *c, void *ctx);	/* or NULL */
	int (*patch)(const char *p, size_t n, void *ctx);	/* or NULL */
	void *ctx;
};
/*
 * What differs: with no REV from what is recorded or laid out to what is
 * on the disk, with one from it to the disk, with two from one to the
 * other; by path, renames where the new name stands.  Times alone are no
 * difference.  *N is how many were told.  Errors: USAGE (unknown REV),
 * NOTFOUND SYS DAMAGED, what the callbacks return.
 */
SADA_MUST int sada_diff_show(struct sada_replica *r,
    const struct sada_diff_opts *opts, uint64_t *n, struct sada_err *err);

/* One name for sada-ls. */
struct sada_listed {
	const char *path;		/* relative to the root */
	size_t len;
	char kind;			/* f, d, l */
	unsigned mode;
	uint64_t size;
	int64_t mtime_s;
	uint32_t mtime_ns;
	char content[SADA_VERB_HEX];	/* "" for directories */
	int held;			/* content is here */
	int copy;			/* a conflict copy */
	unsigned groups;
	const char *author;
};
enum { SADA_LS_RECURSIVE = 1, SADA_LS_LONG = 2 };
/*
 * List SPEC: REV, REV:PATH, or NULL for "@".  A directory's children (with
 * RECURSIVE all below); a file itself.  USAGE for unknown REV or PATH.
 */
SADA_MUST int sada_ls(struct sada_replica *r, const char *spec,
    unsigned flags, int (*each)(const struct sada_listed *l, void *ctx),
    void *ctx, struct sada_err *err);
/*
 * The content of SPEC = REV:PATH (a link's text too), or of a content id
 * written as REV "content:HEX".  Errors: USAGE, NOTFOUND (content not held
 * here; the message names its author), DAMAGED, what EACH returns.
 */
SADA_MUST int sada_cat(struct sada_replica *r, const char *spec,
    int (*each)(const void *p, size_t n, void *ctx), void *ctx,
    struct sada_err *err);

enum { SADA_RESTORE_KEEP = 1 };		/* -k: what exists is kept */
struct sada_restore_opts {
	const char *rev;
	const char *const *paths;	/* none: everything */
	size_t npaths;
	const char *out;		/* -o DIR (made when missing), or NULL: in place */
	unsigned flags;			/* SADA_RESTORE_KEEP */
	unsigned dry;
	int (*each)(const struct sada_change *c, void *ctx);	/* may be NULL */
	void *ctx;
};
struct sada_restore_result {
	uint64_t restored, kept;
	uint64_t missing;		/* content not held */
	uint64_t failed;		/* could not be laid out */
};
/*
 * Bring back names as they were at REV.  In place, a name that holds an
 * unrecorded edit is GUARD (2) before anything changed, with KEEP it stays.
 * What is replaced was recorded.  R open for writing when in place.  Of
 * names whose content is not here it is said who may have it; NOTFOUND when
 * that is all that a path has, the others being done.
 */
SADA_MUST int sada_restore(struct sada_replica *r,
    const struct sada_restore_opts *opts, struct sada_restore_result *res,
    struct sada_err *err);

struct sada_verify_result {
	uint64_t damaged;		/* things that were told: exit 1 */
	uint64_t rebuilt;		/* caches */
};
/*
 * Check every byte of the store: log (frames, hashes, signatures, chains),
 * packs and indexes, keys, config, caches; that every map that is a head
 * is held and canonical and every living content held or wanted.  EACH is
 * told each damage in one sentence.  What is damaged and others may have
 * becomes a want; with SADA_OPEN_WRITE in the flags a damaged pack of which
 * nothing is lost is set aside.  With SADA_OPEN_DRY nothing is changed.
 * DIR as for sada_open().
 */
SADA_MUST int sada_verify(const struct sada_open_opts *opts,
    void (*each)(const char *what, void *ctx), void *ctx,
    struct sada_verify_result *res, struct sada_err *err);

/* ---- gc ---- */

struct sada_gc_opts {
	const char *keep;		/* an age, as "30d"; NULL: nothing that
					   was recorded is dropped */
	unsigned flags;			/* SADA_DRY */
};
struct sada_gc_result {
	uint64_t objects, bytes;	/* not needed; raw bytes */
	uint64_t packs_old, packs_new;	/* written anew, and what became of it */
	uint64_t freed;			/* on disk, once a later run has
					   unlinked the old packs */
};
/*
 * Write the packs anew that hold what is not needed, and put small ones
 * together.  With KEEP the contents and maps are dropped that only states
 * older than it show; op records stay, and so do the states of all heads,
 * what is laid out, and what peers acknowledged or asked for.  R is open
 * for writing.  Errors: USAGE (KEEP is no age), DAMAGED (nothing was
 * dropped), SYS.
 */
SADA_MUST int sada_gc(struct sada_replica *r, const struct sada_gc_opts *opts,
    struct sada_gc_result *res, struct sada_err *err);

/* ---- sync ---- */

struct sada_sync_opts {
	const char *dir;
	unsigned wait_s;
	const struct sada_talk *talk;
	const char *const *places;	/* none: all remotes */
	size_t nplaces;
	unsigned join, dry;
	int (*pulled)(const struct sada_pulled *p, void *ctx);
	int (*pushed)(const char *place, const char *peers, uint64_t ops,
	    uint64_t bytes, void *ctx);
	int (*change)(const struct sada_change *c, void *ctx);	/* may be NULL */
	/* A step ("snap", "pull", "merge", "push") that failed; others go on. */
	void (*failed)(const char *step, const char *place,
	    const struct sada_err *e, void *ctx);
	void *ctx;
};
struct sada_sync_result {
	struct sada_snap_result snap;
	struct sada_pull_result pull;
	struct sada_merge_result merge;
};
/*
 * snap, pull, merge, push, each whatever the others said.  The result is
 * the first of the errors met, in the order of the exit statuses.
 */
SADA_MUST int sada_sync(const struct sada_sync_opts *opts,
    struct sada_sync_result *res, struct sada_err *err);

#endif

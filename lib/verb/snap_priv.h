/* What the parts of a snap share: the op that is being made. */
#ifndef SADA_VERB_SNAP_PRIV_H
#define SADA_VERB_SNAP_PRIV_H

#include "crypto/idset.h"
#include "verb/verb_priv.h"

struct sada_moves;

/*
 * The op being made.  Invariants:
 *  1. parents' join is ST; lamport is the op's own.
 *  2. with MOVES NULL, slots come in path order and go straight into
 *     BUILD; else they wait, and it is known at the end which of them are
 *     renames.  Of more than SADA_MOVES_MAX those that wait are written
 *     out, and the rest goes straight: no renames are looked for then.
 *  3. with UNSORTED (conflict copies and what is carried touch other
 *     slots) all wait.
 */
struct sada_draft {
	struct sada_replica *r;
	struct sada_txn *txn;
	struct sada_nodes cns;		/* of the changes tree */
	struct sada_state st;
	struct sada_dot dot;
	struct sada_id prev;
	uint64_t lamport;
	int unsorted;
	uint32_t older;			/* 0, or the number of the older heads
					   that the op is made on */
	struct sada_carry *carry;	/* what is shown at another path than
					   where it lives, or NULL */
	struct sada_build *build;
	struct sada_cursor *base;	/* over ST's map */
	struct sada_moves *moves;
	struct sada_dot *dot_of;	/* what waits names dots by number */
	size_t ndot, capdot;
	struct sada_idset dots;		/* hash of a dot -> its number */
	uint64_t nfix;			/* renamed ones whose rows of W are
					   older than their ancestors */
	uint64_t n_set, n_gone;
	/* For the guard; what waits is not in it yet. */
	uint64_t n_lost;
	struct sada_id *lost;		/* contents that went */
	size_t nlost, caplost;
	struct sada_idset brought;	/* contents that came */
};

/* Start an op on what is laid out (and own heads, for a new epoch). */
SADA_MUST int sada_draft_init(struct sada_draft *d, struct sada_replica *r,
    struct sada_err *err);
/*
 * Start an op on the older heads NUMBER of W, for names that were left in
 * their state: who had seen no more had not seen what a merge did not lay
 * out.  The heads are held, with their maps (sada_older_due()).
 */
SADA_MUST int sada_draft_init_older(struct sada_draft *d,
    struct sada_replica *r, uint32_t number, struct sada_err *err);
/* Slots will come in any order: before the first one. */
void sada_draft_unsorted(struct sada_draft *d);
/* Drop it. */
void sada_draft_release(struct sada_draft *d);

/* What a name showed before it was changed. */
struct sada_shown {
	struct sada_version as;		/* kind, mode, size, content */
	const struct sada_version *cover;
	size_t ncover;
};
/* What row R of W shows; borrows from it. */
void sada_shown_of(struct sada_shown *s, const struct sada_row *r);

/*
 * Slot PATH loses the versions COVER and gets V (NULL: nothing), which was
 * made from what FROM showed (NULL: from nothing).  V's dot, stamp, ALONE
 * and ancestors are filled in here; *V is what was written.
 */
SADA_MUST int sada_draft_slot(struct sada_draft *d, const char *path,
    size_t len, const struct sada_version *cover, size_t ncover,
    struct sada_version *v, const struct sada_shown *from,
    struct sada_err *err);
/*
 * A directory's register changes: the versions of COVER stay, with V's
 * mode and mtime under a new stamp; COVER is rewritten in place.
 */
SADA_MUST int sada_draft_register(struct sada_draft *d, const char *path,
    size_t len, struct sada_version *cover, size_t ncover,
    const struct sada_version *v, struct sada_err *err);

/*
 * All that row ROW of W shows is gone, or the name at PATH (LEN bytes) is
 * new and has V: as sada_draft_slot(), but it may turn out to be a rename,
 * and then V gets ancestors later than it gets a row, see sada_draft_amend().
 */
SADA_MUST int sada_draft_gone(struct sada_draft *d,
    const struct sada_row *row, struct sada_err *err);
SADA_MUST int sada_draft_new(struct sada_draft *d, const char *path,
    size_t len, struct sada_version *v, struct sada_err *err);
/* Note content ID as lost, unless it turns up elsewhere. */
void sada_draft_lose(struct sada_draft *d, const struct sada_id *id);
/*
 * All changes are known: how many contents are lost?  Those that stand
 * elsewhere now, or went on under another name, are not.
 */
uint64_t sada_draft_lost(struct sada_draft *d);
/* All changes are known: find renames.  Errors: SYS DAMAGED. */
SADA_MUST int sada_draft_match(struct sada_draft *d, struct sada_err *err);
/*
 * After sada_draft_finish(): if there were renames, "work.new", which was
 * finished with INFO, is written again with their versions as they are.
 * Errors: SYS FORMAT.
 */
SADA_MUST int sada_draft_amend(struct sada_draft *d,
    const struct sada_work_info *info, struct sada_err *err);

/* Has nothing been changed? */
int sada_draft_empty(const struct sada_draft *d);
/*
 * Sort and write what waits, replay it, and make the record: *ID is the
 * op's id and *ROOT its map.  REC receives the op record.
 */
SADA_MUST int sada_draft_finish(struct sada_draft *d, const char *msg,
    unsigned flags, struct sada_buf *rec, struct sada_id *id,
    struct sada_id *root, struct sada_err *err);
/* How an op is recorded. */
struct sada_recording {
	const char *what;		/* for "states" */
	const char *msg;
	unsigned opflags;		/* SADA_OP_* */
	unsigned flags;			/* SADA_RECORD_* */
};
enum {
	SADA_RECORD_BEFORE = 1		/* the rows show what was before the
					   op: a merge is to lay it out */
};
/*
 * Finish D's op and W, the rows of the next W, which is gone then; commit
 * the pack and the record, publish W.  Its heads are the op; an op on older
 * heads takes the place of these, and no more is laid out than was.  OP is
 * the op's id once it is recorded: 0, or 1 when what is only a cache failed
 * after that, which is noted.  On failure "work.new" may stay.  Errors: as
 * sada_draft_finish().
 */
SADA_MUST int sada_draft_record(struct sada_draft *d,
    struct sada_work_writer *w, const struct sada_recording *how,
    char op[SADA_VERB_HEX], struct sada_err *err);

/* Is the root of the map of op OP held? */
int sada_map_held(const struct sada_replica *r, uint32_t op);

/* ---- what the parts of a draft share ---- */

/* Versions of COVER that live at other paths go from there. */
SADA_MUST int sada_draft_elsewhere(struct sada_draft *d,
    const struct sada_version *cover, size_t n, struct sada_err *err);

/* The slot at PATH in the parents' map; nv 0 when there is none. */
SADA_MUST int sada_draft_base(struct sada_draft *d, const char *path,
    size_t len, struct sada_entry *e, struct sada_err *err);
/*
 * Write one slot: what BASE has without GONE, and the new versions NV.  A
 * version that is there already (a register that changed) is replaced.
 */
SADA_MUST int sada_draft_write(struct sada_draft *d, const char *path,
    size_t len, const struct sada_entry *base, const struct sada_id *gone,
    size_t ngone, const struct sada_version *nv, size_t nnv,
    struct sada_err *err);
/* Ancestors of what replaces a name that shows SHOWN. */
SADA_MUST int sada_draft_ancestors(struct sada_draft *d,
    const struct sada_shown *shown, struct sada_id *out,
    struct sada_err *err);
/* Is every version of slot E one of COVER? */
int sada_draft_covers(const struct sada_entry *e,
    const struct sada_version *cover, size_t n);
/* Start to keep what comes, if this op can have renames. */
void sada_wait_init(struct sada_draft *d);
/* Free what waits. */
void sada_wait_release(struct sada_draft *d);
/* Keep a change; what is full is written out. */
SADA_MUST int sada_wait_slot(struct sada_draft *d, const char *path,
    size_t len, const struct sada_id *gone, size_t ngone,
    const struct sada_version *nv, size_t nnv, struct sada_err *err);
/* Write all that waited. */
SADA_MUST int sada_wait_flush(struct sada_draft *d, struct sada_err *err);

/* ---- snap_left.c: names that a merge could not lay out ---- */

/* What is to be done about the names that were left in one state. */
enum sada_due {
	SADA_DUE_NEVER = 0,	/* no op can be made on its heads */
	SADA_DUE_LATER,		/* they are as they were recorded */
	SADA_DUE_NOW		/* some may have changed */
};
/*
 * DUE[K] for the older heads of number K.  1 if any is NOW, or 0.  Errors:
 * SYS FORMAT.
 */
SADA_MUST int sada_older_due(const struct sada_replica *r,
    unsigned char due[SADA_OLDER_MAX + 1], struct sada_err *err);

/* What is laid out joined with older heads; {0}, end with .._close(). */
struct sada_left_now {
	uint32_t older;			/* their number, 0: none yet */
	struct sada_state st;
	struct sada_carry *carry;
	struct sada_cursor *cur;
	struct sada_idset rows;		/* hashes of W's paths, if need be */
};
void sada_left_now_close(struct sada_left_now *x);
/*
 * ROW's name is gone, and was left: *N of its cover, those that went with
 * it, come first in OUT, which has room for all.  Not what will be shown at
 * another name, which is laid out and stands; nor, unless DEAD, what lives no
 * more.  X is kept for the next.  Errors: NOTFOUND SYS DAMAGED FORMAT.
 */
SADA_MUST int sada_left_gone(struct sada_left_now *x, struct sada_replica *r,
    const struct sada_row *row, int dead, struct sada_version *out,
    size_t *n, struct sada_err *err);
/*
 * IT was left, and was touched, with the content that it had: is it the file
 * of another name, which is gone, where D's state has nothing?  1, 0.
 * Errors: SYS DAMAGED FORMAT.
 */
SADA_MUST int sada_left_came(struct sada_draft *d,
    const struct sada_item *it, struct sada_err *err);
/*
 * Contents of W's files and links that are gone, but of names that were left
 * in the state of NUMBER.  {0}, end with .._release().
 */
struct sada_gone {
	uint32_t number;		/* 0: not made yet */
	struct sada_idset others;
};
/* Make X that of NUMBER, if it is not.  Errors: FORMAT SYS. */
SADA_MUST int sada_gone_find(struct sada_gone *x,
    const struct sada_replica *r, uint32_t number, struct sada_err *err);
void sada_gone_release(struct sada_gone *x);

/* Over which count of lost paths a deletion is a mass deletion. */
#define SADA_GUARD_PATHS 30
#define SADA_GUARD_PART 5		/* and more than 1 in 5 */
/* Is losing LOST of TOTAL paths a mass deletion? */
int sada_guard_trips(uint64_t lost, uint64_t total);

#endif

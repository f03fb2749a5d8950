/* What the parts of a snap share: the op that is being made. */
#ifndef SADA_VERB_SNAP_PRIV_H
#define SADA_VERB_SNAP_PRIV_H

#include "crypto/idset.h"
#include "verb/verb_priv.h"

/* One slot that changes, until all are sorted and written. */
struct slot_change {
	char *path;			/* own */
	size_t len;
	struct sada_id *gone;		/* version ids of the cover */
	size_t ngone;
	int has;			/* a new version comes */
	struct sada_version v;
};

/*
 * The op being made.  Invariants:
 *  1. parents' join is ST; lamport is the op's own.
 *  2. with STREAM, slots come in path order and go straight into BUILD;
 *     else they wait in CHANGE (conflict copies touch other slots).
 */
struct sada_draft {
	struct sada_replica *r;
	struct sada_txn *txn;
	struct sada_nodes cns;		/* of the changes tree */
	struct sada_state st;
	struct sada_dot dot;
	struct sada_id prev;
	uint64_t lamport;
	int stream;
	struct sada_build *build;
	struct sada_cursor *base;	/* over ST's map */
	struct slot_change *change;
	size_t nchange, capchange;
	struct sada_buf last;		/* path of the slot added last */
	uint64_t n_set, n_gone;
	/* For the guard. */
	uint64_t n_lost;
	struct sada_id *lost;		/* contents that went */
	size_t nlost, caplost;
	struct sada_idset brought;	/* contents that came */
};

/* Start an op on what is laid out (and own heads, for a new epoch). */
SADA_MUST int sada_draft_init(struct sada_draft *d, struct sada_replica *r,
    struct sada_err *err);
/* Drop it. */
void sada_draft_release(struct sada_draft *d);

/*
 * Slot PATH loses the versions COVER and gets V (NULL: nothing).  V's dot,
 * stamp, ALONE and ancestors are filled in here; *V is what was written.
 */
SADA_MUST int sada_draft_slot(struct sada_draft *d, const char *path,
    size_t len, const struct sada_version *cover, size_t ncover,
    struct sada_version *v, struct sada_err *err);
/*
 * A directory's register changes: the versions of COVER stay, with V's
 * mode and mtime under a new stamp; COVER is rewritten in place.
 */
SADA_MUST int sada_draft_register(struct sada_draft *d, const char *path,
    size_t len, struct sada_version *cover, size_t ncover,
    const struct sada_version *v, struct sada_err *err);

/* Has nothing been changed? */
int sada_draft_empty(const struct sada_draft *d);
/*
 * Sort and write what waits, replay it, and make the record: *ID is the
 * op's id and *ROOT its map.  PAYLOAD receives the log record.
 */
SADA_MUST int sada_draft_finish(struct sada_draft *d, const char *msg,
    unsigned flags, struct sada_buf *payload, struct sada_id *id,
    struct sada_id *root, struct sada_err *err);

/* Over which count of lost paths a deletion is a mass deletion. */
#define SADA_GUARD_PATHS 30
#define SADA_GUARD_PART 5		/* and more than 1 in 5 */
/* Is losing LOST of TOTAL paths a mass deletion? */
int sada_guard_trips(uint64_t lost, uint64_t total);

#endif

/* What the parts of gc share. */
#ifndef SADA_VERB_GC_PRIV_H
#define SADA_VERB_GC_PRIV_H

#include "crypto/idset.h"
#include "verb/look_priv.h"

/* ---- gc_keep.c: what is young enough ---- */

/*
 * Which ops a sweep has to think of.  Invariant: STATE holds NSTATE runs of
 * op numbers, run I from STATE_AT[I] to STATE_AT[I + 1].
 */
struct sada_keeping {
	int all;			/* nothing recorded goes */
	uint32_t *state;		/* states that stay */
	size_t *state_at, nstate;
	uint32_t since;			/* what ops from this number on brought
					   stays, too */
};
/*
 * Find what is kept: of R's own history all that is not older than AGE_NS,
 * counted back from the newest state that was recorded or laid out here; a
 * gap in which nothing was counts as a quarter of AGE at most, so that a
 * clock that jumped does not make all of it old.  The state that was in
 * force when that time began is kept, and so are, whatever the age, that of
 * all heads, the one laid out, and what peers acknowledged.  AGE_NS < 0:
 * all.  Release with sada_keeping_release().  Errors: SYS.
 */
SADA_MUST int sada_keeping_find(struct sada_keeping *k,
    struct sada_replica *r, long long age_ns, struct sada_err *err);
/* Free what K holds. */
void sada_keeping_release(struct sada_keeping *k);
/* The first two states are those that must be held. */
#define SADA_KEEPING_LIVING 2

/* ---- gc_mark.c: what that needs ---- */
/*
 * Mark in W all objects that K needs.  Errors: SYS; DAMAGED (something that
 * must be held cannot be read: without it there is no telling what it
 * needs).
 */
SADA_MUST int sada_gc_mark(struct sada_replica *r, struct sada_sweep *w,
    const struct sada_keeping *k, struct sada_err *err);

#endif

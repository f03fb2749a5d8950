/* Mass deletions of others: found, told, refused. */
#ifndef SADA_VERB_GUARD_PRIV_H
#define SADA_VERB_GUARD_PRIV_H

#include "crypto/idset.h"
#include "verb/look_priv.h"
#include "verb/snap_priv.h"

/* Ops that stop a merge; {0} at first. */
struct sada_mass {
	uint32_t *op;
	size_t n, cap;
	uint64_t lost, before;		/* of the first, to be told */
	int all;			/* what one of them took is not known */
	struct sada_idset gone, set;	/* hashed paths that they changed */
};
/*
 * The ops of ST that are not laid out here, are of others, take away a
 * mass of paths and were accepted neither by their author nor by O.
 * Release M with sada_mass_release().  Errors: DAMAGED SYS.
 */
SADA_MUST int sada_mass_find(struct sada_mass *m, struct sada_replica *r,
    struct sada_state *st, const struct sada_merge_opts *o,
    struct sada_err *err);
/* Fail with GUARD: M stops the merge. */
int sada_mass_stop(const struct sada_mass *m, const struct sada_replica *r,
    struct sada_err *err);
/* Free what M holds. */
void sada_mass_release(struct sada_mass *m);

/*
 * Undo what the ops of M took or set back, by an op on top of ST, then
 * merge the rest.
 */
SADA_MUST int sada_merge_refuse(struct sada_replica *r,
    struct sada_state *st, const struct sada_mass *m,
    const struct sada_merge_opts *opts, struct sada_merge_result *res,
    struct sada_err *err);

#endif

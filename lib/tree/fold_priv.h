/* The versions of a slot, folded into the groups that share a name. */
#ifndef SADA_TREE_FOLD_PRIV_H
#define SADA_TREE_FOLD_PRIV_H

#include "tree/view.h"

/* Versions that are shown under one name. */
struct sada_group {
	struct sada_version *cover;	/* sorted by version id */
	size_t ncover;
	const struct sada_version *lead;	/* mode and mtime are its */
};

/*
 * A folded slot; {0} at first, reused from slot to slot, released at the
 * end.  What it points to is its own.
 */
struct sada_fold {
	struct sada_group *g;		/* in order, the highest first */
	size_t n, cap;
	size_t dir;			/* which is the directory; n: none */
	struct sada_version *cover;
	size_t covercap;
	struct sada_rank *rank, *twin;	/* scratch */
	size_t rankcap, twincap;
	size_t *at;
	size_t atcap;
};

/* Fold slot E into F. */
void sada_fold_slot(struct sada_fold *f, const struct sada_entry *e,
    sada_lamport_fn *lamport, void *ctx);
/* Free what F holds. */
void sada_fold_release(struct sada_fold *f);

#endif

/* The versions of a slot, folded into the groups that share a name. */
#ifndef SADA_TREE_FOLD_PRIV_H
#define SADA_TREE_FOLD_PRIV_H

#include "tree/merger.h"
#include "tree/view.h"

/* Versions that are shown under one name, and what that shows. */
struct sada_group {
	struct sada_version *cover;	/* sorted by version id */
	size_t ncover;
	uint8_t kind;
	uint16_t mode;
	uint64_t size;
	struct sada_id content;
	int64_t mtime_s;
	uint32_t mtime_ns;
	const struct sada_version *reg;	/* of a directory: the register */
	uint8_t apart, based;		/* as in sada_name */
	struct sada_dot lacks;
	struct sada_side3 base;
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

/*
 * Fold slot E into F.  BY->merger NULL: only equal contents meet.  Errors:
 * of the merger only.
 */
SADA_MUST int sada_fold_slot(struct sada_fold *f, const struct sada_entry *e,
    const struct sada_view_by *by, struct sada_err *err);
/*
 * Tell BY's merger, which asks for them, all bases that bytes of slot E
 * could be merged from, whichever of its versions are.  Errors: SYS.
 */
SADA_MUST int sada_fold_bases(struct sada_fold *f,
    const struct sada_entry *e, const struct sada_view_by *by,
    struct sada_err *err);
/* Free what F holds. */
void sada_fold_release(struct sada_fold *f);

#endif

/* What the verbs that look share: maps of old ops, times, leads. */
#ifndef SADA_VERB_LOOK_PRIV_H
#define SADA_VERB_LOOK_PRIV_H

#include "verb/verb_priv.h"

/* ---- maps.c ---- */
/*
 * The changes of op I, ready to be walked; {0} at first, released with
 * sada_changes_release().
 */
struct sada_changes {
	struct sada_nodes ns;		/* flags hold SADA_NODE_CHANGES */
	struct sada_id root;		/* zero: none */
	struct sada_buf rec;		/* the op's record */
	struct sada_op op;		/* decoded from it */
};
/*
 * Read the record of op I of LOG.  Nodes come from STORE and, unless it is
 * NULL, TXN.  NOTFOUND when the changes are not held here.  Errors:
 * NOTFOUND DAMAGED SYS.
 */
SADA_MUST int sada_changes_open(struct sada_changes *c,
    struct sada_log *log, struct sada_store *store, struct sada_txn *txn,
    uint32_t i, struct sada_err *err);
/* Free what C holds. */
void sada_changes_release(struct sada_changes *c);

/*
 * Have the maps of OPS (N op numbers): those that are not in STORE are
 * made by replay from the nearest ones that are, into TXN, which is never
 * to be committed.  Errors: NOTFOUND (it cannot be: the message names the
 * op), DAMAGED (a replay gives another root), SYS.
 */
SADA_MUST int sada_maps_make(struct sada_log *log, struct sada_store *store,
    struct sada_txn *txn, const uint32_t *ops, size_t n,
    struct sada_err *err);
/*
 * As sada_state_init() with a scratch transaction, for ops whose maps may
 * have to be made.  ST owns the transaction.
 */
SADA_MUST int sada_state_make(struct sada_state *st, struct sada_log *log,
    struct sada_store *store, const uint32_t *ops, size_t n,
    struct sada_err *err);

/* ---- rev.c ---- */
/*
 * Only the op numbers that REV (N bytes) means; no map is looked at.  *OUT
 * is a new array of *NOUT, free with free().  Errors: USAGE SYS.
 */
SADA_MUST int sada_rev_ops(uint32_t **out, size_t *nout,
    struct sada_replica *r, const char *s, size_t n, struct sada_err *err);

/* ---- when.c ---- */
/*
 * A time as a person writes it (N bytes): "2026-11-22 10:00[:30]", with a
 * 'T' or a zone or without, "2026-11-22", "now", "today", "yesterday", "3
 * days ago".  *OUT is the last ns of the second that it names, since 1970;
 * NOW_NS is the present.  0, or -1 when it is none of these.
 */
int sada_when(long long *out, const char *s, size_t n, long long now_ns);
/*
 * A span as a person writes it (N bytes): numbers, each with one of h, d,
 * w, m (30 days), y (365 days), the longest first, each once, as "1y6m"; or
 * "0".  *OUT is in ns, at most 100 years.  0, or -1 when it is none.
 */
int sada_age(long long *out, const char *s, size_t n);

/* ---- lead.c ---- */
/*
 * The version that speaks for slot V[N] (N > 0) by LAMPORT, the highest;
 * a directory goes before all others.
 */
const struct sada_version *sada_lead(const struct sada_version *v, size_t n,
    sada_lamport_fn *lamport, void *ctx);
/*
 * All names of the view of REV: the copies first, which are few, then EACH
 * main name and copy in path order (borrowed for the call).  What EACH
 * returns below 0 ends the walk and is returned.
 */
SADA_MUST int sada_names_each(struct sada_rev *rev,
    int (*each)(const struct sada_name *n, void *ctx), void *ctx,
    struct sada_err *err);
/*
 * The name at PATH, a conflict copy too: 1 and *N (borrowed until *HOLD is
 * freed with sada_view_free()), 0 when nothing is there.
 */
SADA_MUST int sada_name_at(struct sada_view **hold, struct sada_rev *rev,
    const char *path, size_t len, struct sada_name *n,
    struct sada_err *err);
/*
 * The version of N that brought the content which N shows, else LEAD: then
 * it is a merged one.
 */
const struct sada_version *sada_bringer(const struct sada_name *n,
    const struct sada_version *lead);
/*
 * Append to OUT who may hold what the version with dot D, which lived at
 * PATH, brought: its author, and the peers that acknowledged a state which
 * shows it, or wrote on one; but none that wants CONTENT (may be NULL).
 */
void sada_holders(struct sada_buf *out, const struct sada_replica *r,
    const struct sada_dot *d, const char *path, size_t len,
    const struct sada_id *content);
/*
 * Fail with NOTFOUND: the content of NAME is not here; says who may hold
 * it.
 */
int sada_lacks(const struct sada_replica *r, struct sada_state *st,
    const struct sada_name *name, struct sada_err *err);
/* Is PATH below DIR, or DIR itself?  Everything is below "". */
int sada_path_in(const char *path, size_t len, const char *dir,
    size_t dirlen);

/* ---- log_names.c ---- */
/* How the changes of ops are told. */
struct sada_op_names {
	struct sada_replica *r;
	struct sada_txn *txn;		/* scratch for maps */
	const struct sada_buf *path;	/* only these and what is below them */
	size_t npath;			/* 0: all */
	int (*change)(const struct sada_change *c, void *ctx);	/* or NULL */
	int (*patch)(const char *p, size_t n, void *ctx);	/* or NULL */
	void *ctx;
};
/*
 * Did op I change one of the paths?  1, 0.  Errors: NOTFOUND (its changes
 * are not held here) DAMAGED SYS.
 */
SADA_MUST int sada_op_touches(const struct sada_op_names *o, uint32_t i,
    struct sada_err *err);
/*
 * Tell each change of op I, in path order.  Errors: as sada_op_touches(),
 * what the callbacks return.
 */
SADA_MUST int sada_op_tell(const struct sada_op_names *o, uint32_t i,
    struct sada_err *err);

#endif

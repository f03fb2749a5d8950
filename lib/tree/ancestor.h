/*
 * Ancestors: what a version was made from.
 *
 * Each entry of the list stands for a name as it was shown once: the dots
 * of its cover, and its content.  Newest first and without gaps, so that
 * the newest entry which two versions have in common is the base of their
 * merge.  The name may have been another one, that was renamed.
 */
#ifndef SADA_TREE_ANCESTOR_H
#define SADA_TREE_ANCESTOR_H

#include "format/object.h"
#include "store/store.h"
#include "tree/view.h"

/* Entries of a list count as long as they have no more dots together. */
#define SADA_ANC_LIST_DOTS 256
/* The versions of a cover that give their entries to what replaces them. */
#define SADA_ANC_LINES 64

/*
 * Append to OUT the ancestors object of what replaces a name that showed
 * SHOWN (kind, mode, size and content count) with the N versions COVER;
 * nothing when no version but a directory's is among them.  Its first entry
 * has all their dots (of more than SADA_ANC_DOTS_MAX the first) and what
 * was shown; then follow, newest first, those of the cover whose content
 * was another, and the entries of their own lists, each once, of the first
 * SADA_ANC_LINES of the cover and up to SADA_ANC_LIST_DOTS.  What a
 * version of the cover brings that lives at another path (its field at) was
 * another name.  Lists are
 * read from TXN; one that is missing or malformed counts as none.  Of one
 * version neither LAMPORT nor CTX is used.  Errors: SYS.
 */
SADA_MUST int sada_anc_make(struct sada_buf *out,
    const struct sada_version *shown, const struct sada_version *cover,
    size_t n, struct sada_txn *txn, sada_lamport_fn *lamport, void *ctx,
    struct sada_err *err);

/*
 * The list of version V, from TXN or, when that is NULL, STORE: *A is new
 * (free with free()) and *N its entries that count, none for a version that
 * has no ancestors or malformed ones.  1 when it is known, 0 when the object is
 * missing or damaged.  Errors: SYS.
 */
SADA_MUST int sada_anc_load(struct sada_ancestor **a, size_t *n,
    const struct sada_version *v, struct sada_store *store,
    struct sada_txn *txn, struct sada_err *err);

/*
 * Do entries A and B stand for the same state of a name: have they a dot
 * in common, and the same kind and content?
 */
int sada_anc_same(const struct sada_ancestor *a,
    const struct sada_ancestor *b);
/*
 * Order of entries of one age: by the number of dots, so that what a merge
 * showed is newer than what went into it, then dots, content, size, kind,
 * mode.
 */
int sada_anc_cmp(const struct sada_ancestor *a,
    const struct sada_ancestor *b);
/* The highest lamport of A's dots. */
uint64_t sada_anc_lamport(const struct sada_ancestor *a,
    sada_lamport_fn *lamport, void *ctx);

#endif

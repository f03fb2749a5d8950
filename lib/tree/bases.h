/*
 * Bases: what a version and a group are merged from.
 *
 * Of the entries that are ancestors of both, newest first, a base is the
 * first, and each that the bases before it were not made of.  Mostly that is
 * one.  Where edits crossed there are several, and each knows of changes
 * that the other has not: by one alone a line could come back that was
 * deleted since.  So they are merged, each with what the ones before came
 * to.  What these are merged from is found in the same way, of the entries
 * that both were made of.  Where there are none, or they do not merge, the
 * bases are tried one by one, and must all come to the same.
 */
#ifndef SADA_TREE_BASES_H
#define SADA_TREE_BASES_H

#include "tree/kin.h"

/* More are not looked for. */
#define SADA_BASES_MAX 8

/* Nor are these found for more of all bases of one merge. */
#define SADA_BASES_SUBS 64

struct sada_bases {
	struct sada_elder *e[SADA_BASES_MAX];	/* newest first; of kin */
	/* What that and those before are merged from; or NULL.  Own. */
	struct sada_bases *sub[SADA_BASES_MAX];
	size_t n;
};
/*
 * Those of version K of X and the group whose versions are the bits IN; all
 * are loaded.  How many; release B with sada_bases_release() before X.
 */
size_t sada_bases_find(struct sada_bases *b, struct sada_kin *x, size_t k,
    uint32_t in);
/* Free what B holds. */
void sada_bases_release(struct sada_bases *b);
/* The mode that they come to: each brings its own if it was changed. */
uint16_t sada_bases_mode(const struct sada_bases *b);
/*
 * Merge M's sides A and B as sada_meld() does, by the bases B of which
 * there is one at least.  M's base and anc are filled in: the content that A
 * and B were merged from, or the newest base; and whose it is, or, where a
 * content lacks, whose that is.
 * Errors: SYS DAMAGED.
 */
SADA_MUST int sada_bases_meld(const struct sada_bases *b,
    struct sada_merger *merger, struct sada_meld *m, struct sada_err *err);
/*
 * Tell MERGER, which asks for them, the contents that a merge of version K,
 * which is V, with some of those before it in X could need; all are loaded.
 */
void sada_bases_tell(struct sada_kin *x, struct sada_merger *merger, size_t k,
    const struct sada_version *v);

#endif

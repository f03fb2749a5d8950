/*
 * Kin: the ancestors of the versions of one slot, and who shares them.
 *
 * Whether two versions have an ancestor in common is asked for each pair of
 * versions and each entry of their lists, and a slot may be forged to hold
 * the most of all of them.  So each dot of each entry is looked up once, and
 * what is asked then is whether bits of versions overlap.
 */
#ifndef SADA_TREE_KIN_H
#define SADA_TREE_KIN_H

#include "tree/merger.h"

/* Versions of one slot that may be kin. */
#define SADA_KIN_MAX 16

struct sada_kin;
/*
 * Of N versions (at most SADA_KIN_MAX), to be told by sada_kin_set().  BY
 * must outlive it.  *OUT is new, free with sada_kin_free().
 */
void sada_kin_new(struct sada_kin **out, const struct sada_view_by *by,
    size_t n);
/* Free; NULL is fine. */
void sada_kin_free(struct sada_kin *x);
/* Number K is version V, borrowed. */
void sada_kin_set(struct sada_kin *x, size_t k, const struct sada_version *v);
/* Load the list of number K, once.  Errors: SYS. */
SADA_MUST int sada_kin_load(struct sada_kin *x, size_t k,
    struct sada_err *err);
/* Is the list of K (loaded) not here, or damaged? */
int sada_kin_lacks(const struct sada_kin *x, size_t k);

/* An entry of a list. */
struct sada_elder {
	const struct sada_ancestor *a;
	uint64_t lamport;		/* the highest of its dots */
	uint64_t past;			/* ops in the past of its own; 0: it was
					   not weighed yet */
	uint32_t *mark;			/* private, as all that follows */
	uint32_t of, asked, alone;
};
/* The entries of the list of K (loaded): *E, borrowed; how many. */
size_t sada_kin_list(const struct sada_kin *x, size_t k,
    struct sada_elder **e);
/* Which of those that were loaded is E an ancestor of?  A bit for each. */
uint32_t sada_kin_of(struct sada_kin *x, struct sada_elder *e);
/*
 * Sort the N entries E, newest first: by lamport; the number of ops in the
 * past of theirs, so that what was made of another is the newer; then
 * sada_anc_cmp().  A total order, whatever the lists hold.
 */
void sada_kin_sort(struct sada_kin *x, struct sada_elder **e, size_t n);

/* Dots of entries of all that were loaded: a set. */
#define SADA_DOTS_WORDS (SADA_KIN_MAX * SADA_ANC_LIST_DOTS / 64)
struct sada_dots {
	uint64_t bits[SADA_DOTS_WORDS];
};
/*
 * Version K and a group of the versions IN have E in common, but of its
 * dots perhaps only some: a version has a dot that stands in its list, or,
 * if it is alone and E was no other name, in its past.
 *
 * D: the dots that E was made of, by those dots that K has, and by those
 * that IN has.  A dot was made of itself and what lies in the past of its
 * ops; not of one that stands beside it in an entry of these lists, for
 * both lived at once.
 */
void sada_kin_sees(struct sada_kin *x, struct sada_elder *e, size_t k,
    uint32_t in, struct sada_dots *d);
/* Are those that both have in D?  If none is, all of E's dots? */
int sada_kin_within(struct sada_kin *x, struct sada_elder *e, size_t k,
    uint32_t in, const struct sada_dots *d);
/* Has each dot of E an op in the state? */
int sada_kin_known(struct sada_kin *x, const struct sada_elder *e);

#endif

/* Three sides as lines, merged; the drivers text and union share it. */
#ifndef SADA_MERGE_LINES_PRIV_H
#define SADA_MERGE_LINES_PRIV_H

#include "git/merge.h"
#include "merge/merge.h"

/* No side of a merge by lines has more of them. */
#define SADA_MERGE_LINES ((size_t)1 << 18)

/*
 * How far a side may be from the base: the lines to delete times those to
 * delete or to add, or to add times these if that is less.
 */
#define SADA_MERGE_FAR ((uint64_t)1 << 25)

/*
 * 1. A number in OUT that is no mark is an index of LINE.
 * 2. Equal numbers are equal lines, their ends counted.
 * 3. What OUT calls A is the side that sorts first as bytes.
 */
struct sada_lines {
	struct sada_span *line;
	struct sada_seq out;
};

/* Does B sort before A as bytes? */
int sada_merge_swapped(const struct sada_three *in);
/* Is a side of IN too large to merge? */
int sada_merge_too_large(const struct sada_three *in);

/* Is A farther from B than SADA_MERGE_FAR? */
int sada_seq_far(const struct sada_seq *a, const struct sada_seq *b);
/* Is a side of IN, which has lines and not too many, as far from the base? */
int sada_lines_far(const struct sada_three *in);
/*
 * Fill L, which borrows from IN, and set *CONFLICTS: 1, or 0 when a side is
 * too large or too far from the base, has too many lines or a NUL.  Release L after either.  Errors:
 * SYS.
 */
SADA_MUST int sada_lines_merge(struct sada_lines *l, int *conflicts,
    const struct sada_three *in, struct sada_err *err);
/* Free what L holds. */
void sada_lines_release(struct sada_lines *l);

#endif

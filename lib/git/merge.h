/* Three-way merge of sequences, through libgit2.  No file access. */
#ifndef SADA_GIT_MERGE_H
#define SADA_GIT_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Numbers in an order; what they stand for is the caller's. */
struct sada_seq {
	uint32_t *v;
	size_t n, cap;
};

/* A number is below this one; the marks of a conflict are above. */
#define SADA_SEQ_MAX ((uint32_t)1 << 24)
enum {
	SADA_SEQ_A = 1 << 24,	/* a conflict begins: what A has there */
	SADA_SEQ_B,		/* then what B has there */
	SADA_SEQ_END		/* it ends */
};

/* Append V to S. */
void sada_seq_add(struct sada_seq *s, uint32_t v);
/* Free what S holds and make it empty; S itself is the caller's. */
void sada_seq_release(struct sada_seq *s);

/*
 * Append to OUT what A and B both made of BASE, as git merge-file finds it
 * for lines, with default options: the parts that only one changed or both
 * alike are merged; the others stand between marks.  Returns how many
 * conflicts there are.  Work grows with the numbers and their differences,
 * never with what they are.  Errors: SYS.
 */
SADA_MUST int sada_git_merge(struct sada_seq *out,
    const struct sada_seq *base, const struct sada_seq *a,
    const struct sada_seq *b, struct sada_err *err);

#endif

/*
 * Three-way merge of contents: bytes in, bytes out.
 *
 * Which bytes come out is part of the format: the view of a directory is a
 * pure function of its state, so that every replica must come to the same
 * merge.  SADA_MERGE_NUMBER changes when any of these functions gives
 * another answer for any input.  No files, no clock; nothing here knows
 * what a version is.
 */
#ifndef SADA_MERGE_MERGE_H
#define SADA_MERGE_MERGE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define SADA_MERGE_NUMBER 2

/* No side of a merge is larger: such contents both stand. */
#define SADA_MERGE_MAX (8u << 20)

enum sada_driver {
	SADA_MERGE_TEXT = 1,	/* by lines; bytes with a NUL never merge */
	SADA_MERGE_UNION,	/* by lines, the lines of both where both add */
	SADA_MERGE_KEEP,	/* never: both stand */
	SADA_MERGE_NEWEST,	/* the highest version, see view.h */
	SADA_MERGE_JSON,	/* object-wise */
	SADA_MERGE_SQLITE,	/* row-wise */
	SADA_MERGE_COMMAND	/* by a command of this replica's user */
};

/* N bytes at P. */
struct sada_span {
	const void *p;
	size_t n;
};

/* The three sides: what both were made from, the higher, the lower. */
struct sada_three {
	struct sada_span base, a, b;
};

/*
 * Append to OUT the merge of IN by DRIVER (TEXT, UNION, JSON or SQLITE): 1,
 * or 0 when it conflicts, when a side is larger than SADA_MERGE_MAX or not
 * of the kind that the driver merges, or when this build lacks the driver;
 * OUT is then as it was.  Where a == base the answer is b, where b == base
 * or a == b it is a, whatever the driver.  The same bytes come out on every
 * machine.  Errors: SYS (no memory in a library).
 */
SADA_MUST int sada_merge_bytes(struct sada_buf *out, unsigned driver,
    const struct sada_three *in, struct sada_err *err);

/* Why bytes were not merged. */
enum sada_merge_no {
	SADA_MERGE_NO_LINES = 1,	/* both sides changed the same place */
	SADA_MERGE_NO_SIZE,		/* a side is too large, or too far */
	SADA_MERGE_NO_FORM,		/* a side is not of the driver's kind */
	SADA_MERGE_NO_DRIVER		/* this build lacks the driver */
};
/* Why sada_merge_bytes() gave 0 for DRIVER and IN: enum sada_merge_no. */
unsigned sada_merge_why(unsigned driver, const struct sada_three *in);

/*
 * The single drivers behind it; 1 merged, 0 conflict.  Errors: SYS.
 *
 * Text: as libgit2 and git merge-file do; line ends stay as they are.  Not
 * for a side of more than 2^18 lines, nor for one that is far from the base:
 * the least lines to delete and to add, the smaller number times the sum of
 * both, must be at most 2^25.
 */
SADA_MUST int sada_merge_text(struct sada_buf *out,
    const struct sada_three *in, struct sada_err *err);
/*
 * Union: as text, but where both sides changed the same lines those of the
 * version that sorts first as bytes come first, then those of the other;
 * a line that both have there is there as often as in the one that has it
 * more often, its end not counted.  Not for bytes with a NUL.
 */
SADA_MUST int sada_merge_union(struct sada_buf *out,
    const struct sada_three *in, struct sada_err *err);
/*
 * JSON (RFC 8259, UTF-8, no name twice in an object): objects merge member
 * by member, at every depth; all other values, arrays too, are taken whole
 * from the side that changed them, as the bytes that they were, and two
 * that changed differently conflict.  Order and blanks are those of the side
 * that sorts first as bytes.  Not for a side that is deeper than 256 or has
 * more than 2^18 members outside arrays.
 */
SADA_MUST int sada_merge_json(struct sada_buf *out,
    const struct sada_three *in, struct sada_err *err);

#endif

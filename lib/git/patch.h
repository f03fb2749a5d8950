/* Unified diffs as text, through libgit2.  No file access. */
#ifndef SADA_GIT_PATCH_H
#define SADA_GIT_PATCH_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* One side of a patch. */
struct sada_patch_side {
	const void *p;			/* its N bytes */
	size_t n;
	unsigned mode;			/* as git: 0100644, 0100755, 0120000;
					   0: not there on this side */
};
enum {
	SADA_PATCH_BINARY = 1		/* do not look for lines */
};
/*
 * Append to OUT the patch that makes A of B at PATH (LEN bytes), as git
 * prints it: a header with a/ and b/ names (quoted when they must be), then
 * hunks with three lines of context; bytes that are no text give "Binary
 * files a/X and b/X differ".  Nothing when both sides are equal.  Errors:
 * SYS.
 */
SADA_MUST int sada_patch(struct sada_buf *out, const char *path, size_t len,
    const struct sada_patch_side *a, const struct sada_patch_side *b,
    unsigned flags, struct sada_err *err);

/*
 * The same for a file that was FROM and is TO, and is alike by SCORE of
 * 100: there is always a header that says so.  Errors: SYS.
 */
SADA_MUST int sada_patch_rename(struct sada_buf *out, const char *from,
    size_t from_len, const char *to, size_t to_len, unsigned score,
    const struct sada_patch_side *a, const struct sada_patch_side *b,
    unsigned flags, struct sada_err *err);

#endif

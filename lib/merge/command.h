/* Merge by a command of this replica's user. */
#ifndef SADA_MERGE_COMMAND_H
#define SADA_MERGE_COMMAND_H

#include "merge/merge.h"

/* What of a command's standard error is kept, in bytes. */
#define SADA_MERGE_TALK ((size_t)4 << 10)

/* A command and where it may work. */
struct sada_command {
	const char *text;		/* for the shell, NUL-terminated */
	const char *path;		/* what is merged, NUL-terminated */
	int dir;			/* a handle: of the store */
	unsigned seconds;		/* it may take, at least 1 */
};

/*
 * Append to OUT what C makes of IN: 1, or 0 when it conflicts, that is when
 * a side or the answer is larger than SADA_MERGE_MAX, or the command ends
 * with another status than 0, by a signal or out of time.  It is run as
 *
 *	SADA_PATH=PATH sh -c 'TEXT "$@"' TEXT BASE A B
 *
 * in a fresh directory below DIR of mode 0700, which is removed after, with
 * all that it holds: BASE, A and B are the names "base", "a" and "b" in it,
 * to be changed at will; PATH is not there and only tells what it is about.
 * Its standard output is the answer; the first SADA_MERGE_TALK bytes of its
 * standard error are appended to TALK (may be NULL).  Errors: SYS.
 */
SADA_MUST int sada_merge_command(struct sada_buf *out, struct sada_buf *talk,
    const struct sada_command *c, const struct sada_three *in,
    struct sada_err *err);
/*
 * Remove from store DIR what killed runs left; the caller knows that none
 * runs now.  Errors: SYS.
 */
SADA_MUST int sada_merge_sweep(int dir, struct sada_err *err);

#endif

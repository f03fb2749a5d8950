/* Ignore rules with git's meaning, through libgit2.  No file access. */
#ifndef SADA_GIT_IGNORE_H
#define SADA_GIT_IGNORE_H

#include <stddef.h>

#include "base/err.h"

struct sada_ignore;

/*
 * An empty set of rules: nothing is ignored, libgit2's own defaults
 * (".git", the user's global excludes, system config) included.  *OUT is
 * new, free with sada_ignore_free().  Errors: SYS.
 */
SADA_MUST int sada_ignore_new(struct sada_ignore **out,
    struct sada_err *err);
/*
 * Add the text of the .sadaignore that lies in directory DIR ("" = the
 * root): its rules bind names below DIR only, and come after (win over)
 * those of the directories above.  May be called while others match.
 * Errors: FORMAT (a text with a NUL or of more than 1 MiB), SYS.
 */
SADA_MUST int sada_ignore_add(struct sada_ignore *ig, const char *dir,
    size_t dirlen, const char *text, size_t n, struct sada_err *err);
enum { SADA_IGNORE_DIR = 1 };
/*
 * Is PATH (with DIR: a directory) ignored by the rules, as git would say
 * for an untracked name whose parents are not ignored?  1, 0, <0.  May be
 * called from several threads.
 */
SADA_MUST int sada_ignore_match(struct sada_ignore *ig, const char *path,
    size_t len, unsigned flags, struct sada_err *err);
/* Are there no rules at all? */
int sada_ignore_empty(const struct sada_ignore *ig);
/* Free; NULL is fine. */
void sada_ignore_free(struct sada_ignore *ig);

#endif

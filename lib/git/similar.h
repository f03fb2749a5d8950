/* How alike two contents are, through libgit2.  No file access. */
#ifndef SADA_GIT_SIMILAR_H
#define SADA_GIT_SIMILAR_H

#include <stddef.h>

#include "base/err.h"

/* A signature of a content: about 1 KiB, whatever its size. */
struct sada_sig;
/*
 * The signature of N bytes at P.  *OUT is new, free with sada_sig_free().
 * Errors: SYS.
 */
SADA_MUST int sada_sig_new(struct sada_sig **out, const void *p, size_t n,
    struct sada_err *err);
/* Free; NULL is fine. */
void sada_sig_free(struct sada_sig *s);
/* How alike: 0 to 100; B with A may give another number than A with B. */
unsigned sada_sig_alike(const struct sada_sig *a, const struct sada_sig *b);
/* As git: a NUL among the first bytes makes it no text. */
int sada_is_text(const void *p, size_t n);

#endif

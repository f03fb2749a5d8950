/*
 * Differences between two states of names, told as letters and patches,
 * renames as such.  Used by what looks at ops and at revisions.
 */
#ifndef SADA_VERB_DELTAS_PRIV_H
#define SADA_VERB_DELTAS_PRIV_H

#include "format/types.h"
#include "verb/verb.h"

/* What a name shows on one side. */
struct sada_face {
	uint8_t kind;			/* 0: nothing is there */
	uint8_t where;			/* the caller's, for load() */
	uint16_t mode;
	uint64_t size;
	struct sada_id content;
};
#define SADA_FACE_ANY_MODE UINT16_MAX	/* of an implied directory */

/* The letter for a name that went from A to B; 0: they are the same. */
char sada_face_letter(const struct sada_face *a, const struct sada_face *b);

struct sada_deltas_opts {
	int (*change)(const struct sada_change *c, void *ctx);	/* or NULL */
	int (*patch)(const char *p, size_t n, void *ctx);	/* or NULL */
	void *ctx;
	/* Append what F shows at PATH: 1, or 0 when it is not held. */
	int (*load)(struct sada_buf *out, const struct sada_face *f,
	    const char *path, size_t len, void *ctx, struct sada_err *err);
	void *load_ctx;
	/* Renames that are known; none: they are looked for. */
	const struct sada_hint *hint;
	size_t nhint;
	unsigned similar;		/* look into contents, too */
};

struct sada_deltas;
/* *OUT is new, free with sada_deltas_free(); OPTS is copied. */
void sada_deltas_new(struct sada_deltas **out,
    const struct sada_deltas_opts *opts);
/*
 * The name at PATH went from A to B; WHAT is the letter and WHY, a static
 * text, may be NULL.  Paths ascend.  Nothing is told before the end, unless
 * there is too much to be kept: then no renames are looked for.  Errors:
 * what the callbacks return, SYS.
 */
SADA_MUST int sada_deltas_add(struct sada_deltas *x, const char *path,
    size_t len, char what, const char *why, const struct sada_face *a,
    const struct sada_face *b, struct sada_err *err);
/* That was all: tell it.  Errors: as sada_deltas_add(). */
SADA_MUST int sada_deltas_end(struct sada_deltas *x, struct sada_err *err);
/* Free; NULL is fine. */
void sada_deltas_free(struct sada_deltas *x);

#endif

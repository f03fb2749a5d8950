/*
 * Places that carry bundles: a file, a directory (spool), '-'.  A place
 * moves bytes and knows nothing of what they mean.
 */
#ifndef SADA_TRANSPORT_PLACE_H
#define SADA_TRANSPORT_PLACE_H

#include "base/buf.h"
#include "base/io.h"

enum sada_place_kind {
	SADA_PLACE_PIPE = 1,		/* "-" */
	SADA_PLACE_FILE,		/* a file, or a name that does not exist */
	SADA_PLACE_SPOOL,		/* a directory */
	SADA_PLACE_HOST			/* host:dir: a ':' before any '/' */
};

/*
 * What PLACE (as given by the user, relative to the caller) is.  HOST is
 * told by its form alone.  Errors: SYS, NOTFOUND for a missing parent
 * directory, or a missing name that ends in '/'.
 */
SADA_MUST int sada_place_kind(unsigned *kind, const char *place,
    struct sada_err *err);
/* Is there something at PLACE, a file or spool?  1, 0, SYS. */
SADA_MUST int sada_place_has(const char *place, struct sada_err *err);
/* Does PLACE have the name of a bundle, *.sada?  1, 0. */
int sada_place_named(const char *place);

/* ---- writing one bundle ---- */
struct sada_out;
/*
 * Begin writing: PIPE writes to fd 1; FILE to a temp beside it, published
 * by rename over it at the end; SPOOL to a temp in it (".tmp-" and the
 * first 16 digits of the name to come), published under a new random name
 * of 32 hex digits and ".sada".  *OUT is
 * new; end with commit or abort.  Errors: SYS NOTFOUND(->ABSENT).
 */
SADA_MUST int sada_out_open(struct sada_out **out, unsigned kind,
    const char *place, struct sada_err *err);
/*
 * The name that a bundle will have in its spool, known before anything of
 * it can be seen there; borrowed; NULL when it goes elsewhere.
 */
const char *sada_out_name(const struct sada_out *o);
/* Append bytes. */
SADA_MUST int sada_out_write(struct sada_out *o, const void *p, size_t n,
    struct sada_err *err);
/*
 * fsync, rename, fsync the directory (spools: syncfs too, media are
 * removable); *PATH (may be NULL) receives what was written, for the user.
 * O is gone.  On failure no partial file is left.  Errors: SYS.
 */
SADA_MUST int sada_out_commit(struct sada_out *o, struct sada_buf *path,
    struct sada_err *err);
/* Remove the temp; NULL is fine. */
void sada_out_abort(struct sada_out *o);

/* ---- reading ---- */
/* Open a file or '-' (fd 0) for reading; *FD is new for a file.  ABSENT. */
SADA_MUST int sada_in_open(int *fd, unsigned kind, const char *place,
    struct sada_err *err);

/*
 * Open the directory that a bundle at PLACE, a file or spool, lies in.
 * *FD is new.  Errors: NOTFOUND ABSENT SYS.
 */
SADA_MUST int sada_place_where(int *fd, unsigned kind, const char *place,
    struct sada_err *err);

/* ---- spools ---- */
/*
 * The mark of the spool at PLACE: file "sada-spool" with one line of 32
 * hex digits.  *MARK has 33 bytes.  Errors: ABSENT (no directory or no
 * mark), FORMAT.
 */
SADA_MUST int sada_spool_mark(char mark[33], const char *place,
    struct sada_err *err);
/* Make a mark if there is none; *MARK is it.  Errors: SYS ABSENT. */
SADA_MUST int sada_spool_make_mark(char mark[33], const char *place,
    struct sada_err *err);
/*
 * Call EACH for the name of every bundle (32 hex + ".sada", or any other
 * *.sada file) in the spool, sorted by (mtime, name), with an open
 * descriptor and its size.  Errors: ABSENT SYS, what EACH returns.
 */
SADA_MUST int sada_spool_each(const char *place,
    int (*each)(const char *name, int fd, uint64_t size, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err);
/* Is file NAME there?  1, 0, <0. */
SADA_MUST int sada_spool_has(const char *place, const char *name,
    struct sada_err *err);
/*
 * Remove the temp that was to become bundle NAME and did not, if it is older
 * than AGE_S seconds: 1 when none is left, 0 when a younger one is, which
 * somebody may be writing.
 */
SADA_MUST int sada_spool_sweep(const char *place, const char *name,
    long long age_s, struct sada_err *err);
/* Remove file NAME (a bundle of our own); missing is fine. */
SADA_MUST int sada_spool_remove(const char *place, const char *name,
    struct sada_err *err);

#endif

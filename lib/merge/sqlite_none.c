/* What a build without the SQLite library answers. */
#include <string.h>

#include "merge/sqlite.h"

int
sada_sqlite_built(void)
{
	return 0;
}

int
sada_merge_sqlite(struct sada_buf *out, const struct sada_three *in,
    struct sada_err *err)
{
	(void)out;
	(void)in;
	(void)err;
	return 0;
}

int
sada_sqlite_fits(const struct sada_three *in)
{
	(void)in;
	return 0;
}

int
sada_sqlite_equal(const struct sada_span *a, const struct sada_span *b,
    struct sada_err *err)
{
	(void)err;
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

int
sada_sqlite_capture(struct sada_buf *out, int dirfd, const char *name,
    size_t max, struct sada_err *err)
{
	(void)out;
	(void)dirfd;
	(void)name;
	(void)max;
	return sada_err_set(err, SADA_FORMAT,
	    "this build knows no SQLite databases");
}

int
sada_sqlite_install(int dirfd, const char *name,
    const struct sada_span *expect, const struct sada_span *want,
    struct sada_err *err)
{
	(void)dirfd;
	(void)name;
	(void)expect;
	(void)want;
	return sada_err_set(err, SADA_LATER,
	    "this build knows no SQLite databases");
}

int
sada_sqlite_advance(int dirfd, const char *name,
    const struct sada_span *from, const struct sada_span *to,
    struct sada_err *err)
{
	return sada_sqlite_install(dirfd, name, from, to, err);
}

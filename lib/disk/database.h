/*
 * SQLite databases in the directory: what scan, apply and layout share.
 *
 * A file is such a database when the rules merge its path by rows and its
 * first bytes say so.  Others may have it open, so it is captured and
 * changed through merge/sqlite.h.  What SQLite puts beside it while it is
 * in use (-wal, -shm, -journal) is a part of it: never recorded, never laid
 * out, never removed.  One that is larger than SADA_DATABASE_MAX is a plain
 * file, and so are they.
 */
#ifndef SADA_DISK_DATABASE_H
#define SADA_DISK_DATABASE_H

#include "base/buf.h"
#include "base/io.h"
#include "store/file.h"

/* The largest image that is held in memory. */
#define SADA_DATABASE_MAX ((size_t)64 << 20)

/* Which paths the rules merge as databases: IS answers 1 or 0. */
struct sada_databases {
	int (*is)(const char *path, size_t len, void *ctx);
	void *ctx;
};

/* May PATH be a database by the rules?  D may be NULL.  1 or 0. */
int sada_database_rule(const struct sada_databases *d, const char *path,
    size_t len);
/*
 * The database at whose side PATH would stand: the length of its path if
 * that has the rule, else 0.
 */
size_t sada_database_of(const struct sada_databases *d, const char *path,
    size_t len);
/*
 * Is NAME in DFD a regular file that looks like a database of at most
 * SADA_DATABASE_MAX bytes?  What cannot be read is none.  1 or 0.
 */
int sada_database_there(int dfd, const char *name);
/* The same of content ID: 1, 0; NOTFOUND when it is not held.  SYS. */
SADA_MUST int sada_database_held(const struct sada_source *src,
    const struct sada_id *id, uint64_t size, struct sada_err *err);

enum {
	SADA_DATABASE_WAL = 1,	/* a WAL with rows stands beside it */
	SADA_DATABASE_OPEN = 2	/* so does an index of one, or a journal, or
				   it is locked */
};
/* How NAME in DFD is in use, as far as can be seen: a set of these. */
unsigned sada_database_busy(int dfd, const char *name);

/*
 * Append the image that content ID is: 1, 0 when it is not held, damaged
 * or too large.  Errors: SYS.
 */
SADA_MUST int sada_database_image(struct sada_buf *out,
    const struct sada_source *src, const struct sada_id *id, uint64_t size,
    struct sada_err *err);
/*
 * Are IMAGE, which has content id OWN, and the file with content ID the
 * same bytes, or the same rows?  1 or 0.  Errors: SYS.
 */
SADA_MUST int sada_database_same(const struct sada_buf *image,
    const struct sada_id *own, const struct sada_source *src,
    const struct sada_id *id, uint64_t size, struct sada_err *err);
/*
 * Capture NAME in DFD into the empty IMAGE; *ID is its content id.
 * Errors: as sada_sqlite_capture().
 */
SADA_MUST int sada_database_capture(struct sada_buf *image,
    struct sada_id *id, int dfd, const char *name, struct sada_err *err);
/* What capture's or install's error says of a name; a static text. */
const char *sada_database_why(const struct sada_err *err);

#endif

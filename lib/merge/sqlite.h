/*
 * SQLite databases: merged row by row, captured and changed while others
 * have them open.
 *
 * Which bytes a merge gives is part of the format like the other drivers
 * (see merge.h); the rules stand in sadamerge(5).  What depends on the
 * SQLite library: how rows are laid out over pages, which the library has
 * not changed in years but does not promise.  Two images that differ in
 * that alone are equal to sada_sqlite_equal().
 *
 * Images are foreign bytes.  They are opened in memory only, with triggers,
 * views and all but a few plain SQL functions off, and with a limit on
 * steps and memory; one that fails integrity_check is no database.
 *
 * Capture and install are the one place where a library makes file calls
 * of its own: the locks of a database belong to SQLite.  They go through
 * /proc/self/fd, so that the directory is the one that was opened.  While
 * either runs, no other handle of the same file may be closed in this
 * process, for that would drop the locks.
 *
 * Without the library: nothing merges, only the same bytes are equal, each
 * capture is FORMAT, each install LATER.
 */
#ifndef SADA_MERGE_SQLITE_H
#define SADA_MERGE_SQLITE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "merge/merge.h"

/* Was the library there when this was built?  1 or 0. */
int sada_sqlite_built(void);

/*
 * Do the N bytes at P (at least its first 100) begin an SQLite database:
 * magic and a sane header?  1 or 0.
 */
int sada_sqlite_is(const void *p, size_t n);

/*
 * What SQLite puts beside a database while it is in use: the I-th suffix
 * (0, 1, ...) behind its name; NULL when there are no more.
 */
const char *sada_sqlite_busy_name(unsigned i);
/*
 * The bytes of a database, far behind most, that SQLite locks while it reads
 * or writes, and for as long as one with a WAL is open.
 */
#define SADA_SQLITE_LOCKS 0x40000000U
#define SADA_SQLITE_LOCKS_LEN 512U
/*
 * How many bytes of NAME (N bytes) are the name of the database that it
 * stands beside; 0 when it has none of the suffixes.
 */
size_t sada_sqlite_busy_of(const char *name, size_t n);

/*
 * Append to OUT the row-wise merge of IN: 1, or 0 when it conflicts or one
 * side is no database that can be merged; OUT is then as it was.  Which of
 * the two sides is a and which b does not matter.  Errors: SYS.
 */
SADA_MUST int sada_merge_sqlite(struct sada_buf *out,
    const struct sada_three *in, struct sada_err *err);

/*
 * Are the sides of IN of a form that sada_merge_sqlite() merges: databases
 * of one schema, with tables and texts that it knows?  1, also when that
 * cannot be told, or 0.
 */
int sada_sqlite_fits(const struct sada_three *in);

/*
 * Have the images A and B the same schema and the same rows?  1, or 0 when
 * they differ or one cannot be read.  Where rows lie and in which order,
 * the rowids of tables without an INTEGER PRIMARY KEY, statistics (ANALYZE)
 * and the journal mode do not count.  Errors: SYS.
 */
SADA_MUST int sada_sqlite_equal(const struct sada_span *a,
    const struct sada_span *b, struct sada_err *err);

/*
 * Append to OUT one consistent image of database NAME in directory DIRFD,
 * which others may be writing: all that is committed, that in its WAL too.
 * Nothing of it is changed and no file is made or removed.  A database that
 * nobody writes gives the bytes of its file, if its WAL is empty.
 *
 * Errors (OUT is as it was): FORMAT: no database, or larger than MAX: a
 * plain file; BUSY: writers left no gap for 2 seconds; LATER: it must be
 * recovered first by a program that may write to it (hot journal, WAL
 * without its index); NOTFOUND SYS.
 */
SADA_MUST int sada_sqlite_capture(struct sada_buf *out, int dirfd,
    const char *name, size_t max, struct sada_err *err);

/*
 * Make database NAME in DIRFD hold the rows of image WANT, in one exclusive
 * transaction, durable when this returns 0; who has it open sees it before
 * or after.  EXPECT: the image that it must equal before (else LATER), or
 * NULL.  A database that equals WANT already is not written to.
 *
 * Errors (nothing changed): BUSY: others kept it locked for 2 seconds;
 * LATER: the schemas differ, it changed meanwhile, or it cannot be changed
 * row by row (virtual tables, too large, functions of an application);
 * FORMAT: WANT or the file is no database; NOTFOUND SYS.
 */
SADA_MUST int sada_sqlite_install(int dirfd, const char *name,
    const struct sada_span *expect, const struct sada_span *want,
    struct sada_err *err);

/*
 * Bring into database NAME in DIRFD, in the same way, what leads from image
 * FROM to image TO.  One that equals FROM becomes TO.  One that was written
 * since keeps what was written, merged with TO as sada_merge_sqlite() does,
 * but the rows of TO keep their numbers: to do it again changes nothing.
 *
 * Errors: as sada_sqlite_install(); LATER also when both changed the same.
 */
SADA_MUST int sada_sqlite_advance(int dirfd, const char *name,
    const struct sada_span *from, const struct sada_span *to,
    struct sada_err *err);

#endif

/*
 * What the parts of the SQLite driver share.  Functions that may find a
 * database unfit return 1: fine, 0: unfit (a conflict, never an accident of
 * this machine), or a negative code.
 */
#ifndef SADA_MERGE_SQLITE_PRIV_H
#define SADA_MERGE_SQLITE_PRIV_H

#include <stdint.h>

#include <sqlite3.h>

#include "merge/sqlite.h"

/*
 * No table needs more memory than this while it is merged or compared, on
 * each side: 48 MiB.
 */
#define SQ_TABLE_MAX ((size_t)48 << 20)
/* Steps of SQLite's machine that one merge, or one compare, may take. */
#define SQ_STEPS 400000000L
/* No text of the schema is longer. */
#define SQ_SQL_MAX 32768

/* A connection that trusts nothing in its database. */
struct sq {
	sqlite3 *db;
	long *steps;		/* left; shared by those of one operation */
};

/* Set up S, opened by the caller, for foreign contents.  1 0 SYS. */
int sada_sq_harden(struct sq *s, struct sada_err *err);
/*
 * Open a copy of IMAGE in memory; read-only unless ROOM > 0: then it may
 * grow to that many bytes.  Release with sada_sq_close().  1 0 SYS.
 */
int sada_sq_memory(struct sq *s, const struct sada_span *image, size_t room,
    long *steps, struct sada_err *err);
/* Close; an empty S is fine. */
void sada_sq_close(struct sq *s);
/* What SQLite's code RC means: 1 for OK, ROW and DONE; 0; SYS: no memory. */
int sada_sq_rc(int rc, struct sada_err *err);
/* Run one statement, its rows dropped.  1 0 SYS. */
int sada_sq_exec(struct sq *s, const char *sql, struct sada_err *err);
/*
 * Run one statement with up to one text argument ARG (or NULL).  *OUT is
 * the integer in the first column of its first row, 0 when NULL or no row;
 * the result is 2 when there was no row or a NULL.  1 2 0 SYS.
 */
int sada_sq_int(struct sq *s, const char *sql, const char *arg, int64_t *out,
    struct sada_err *err);
/* Does PRAGMA (integrity_check) say "ok"?  1 0 SYS. */
int sada_sq_check(struct sq *s, const char *pragma, struct sada_err *err);

/* How rows of a table are told apart. */
enum sq_kind {
	SQ_BAG = 1,		/* by all of their values */
	SQ_KEY,			/* by the declared primary key */
	SQ_INT			/* lone INTEGER PRIMARY KEY: the rowid */
};

struct sq_column {
	char *name;
	int pk;			/* place in the primary key from 1, or 0 */
};

/* One table: generated columns are left out, in all that follows too. */
struct sq_table {
	char *name;
	unsigned kind;		/* enum sq_kind */
	size_t n;
	struct sq_column *col;
	size_t npk;
	int bare;		/* WITHOUT ROWID */
	const char *rowid;	/* a name for it that no column has, or NULL */
};

/*
 * A row: its values one behind the other.  A value is a tag (0 NULL,
 * 1 integer, 2 real, 3 text, 4 blob), then for numbers 8 bytes, most
 * significant first, the sign bit of integers flipped; for text and blob a
 * length in 4 bytes and that many.  So equal bytes mean equal values, and
 * integers sort as numbers.
 */
struct sq_row {
	size_t key, cols;	/* where they start in bytes */
	uint32_t nkey, ncols;	/* how long they are */
	int64_t id;		/* rowid, or place in the table */
};

struct sq_rows {
	struct sada_buf bytes;
	struct sq_row *v;
	size_t n, cap;
	int doubtful;		/* a key holds NULL, or comes twice */
};

/* All tables but SQLite's own, by name. */
struct sq_tables {
	struct sq_table *v;
	size_t n, cap;
};

/*
 * The tables of S.  0 when it has what cannot be merged: virtual tables,
 * texts that are not UTF-8.  Release T in any case.  1 0 SYS.
 */
int sada_sq_tables(struct sq_tables *t, struct sq *s, struct sada_err *err);
/* Free what T holds. */
void sada_sq_tables_release(struct sq_tables *t);
/* Have A and B the same schema, versions and encoding?  1 0 SYS. */
int sada_sq_same_schema(struct sq *a, struct sq *b, struct sada_err *err);

/*
 * Load all rows of T into the empty ROWS, with keys by KIND, and sort them
 * by key.  0 also when they are too large.  1 0 SYS.
 */
int sada_sq_load(struct sq_rows *rows, struct sq *s,
    const struct sq_table *t, unsigned kind, struct sada_err *err);
/* As sada_sq_load() for a statement with N columns, as a bag. */
int sada_sq_load_sql(struct sq_rows *rows, struct sq *s, const char *sql,
    size_t n, struct sada_err *err);
/* Make ROWS a bag, and sort it again. */
void sada_sq_bag(struct sq_rows *rows);
/* Free what ROWS holds and make it empty. */
void sada_sq_rows_release(struct sq_rows *rows);
/* Bytes that the value at P takes. */
size_t sada_sq_value(const unsigned char *p);
/* Append the value of integer V. */
void sada_sq_integer(struct sada_buf *b, int64_t v);
/* Order of rows A of X and B of Y by their keys. */
int sada_sq_cmp(const struct sq_rows *x, const struct sq_row *a,
    const struct sq_rows *y, const struct sq_row *b);
/* Have all tables of A and B, and sqlite_sequence, equal rows?  1 0 SYS. */
int sada_sq_same_rows(struct sq *a, struct sq *b, const struct sq_tables *t,
    struct sada_err *err);
/* Has S a table of AUTOINCREMENT's numbers?  1 0 SYS. */
int sada_sq_has_sequence(struct sq *s, struct sada_err *err);

/* Append NAME as an SQL identifier. */
void sada_sq_ident(struct sada_buf *b, const char *name);
/* Prepare the insertion of one row into T.  1 0 SYS. */
int sada_sq_insert(sqlite3_stmt **out, struct sq *s,
    const struct sq_table *t, struct sada_err *err);
/* Insert the row with the N values at P.  1 0 SYS. */
int sada_sq_put(sqlite3_stmt *st, const unsigned char *p, size_t n,
    struct sada_err *err);
/* Bind the value at P as parameter I of ST; it must live until the step. */
int sada_sq_bind(sqlite3_stmt *st, int i, const unsigned char *p);

/* The sides of a merge; of the two, P has the lower bytes: it keeps keys. */
enum { SQ_BASE, SQ_P, SQ_Q, SQ_SIDES };

/*
 * As sada_merge_sqlite(); FIXED: side a counts as the first, whatever the
 * bytes.  1 0 SYS.
 */
int sada_sq_merge(struct sada_buf *out, const struct sada_three *in,
    unsigned fixed, struct sada_err *err);
/*
 * Make table T of OUT, a copy of the base, the merge of it in the SIDEs.
 * 1 0 SYS.
 */
int sada_sq_merge_table(struct sq *out, struct sq side[SQ_SIDES],
    const struct sq_table *t, struct sada_err *err);

/* One table while it is merged. */
struct sq_merging {
	struct sq *side, *out;	/* SQ_SIDES of them; where it is made */
	const struct sq_table *t;
	struct sq_rows rows[SQ_SIDES];
	sqlite3_stmt *put;
	struct sada_buf scratch;
};
/* Are rows R[A] and R[B] both missing, or equal? */
int sada_sq_row_same(const struct sq_merging *g,
    const struct sq_row *r[SQ_SIDES], int a, int b);
/*
 * Put the columns of the rows R together in the scratch; 0 when both sides
 * changed one differently, but of column SOFT P's is taken.
 */
int sada_sq_by_columns(struct sq_merging *g,
    const struct sq_row *r[SQ_SIDES], size_t soft);
/* Merge a table of kind INT.  1 0 SYS. */
int sada_sq_merge_ints(struct sq_merging *g, struct sada_err *err);

/* How to open a database on the disk. */
enum sq_how { SQ_READ = 1, SQ_WRITE };

/* A connection to a file in an open directory. */
struct sq_live;
/*
 * Open NAME in DIRFD.  *OUT is new; close it with sada_sq_live_close().
 * READ makes, removes and changes no file.  Returns SQLite's code.
 */
int sada_sq_live_open(struct sq_live **out, int dirfd, const char *name,
    unsigned how);
/* Its connection. */
sqlite3 *sada_sq_live_db(struct sq_live *l);
/* Close L; NULL is fine. */
void sada_sq_live_close(struct sq_live *l);
/*
 * Fill ERR from SQLite's code RC for database NAME: BUSY, LATER (must be
 * recovered), FORMAT (damaged), else SYS.  Returns the code.
 */
int sada_sq_live_fail(struct sada_err *err, int rc, const char *name,
    const char *what);

#endif

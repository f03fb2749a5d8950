/*
 * Change a database that others may have open into what an image holds:
 * the rows that it lacks and has too much, in one exclusive transaction.
 *
 * First all rows that must go are deleted, then all that must come are
 * inserted, so that no UNIQUE clashes for a moment.  Before the commit the
 * rows are compared once more: SQLite's own rules (affinities, ON CONFLICT)
 * must not have made something else of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/quote.h"
#include "merge/sqlite_priv.h"

#define WAIT_MS 2000

/* "cannot change database NAME: WHY", LATER. */
static int
later(const char *name, const char *why, struct sada_err *err)
{
	struct sada_buf q = {0};
	int rc;

	sada_quote(&q, name, strlen(name));
	rc = sada_err_set(err, SADA_LATER, "cannot change database %s: %s",
	    sada_buf_str(&q), why);
	sada_buf_release(&q);
	return rc;
}

/* Prepare the deletion of one row of T. */
static int
prepare_delete(sqlite3_stmt **out, struct sq *s, const struct sq_table *t,
    struct sada_err *err)
{
	struct sada_buf sql = {0};
	const char *and = " WHERE ";
	size_t i;
	int rc;

	*out = NULL;
	sada_buf_adds(&sql, "DELETE FROM main.");
	sada_sq_ident(&sql, t->name);
	if (!t->bare)
		sada_buf_addf(&sql, "%s%s = ?", and, t->rowid);
	for (i = 0; t->bare && i < t->n; i++) {
		if (t->col[i].pk == 0)
			continue;
		sada_buf_adds(&sql, and);
		sada_sq_ident(&sql, t->col[i].name);
		sada_buf_adds(&sql, " = ?");
		and = " AND ";
	}
	rc = sqlite3_prepare_v2(s->db, sada_buf_str(&sql), -1, out, NULL);
	sada_buf_release(&sql);
	return sada_sq_rc(rc, err);
}

/* Delete row R of T. */
static int
delete_row(sqlite3_stmt *st, const struct sq_table *t,
    const struct sq_rows *rows, const struct sq_row *r, struct sada_err *err)
{
	const unsigned char *p = rows->bytes.p + r->cols;
	int rc = SQLITE_OK, n = 0;
	size_t i;

	if (!t->bare)
		rc = sqlite3_bind_int64(st, 1, r->id);
	for (i = 0; t->bare && i < t->n && rc == SQLITE_OK; i++) {
		if (t->col[i].pk > 0)
			rc = sada_sq_bind(st, ++n, p);
		p += sada_sq_value(p);
	}
	if (rc == SQLITE_OK) {
		(void)sqlite3_step(st);
		rc = sqlite3_reset(st);
	}
	return sada_sq_rc(rc, err);
}

static int
by_id(const void *pa, const void *pb)
{
	const struct sq_row *const *a = pa, *const *b = pb;

	return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}

/* Make the rows of T in LIVE those in WANT. */
static int
change_table(struct sq *live, struct sq *want, const struct sq_table *t,
    struct sada_err *err)
{
	struct sq_rows x = {0}, y = {0};
	const struct sq_row **come = NULL;
	sqlite3_stmt *del = NULL, *put = NULL;
	size_t i = 0, k = 0, n = 0;
	int rc, c;

	if ((rc = sada_sq_load(&x, live, t, SQ_BAG, err)) <= 0 ||
	    (rc = sada_sq_load(&y, want, t, SQ_BAG, err)) <= 0 ||
	    (rc = prepare_delete(&del, live, t, err)) <= 0 ||
	    (rc = sada_sq_insert(&put, live, t, err)) <= 0)
		goto out;
	come = sada_calloc(y.n + 1, sizeof(*come));
	while (i < x.n || k < y.n) {
		c = i == x.n ? 1 : k == y.n ? -1 :
		    sada_sq_cmp(&x, &x.v[i], &y, &y.v[k]);
		if (c < 0 && (rc = delete_row(del, t, &x, &x.v[i],
		    err)) <= 0)
			goto out;
		if (c > 0)
			come[n++] = &y.v[k];
		i += c <= 0;
		k += c >= 0;
	}
	if (n > 1)
		qsort(come, n, sizeof(*come), by_id);
	for (i = 0; rc > 0 && i < n; i++)
		rc = sada_sq_put(put, y.bytes.p + come[i]->cols, t->n, err);
out:
	(void)sqlite3_finalize(del);
	(void)sqlite3_finalize(put);
	free(come);
	sada_sq_rows_release(&x);
	sada_sq_rows_release(&y);
	return rc;
}

/* AUTOINCREMENT's numbers, last: inserting changed them. */
static int
change_sequence(struct sq *live, struct sq *want, struct sada_err *err)
{
	struct sq_rows y = {0};
	sqlite3_stmt *st = NULL;
	size_t i;
	int rc;

	if ((rc = sada_sq_has_sequence(want, err)) <= 0)
		return rc < 0 ? rc : 1;
	if ((rc = sada_sq_load_sql(&y, want,
	    "SELECT name, seq FROM sqlite_sequence", 2, err)) <= 0 ||
	    (rc = sada_sq_exec(live, "DELETE FROM sqlite_sequence",
	    err)) <= 0 ||
	    (rc = sada_sq_rc(sqlite3_prepare_v2(live->db,
	    "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", -1, &st,
	    NULL), err)) <= 0)
		goto out;
	for (i = 0; rc > 0 && i < y.n; i++)
		rc = sada_sq_put(st, y.bytes.p + y.v[i].cols, 2, err);
out:
	(void)sqlite3_finalize(st);
	sada_sq_rows_release(&y);
	return rc;
}

struct install {
	const char *name;
	struct sq live, want, expect;
	struct sq_tables tables;
	const struct sada_span *from, *to;	/* advance, or NULL */
	long *steps;
};

/*
 * The images that are to be compared with; each step has steps of its own,
 * for the sizes differ.
 */
static int
open_images(struct install *w, const struct sada_span *expect,
    const struct sada_span *want, long *steps, struct sada_err *err)
{
	int rc;

	if ((rc = sada_sq_memory(&w->want, want, 0, steps, err)) > 0 &&
	    expect != NULL)
		rc = sada_sq_memory(&w->expect, expect, 0, steps, err);
	if (rc == 0)
		rc = sada_err_set(err, SADA_FORMAT,
		    "an image that is to be laid out is no database");
	return rc;
}

/*
 * The database was written since FROM: what is wanted is the merge of that
 * and of TO.  1 0 SYS.
 */
static int
both(struct install *w, struct sada_err *err)
{
	struct sada_three in = { .base = *w->from, .a = *w->to };
	struct sada_buf merged = {0};
	struct sada_span span;
	sqlite3_int64 n = 0;
	unsigned char *live;
	int rc;

	if ((live = sqlite3_serialize(w->live.db, "main", &n, 0)) == NULL)
		return sada_sq_rc(SQLITE_NOMEM, err);
	in.b.p = live;
	in.b.n = (size_t)n;
	if ((rc = sada_sq_merge(&merged, &in, 1, err)) > 0) {
		sada_sq_close(&w->want);
		span.p = merged.p;
		span.n = merged.len;
		rc = sada_sq_memory(&w->want, &span, 0, w->steps, err);
	}
	sqlite3_free(live);
	sada_buf_release(&merged);
	return rc;
}

/*
 * Is the database as EXPECT has it, if that matters?  When it is to be
 * advanced, what is wanted then holds what was written to it.  1 0 SYS.
 */
static int
is_expected(struct install *w, struct sada_err *err)
{
	int rc;

	if (w->expect.db == NULL)
		return 1;
	if ((rc = sada_sq_same_schema(&w->live, &w->expect, err)) <= 0 ||
	    (rc = sada_sq_same_rows(&w->live, &w->expect, &w->tables,
	    err)) != 0 || w->from == NULL)
		return rc;
	return both(w, err);
}

/* In the transaction: 1 changed, 2 nothing to do, or a code. */
static int
change(struct install *w, struct sada_err *err)
{
	const char *why = "its schema differs";
	size_t i;
	int rc;			/* 0: cannot, for the reason WHY */

	if ((rc = sada_sq_same_schema(&w->live, &w->want, err)) <= 0)
		goto out;
	why = "it cannot be changed row by row";
	if ((rc = sada_sq_tables(&w->tables, &w->live, err)) <= 0)
		goto out;
	if ((rc = sada_sq_same_rows(&w->live, &w->want, &w->tables,
	    err)) < 0)
		return rc;
	if (rc == 1)
		return 2;
	why = "it changed meanwhile";
	if ((rc = is_expected(w, err)) <= 0)
		goto out;
	why = "it cannot be changed row by row";
	for (i = 0; rc >= 0 && i < w->tables.n; i++)
		if ((rc = change_table(&w->live, &w->want, &w->tables.v[i],
		    err)) <= 0)
			goto out;
	if ((rc = change_sequence(&w->live, &w->want, err)) > 0)
		rc = sada_sq_same_rows(&w->live, &w->want, &w->tables, err);
out:
	if (rc != 0)
		return rc;
	switch (sqlite3_errcode(w->live.db)) {
	case SQLITE_IOERR:
	case SQLITE_FULL:
	case SQLITE_READONLY:
	case SQLITE_CORRUPT:
		return sada_sq_live_fail(err,
		    sqlite3_extended_errcode(w->live.db), w->name, "change");
	default:
		return later(w->name, why, err);
	}
}

/* Begin, change, commit; rolled back unless it returns 1 or 2. */
static int
transact(struct install *w, struct sada_err *err)
{
	sqlite3 *db = w->live.db;
	int rc, done;

	(void)sqlite3_busy_timeout(db, WAIT_MS);
	if ((rc = sada_sq_harden(&w->live, err)) < 0)
		return rc;
	if (rc == 0 || (rc = sqlite3_exec(db, "PRAGMA synchronous = EXTRA;"
	    "BEGIN EXCLUSIVE", NULL, NULL, NULL)) != SQLITE_OK)
		return sada_sq_live_fail(err, sqlite3_extended_errcode(db),
		    w->name, "change");
	done = change(w, err);
	if (done == 1 && (rc = sqlite3_exec(db, "COMMIT", NULL, NULL,
	    NULL)) != SQLITE_OK)
		done = sada_sq_live_fail(err, rc, w->name, "change");
	if (done != 1)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return done;
}

static int
install(struct install *w, int dirfd, const struct sada_span *expect,
    const struct sada_span *want, struct sada_err *err)
{
	struct sq_live *l = NULL;
	struct sada_stat st;
	long steps = 4 * SQ_STEPS;
	int rc;

	w->steps = &steps;
	if ((rc = sada_io_stat(dirfd, w->name, &st, err)) < 0)
		return rc;
	if ((rc = open_images(w, expect, want, &steps, err)) <= 0)
		goto out;
	if ((rc = sada_sq_live_open(&l, dirfd, w->name,
	    SQ_WRITE)) != SQLITE_OK) {
		rc = sada_sq_live_fail(err, rc, w->name, "change");
		goto out;
	}
	w->live.db = sada_sq_live_db(l);
	w->live.steps = &steps;
	rc = transact(w, err);
out:
	sada_sq_tables_release(&w->tables);
	sada_sq_close(&w->want);
	sada_sq_close(&w->expect);
	sada_sq_live_close(l);
	return rc < 0 ? rc : 0;
}

int
sada_sqlite_install(int dirfd, const char *name,
    const struct sada_span *expect, const struct sada_span *want,
    struct sada_err *err)
{
	struct install w = { .name = name };

	return install(&w, dirfd, expect, want, err);
}

int
sada_sqlite_advance(int dirfd, const char *name,
    const struct sada_span *from, const struct sada_span *to,
    struct sada_err *err)
{
	struct install w = { .name = name, .from = from, .to = to };

	return install(&w, dirfd, from, to, err);
}

/* Rows as bytes: load, sort, compare, put back. */
#include <stdlib.h>
#include <string.h>

#include "merge/sqlite_priv.h"

void
sada_sq_rows_release(struct sq_rows *rows)
{
	sada_buf_release(&rows->bytes);
	free(rows->v);
	memset(rows, 0, sizeof(*rows));
}

static void
put_be(struct sada_buf *b, uint64_t v, int bytes)
{
	while (bytes-- > 0)
		sada_put_u8(b, (uint8_t)(v >> 8 * bytes));
}

static uint64_t
get_be(const unsigned char *p, int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | *p++;
	return v;
}

#define SIGN (UINT64_C(1) << 63)

void
sada_sq_integer(struct sada_buf *b, int64_t v)
{
	sada_put_u8(b, 1);
	put_be(b, (uint64_t)v ^ SIGN, 8);
}

/* Append value I of ST; 0 when a library ran out of memory. */
static int
put_value(struct sada_buf *b, sqlite3_stmt *st, int i)
{
	int type = sqlite3_column_type(st, i), n;
	const void *p;
	uint64_t bits;
	double d;

	switch (type) {
	case SQLITE_INTEGER:
		sada_sq_integer(b, sqlite3_column_int64(st, i));
		return 1;
	case SQLITE_FLOAT:
		d = sqlite3_column_double(st, i);
		memcpy(&bits, &d, 8);
		sada_put_u8(b, 2);
		put_be(b, bits, 8);
		return 1;
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		p = type == SQLITE_TEXT ? (const void *)
		    sqlite3_column_text(st, i) : sqlite3_column_blob(st, i);
		n = sqlite3_column_bytes(st, i);
		if (p == NULL && n > 0)
			return 0;
		sada_put_u8(b, type == SQLITE_TEXT ? 3 : 4);
		put_be(b, (uint64_t)n, 4);
		if (n > 0)
			sada_buf_add(b, p, (size_t)n);
		return 1;
	default:
		sada_put_u8(b, 0);
		return 1;
	}
}

size_t
sada_sq_value(const unsigned char *p)
{
	switch (*p) {
	case 0:
		return 1;
	case 1:
	case 2:
		return 9;
	default:
		return 5 + (size_t)get_be(p + 1, 4);
	}
}

int
sada_sq_bind(sqlite3_stmt *st, int i, const unsigned char *p)
{
	uint64_t bits;
	double d;
	int n;

	switch (*p) {
	case 0:
		return sqlite3_bind_null(st, i);
	case 1:
		return sqlite3_bind_int64(st, i,
		    (sqlite3_int64)(get_be(p + 1, 8) ^ SIGN));
	case 2:
		bits = get_be(p + 1, 8);
		memcpy(&d, &bits, 8);
		return sqlite3_bind_double(st, i, d);
	default:
		n = (int)get_be(p + 1, 4);
		return *p == 3 ? sqlite3_bind_text(st, i,
		    (const char *)p + 5, n, SQLITE_STATIC) :
		    sqlite3_bind_blob(st, i, p + 5, n, SQLITE_STATIC);
	}
}

int
sada_sq_cmp(const struct sq_rows *x, const struct sq_row *a,
    const struct sq_rows *y, const struct sq_row *b)
{
	size_t n = a->nkey < b->nkey ? a->nkey : b->nkey;
	int c = memcmp(x->bytes.p + a->key, y->bytes.p + b->key, n);

	if (c != 0)
		return c;
	return (a->nkey > b->nkey) - (a->nkey < b->nkey);
}

static int
by_key(const void *pa, const void *pb, void *ctx)
{
	const struct sq_row *a = pa, *b = pb;
	const struct sq_rows *rows = ctx;
	int c = sada_sq_cmp(rows, a, rows, b);

	return c != 0 ? c : (a->id > b->id) - (a->id < b->id);
}

static void
sort(struct sq_rows *rows)
{
	if (rows->n > 1)
		qsort_r(rows->v, rows->n, sizeof(*rows->v), by_key, rows);
}

void
sada_sq_bag(struct sq_rows *rows)
{
	size_t i;

	for (i = 0; i < rows->n; i++) {
		rows->v[i].key = rows->v[i].cols;
		rows->v[i].nkey = rows->v[i].ncols;
	}
	sort(rows);
}

/*
 * Add the row that ST stands on: N values from column FIRST, which is 1
 * when column 0 is the rowid; PK[I] is the column of the I-th part of the
 * key.  1, 0: too large, SYS.
 */
static int
add_row(struct sq_rows *rows, sqlite3_stmt *st, int first, size_t n,
    const size_t *pk, size_t npk, struct sada_err *err)
{
	struct sq_row r = {0};
	struct sada_buf *b = &rows->bytes;
	size_t i, start = b->len;
	int ok = 1;

	r.id = first ? sqlite3_column_int64(st, 0) : (int64_t)rows->n;
	for (i = 0; ok && i < npk; i++) {
		ok = put_value(b, st, first + (int)pk[i]);
		if (sqlite3_column_type(st, first + (int)pk[i]) ==
		    SQLITE_NULL)
			rows->doubtful = 1;
	}
	r.key = start;
	r.nkey = (uint32_t)(b->len - start);
	r.cols = b->len;
	for (i = 0; ok && i < n; i++) {
		ok = put_value(b, st, first + (int)i);
		if (b->len > SQ_TABLE_MAX)
			return 0;
	}
	if (!ok)
		return sada_sq_rc(SQLITE_NOMEM, err);
	r.ncols = (uint32_t)(b->len - r.cols);
	if (npk == 0) {
		r.key = r.cols;
		r.nkey = r.ncols;
	}
	rows->v = sada_grow(rows->v, &rows->cap, rows->n + 1,
	    sizeof(*rows->v));
	rows->v[rows->n++] = r;
	return b->len + rows->n * sizeof(r) <= SQ_TABLE_MAX;
}

static int
load(struct sq_rows *rows, struct sq *s, const char *sql, int first,
    size_t n, const size_t *pk, size_t npk, struct sada_err *err)
{
	sqlite3_stmt *st = NULL;
	size_t i;
	int rc, got;

	rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
	if ((rc = sada_sq_rc(rc, err)) <= 0)
		goto out;
	while ((got = sqlite3_step(st)) == SQLITE_ROW)
		if ((rc = add_row(rows, st, first, n, pk, npk, err)) <= 0)
			goto out;
	if ((rc = sada_sq_rc(got, err)) <= 0)
		goto out;
	sort(rows);
	for (i = 1; npk > 0 && i < rows->n; i++)
		if (sada_sq_cmp(rows, &rows->v[i - 1], rows,
		    &rows->v[i]) == 0)
			rows->doubtful = 1;
out:
	(void)sqlite3_finalize(st);
	return rc;
}

int
sada_sq_load_sql(struct sq_rows *rows, struct sq *s, const char *sql,
    size_t n, struct sada_err *err)
{
	return load(rows, s, sql, 0, n, NULL, 0, err);
}

void
sada_sq_ident(struct sada_buf *b, const char *name)
{
	sada_buf_adds(b, "\"");
	for (; *name != '\0'; name++)
		sada_buf_add(b, *name == '"' ? "\"\"" : name,
		    *name == '"' ? 2 : 1);
	sada_buf_adds(b, "\"");
}

int
sada_sq_load(struct sq_rows *rows, struct sq *s, const struct sq_table *t,
    unsigned kind, struct sada_err *err)
{
	struct sada_buf sql = {0};
	size_t *pk = NULL, i;
	int rc;

	sada_buf_adds(&sql, "SELECT ");
	if (!t->bare)
		sada_buf_addf(&sql, "%s, ", t->rowid);
	if (kind != SQ_BAG)
		pk = sada_calloc(t->npk, sizeof(*pk));
	for (i = 0; i < t->n; i++) {
		if (i > 0)
			sada_buf_adds(&sql, ", ");
		sada_sq_ident(&sql, t->col[i].name);
		if (pk != NULL && t->col[i].pk > 0 &&
		    (size_t)t->col[i].pk <= t->npk)
			pk[t->col[i].pk - 1] = i;
	}
	/* Not from an index: whether that agrees nobody has checked. */
	sada_buf_adds(&sql, " FROM main.");
	sada_sq_ident(&sql, t->name);
	sada_buf_adds(&sql, " NOT INDEXED");
	rc = load(rows, s, sada_buf_str(&sql), !t->bare, t->n, pk,
	    pk != NULL ? t->npk : 0, err);
	free(pk);
	sada_buf_release(&sql);
	return rc;
}

int
sada_sq_insert(sqlite3_stmt **out, struct sq *s, const struct sq_table *t,
    struct sada_err *err)
{
	struct sada_buf sql = {0};
	size_t i;
	int rc;

	*out = NULL;
	/* ABORT: whatever ON CONFLICT the schema has. */
	sada_buf_adds(&sql, "INSERT OR ABORT INTO main.");
	sada_sq_ident(&sql, t->name);
	for (i = 0; i < t->n; i++) {
		sada_buf_adds(&sql, i > 0 ? ", " : " (");
		sada_sq_ident(&sql, t->col[i].name);
	}
	sada_buf_adds(&sql, ") VALUES (?");
	for (i = 1; i < t->n; i++)
		sada_buf_adds(&sql, ", ?");
	sada_buf_adds(&sql, ")");
	rc = sqlite3_prepare_v2(s->db, sada_buf_str(&sql), -1, out, NULL);
	sada_buf_release(&sql);
	return sada_sq_rc(rc, err);
}

int
sada_sq_put(sqlite3_stmt *st, const unsigned char *p, size_t n,
    struct sada_err *err)
{
	int rc = SQLITE_OK, i;

	for (i = 1; rc == SQLITE_OK && (size_t)i <= n; i++) {
		rc = sada_sq_bind(st, i, p);
		p += sada_sq_value(p);
	}
	if (rc == SQLITE_OK) {
		(void)sqlite3_step(st);
		rc = sqlite3_reset(st);
	}
	return sada_sq_rc(rc, err);
}

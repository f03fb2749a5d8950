/* Databases for tests: made by SQL, as images; what a query says of one. */
#ifndef SADA_UNIT_SQLITE_UTIL_H
#define SADA_UNIT_SQLITE_UTIL_H

/* For the session extension, where a test compares with it. */
#define SQLITE_ENABLE_SESSION 1
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

#include "base/buf.h"
#include "merge/sqlite.h"
#include "tap.h"

static inline void
db_must(sqlite3 *db, int rc, const char *what)
{
	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return;
	printf("Bail out! %s: %s\n", what,
	    db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
	exit(2);
}

/* A connection to a copy of IMG in memory, or to an empty database. */
static inline sqlite3 *
db_open(const struct sada_buf *img)
{
	sqlite3 *db;
	unsigned char *p;

	db_must(NULL, sqlite3_open(":memory:", &db), "open");
	if (img == NULL || img->len == 0)
		return db;
	p = sqlite3_malloc64(img->len);
	memcpy(p, img->p, img->len);
	p[18] = p[19] = 1;
	db_must(db, sqlite3_deserialize(db, "main", p,
	    (sqlite3_int64)img->len, (sqlite3_int64)img->len,
	    SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE),
	    "deserialize");
	return db;
}

static inline void
db_exec(sqlite3 *db, const char *sql)
{
	db_must(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

/* Put the image of DB in IMG. */
static inline void
db_image(sqlite3 *db, struct sada_buf *img)
{
	sqlite3_int64 n;
	unsigned char *p = sqlite3_serialize(db, "main", &n, 0);

	db_must(db, p != NULL ? SQLITE_OK : SQLITE_NOMEM, "serialize");
	sada_buf_reset(img);
	sada_buf_add(img, p, (size_t)n);
	sqlite3_free(p);
}

/* IMG = FROM (or an empty database) after SQL. */
static inline void
db_make(struct sada_buf *img, const struct sada_buf *from, const char *sql)
{
	sqlite3 *db = db_open(from);

	db_exec(db, sql);
	db_image(db, img);
	(void)sqlite3_close(db);
}

/* What QUERY says: values with '|' between, rows with ';' between. */
static inline void
db_ask(struct sada_buf *out, sqlite3 *db, const char *query)
{
	sqlite3_stmt *st;
	const char *v;
	int i, rc, row = 0;

	sada_buf_reset(out);
	db_must(db, sqlite3_prepare_v2(db, query, -1, &st, NULL), query);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (row++ > 0)
			sada_buf_adds(out, ";");
		for (i = 0; i < sqlite3_column_count(st); i++) {
			v = (const char *)sqlite3_column_text(st, i);
			if (i > 0)
				sada_buf_adds(out, "|");
			sada_buf_adds(out, v != NULL ? v : "NULL");
		}
	}
	db_must(db, rc, query);
	(void)sqlite3_finalize(st);
	(void)sada_buf_str(out);
}

static inline void
db_ask_image(struct sada_buf *out, const struct sada_buf *img,
    const char *query)
{
	sqlite3 *db = db_open(img);

	db_ask(out, db, query);
	(void)sqlite3_close(db);
}

static inline struct sada_span
span(const struct sada_buf *b)
{
	struct sada_span s = { b->p, b->len };

	return s;
}

/*
 * Merge both ways round and twice; all four must agree to the byte.  The
 * answer of the first.
 */
static inline int
merge_all_ways(struct sada_buf *out, const struct sada_buf *base,
    const struct sada_buf *a, const struct sada_buf *b)
{
	struct sada_three in = { span(base), span(a), span(b) };
	struct sada_three turned = { span(base), span(b), span(a) };
	struct sada_buf other = {0};
	struct sada_err err = {0};
	int rc, i;

	sada_buf_reset(out);
	rc = sada_merge_sqlite(out, &in, &err);
	for (i = 0; i < 3; i++) {
		sada_buf_reset(&other);
		CHECK_INT(sada_merge_sqlite(&other, i == 1 ? &in : &turned,
		    &err), rc);
		CHECK(out->len == other.len && (out->len == 0 ||
		    memcmp(out->p, other.p, out->len) == 0));
	}
	CHECK(rc >= 0);
	CHECK(rc == 1 || out->len == 0);
	sada_buf_release(&other);
	return rc;
}

/* integrity_check and foreign_key_check of IMG. */
static inline void
check_sound(const struct sada_buf *img)
{
	struct sada_buf text = {0};

	db_ask_image(&text, img, "PRAGMA integrity_check");
	CHECK_STR((char *)text.p, "ok");
	db_ask_image(&text, img, "PRAGMA foreign_key_check");
	CHECK_STR((char *)text.p, "");
	sada_buf_release(&text);
}

#endif

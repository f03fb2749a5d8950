/*
 * The row-wise merge against SQLite's own session extension: where that
 * carries the changes of one side over to the other without a conflict, the
 * merge must come to the same rows.
 */
#include "sqlite_util.h"

static const char *const tables[] = { "t", "k", "w" };

static int
on_conflict(void *ctx, int what, sqlite3_changeset_iter *it)
{
	int *conflicts = ctx;

	(void)what;
	(void)it;
	++*conflicts;
	return SQLITE_CHANGESET_ABORT;
}

/* Put A with the changes from BASE to B in OUT; 0: they conflict. */
static int
carry_over(struct sada_buf *out, const struct sada_buf *base,
    const struct sada_buf *a, const struct sada_buf *b)
{
	sqlite3 *db = db_open(b), *to = db_open(a);
	sqlite3_session *s;
	unsigned char *p;
	char *why = NULL;
	void *set;
	int n, conflicts = 0, rc;
	size_t i;

	db_exec(db, "ATTACH ':memory:' AS base");
	p = sqlite3_malloc64(base->len);
	memcpy(p, base->p, base->len);
	db_must(db, sqlite3_deserialize(db, "base", p,
	    (sqlite3_int64)base->len, (sqlite3_int64)base->len,
	    SQLITE_DESERIALIZE_FREEONCLOSE), "base");
	db_must(db, sqlite3session_create(db, "main", &s), "session");
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		db_must(db, sqlite3session_attach(s, tables[i]), "attach");
		db_must(db, sqlite3session_diff(s, "base", tables[i], &why),
		    "diff");
	}
	db_must(db, sqlite3session_changeset(s, &n, &set), "changeset");
	rc = sqlite3changeset_apply(to, n, set, NULL, on_conflict,
	    &conflicts);
	if (conflicts == 0)
		db_must(to, rc, "apply");
	db_image(to, out);
	sqlite3_free(set);
	sqlite3session_delete(s);
	(void)sqlite3_close(db);
	(void)sqlite3_close(to);
	return conflicts == 0;
}

static void
edit(struct sada_buf *img, const struct sada_buf *from, size_t steps,
    size_t first)
{
	sqlite3 *db = db_open(from);
	const char *t;
	char sql[200];
	size_t i, id;

	for (i = 0; i < steps; i++) {
		t = tables[tap_below(3)];
		id = tap_below(60);
		switch (tap_below(5)) {
		case 0:
			(void)snprintf(sql, sizeof(sql), "INSERT OR IGNORE "
			    "INTO %s(id, x, y) VALUES(%zu, 'n%zu', %zu)", t,
			    first + i, first + i, id);
			break;
		case 1:
			(void)snprintf(sql, sizeof(sql),
			    "DELETE FROM %s WHERE id=%zu", t, id);
			break;
		case 2:
			(void)snprintf(sql, sizeof(sql),
			    "UPDATE %s SET id=id+1000 WHERE id=%zu", t, id);
			break;
		default:
			(void)snprintf(sql, sizeof(sql), "UPDATE %s SET %s="
			    "%zu WHERE id=%zu", t, tap_below(2) ? "y" : "z",
			    tap_below(9), id);
			break;
		}
		db_exec(db, sql);
	}
	db_image(db, img);
	(void)sqlite3_close(db);
}

int
main(void)
{
	struct sada_buf base = {0}, a = {0}, b = {0}, theirs = {0}, ours = {0};
	struct sada_span x, y;
	struct sada_err err = {0};
	int i, same = 0, rounds = 300;

	tap_seed(3);
	for (i = 0; i < rounds; i++) {
		db_make(&base, NULL, "CREATE TABLE t(id INTEGER PRIMARY KEY, "
		    "x UNIQUE, y, z); CREATE TABLE k(id TEXT, x, y, z, "
		    "PRIMARY KEY(id, x)); CREATE TABLE w(x, id PRIMARY KEY, "
		    "y, z) WITHOUT ROWID; WITH RECURSIVE n(i) AS (SELECT 1 "
		    "UNION ALL SELECT i+1 FROM n WHERE i<60) INSERT INTO t "
		    "SELECT i, 'x'||i, 1, 1 FROM n; INSERT INTO k SELECT * "
		    "FROM t; INSERT INTO w SELECT x, id, y, z FROM t");
		edit(&a, &base, tap_below(20), 100);
		edit(&b, &base, tap_below(20), 200);
		if (!carry_over(&theirs, &base, &a, &b))
			continue;
		same++;
		CHECK_INT(merge_all_ways(&ours, &base, &a, &b), 1);
		check_sound(&ours);
		x = span(&ours);
		y = span(&theirs);
		CHECK_INT(sada_sqlite_equal(&x, &y, &err), 1);
	}
	printf("# %d of %d without a conflict\n", same, rounds);
	CHECK(same > rounds / 4);
	sada_buf_release(&base);
	sada_buf_release(&a);
	sada_buf_release(&b);
	sada_buf_release(&theirs);
	sada_buf_release(&ours);
	return tap_done();
}

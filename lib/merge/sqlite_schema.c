/* Which tables a database has, what their keys are, and equal schemas. */
#include <stdlib.h>
#include <string.h>

#include "merge/sqlite_priv.h"

void
sada_sq_tables_release(struct sq_tables *t)
{
	size_t i, k;

	for (i = 0; i < t->n; i++) {
		for (k = 0; k < t->v[i].n; k++)
			free(t->v[i].col[k].name);
		free(t->v[i].col);
		free(t->v[i].name);
	}
	free(t->v);
	memset(t, 0, sizeof(*t));
}

/* A name for the rowid of T that none of its columns has. */
static const char *
rowid_name(const struct sq_table *t, sqlite3_stmt *all)
{
	static const char *const name[] = { "_rowid_", "rowid", "oid" };
	int taken[3] = { 0, 0, 0 }, i;
	const char *c;

	(void)t;
	while (sqlite3_step(all) == SQLITE_ROW) {
		c = (const char *)sqlite3_column_text(all, 0);
		for (i = 0; c != NULL && i < 3; i++)
			taken[i] |= sqlite3_stricmp(c, name[i]) == 0;
	}
	for (i = 0; i < 3; i++)
		if (!taken[i])
			return name[i];
	return NULL;
}

/* The columns of T, which has its name already. */
static int
get_columns(struct sq_table *t, struct sq *s, struct sada_err *err)
{
	sqlite3_stmt *st = NULL;
	struct sq_column *c;
	const char *name;
	size_t cap = 0;
	int64_t autoindex;
	int rc;

	rc = sqlite3_prepare_v2(s->db, "SELECT name, pk, hidden "
	    "FROM pragma_table_xinfo(?1) ORDER BY cid", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(st, 1, t->name, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(st, 0);
		rc = name == NULL ? SQLITE_NOMEM : SQLITE_OK;
		if (rc != SQLITE_OK || sqlite3_column_int(st, 2) != 0)
			continue;
		t->col = sada_grow(t->col, &cap, t->n + 1, sizeof(*t->col));
		c = &t->col[t->n++];
		c->name = sada_strdup(name);
		c->pk = sqlite3_column_int(st, 1);
		t->npk += c->pk > 0;
	}
	if (rc == SQLITE_DONE)
		rc = sqlite3_reset(st);
	if (rc == SQLITE_OK && !t->bare)
		t->rowid = rowid_name(t, st);
	(void)sqlite3_finalize(st);
	if ((rc = sada_sq_rc(rc, err)) <= 0)
		return rc;
	/* A primary key with an index of its own is not the rowid. */
	if ((rc = sada_sq_int(s, "SELECT count(*) FROM pragma_index_list(?1) "
	    "WHERE origin = 'pk'", t->name, &autoindex, err)) <= 0)
		return rc;
	t->kind = t->npk == 0 ? SQ_BAG : t->npk == 1 && !t->bare &&
	    autoindex == 0 ? SQ_INT : SQ_KEY;
	/* Without columns that we may set, or with no handle on its rows. */
	return t->n > 0 && (t->bare || t->rowid != NULL);
}

int
sada_sq_tables(struct sq_tables *t, struct sq *s, struct sada_err *err)
{
	sqlite3_stmt *st = NULL;
	struct sq_table *one;
	const char *name, *type;
	int64_t n;
	int rc;

	if ((rc = sada_sq_int(s, "SELECT count(*) FROM pragma_encoding "
	    "WHERE encoding = 'UTF-8'", NULL, &n, err)) <= 0)
		return rc;
	if (n != 1)
		return 0;
	rc = sqlite3_prepare_v2(s->db, "SELECT name, type, wr "
	    "FROM pragma_table_list WHERE schema = 'main' AND "
	    "type <> 'view' ORDER BY name", -1, &st, NULL);
	if ((rc = sada_sq_rc(rc, err)) <= 0)
		goto out;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(st, 0);
		type = (const char *)sqlite3_column_text(st, 1);
		if (name == NULL || type == NULL) {
			rc = SQLITE_NOMEM;
			break;
		}
		if (sqlite3_strnicmp(name, "sqlite_", 7) == 0)
			continue;
		if (strcmp(type, "table") != 0) {
			rc = 0;
			goto out;
		}
		t->v = sada_grow(t->v, &t->cap, t->n + 1, sizeof(*t->v));
		one = &t->v[t->n++];
		memset(one, 0, sizeof(*one));
		one->name = sada_strdup(name);
		one->bare = sqlite3_column_int(st, 2);
		if ((rc = get_columns(one, s, err)) <= 0)
			goto out;
	}
	rc = sada_sq_rc(rc, err);
out:
	(void)sqlite3_finalize(st);
	return rc;
}

int
sada_sq_same_schema(struct sq *a, struct sq *b, struct sada_err *err)
{
	static const char *const number[] = {
		"PRAGMA user_version", "PRAGMA application_id"
	};
	static const char sql[] = "SELECT type, name, tbl_name, sql "
	    "FROM sqlite_schema WHERE tbl_name NOT IN ('sqlite_stat1', "
	    "'sqlite_stat2', 'sqlite_stat3', 'sqlite_stat4')";
	struct sq_rows x = {0}, y = {0};
	int64_t m, n;
	size_t i;
	int rc;

	for (i = 0; i < 2; i++) {
		if ((rc = sada_sq_int(a, number[i], NULL, &m, err)) <= 0 ||
		    (rc = sada_sq_int(b, number[i], NULL, &n, err)) <= 0)
			goto out;
		if (m != n) {
			rc = 0;
			goto out;
		}
	}
	if ((rc = sada_sq_load_sql(&x, a, sql, 4, err)) <= 0 ||
	    (rc = sada_sq_load_sql(&y, b, sql, 4, err)) <= 0)
		goto out;
	rc = x.n == y.n;
	for (i = 0; rc == 1 && i < x.n; i++)
		rc = sada_sq_cmp(&x, &x.v[i], &y, &y.v[i]) == 0;
out:
	sada_sq_rows_release(&x);
	sada_sq_rows_release(&y);
	return rc;
}

int
sada_sq_has_sequence(struct sq *s, struct sada_err *err)
{
	int64_t n;
	int rc;

	rc = sada_sq_int(s, "SELECT count(*) FROM sqlite_schema "
	    "WHERE name = 'sqlite_sequence' AND type = 'table'", NULL, &n,
	    err);
	return rc <= 0 ? rc : n > 0;
}

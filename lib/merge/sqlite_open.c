/*
 * Databases in memory that trust nothing in their bytes: the same on every
 * connection, that to a live file too.
 */
#include <string.h>

#include "merge/sqlite_priv.h"

/*
 * The functions that a schema (CHECK, an index on an expression, a
 * generated column) may call, and what the statements here and VACUUM need.
 * All take time linear in what they are given and make no more than twice
 * that; every other answers with an error.  Those that not every library
 * has, or lets a foreign schema call (JSON's), are not here either.
 */
static const char *const allowed[] = {
	"abs", "coalesce", "count", "date", "datetime", "glob", "hex",
	"ifnull", "iif", "julianday", "length", "like", "likelihood",
	"likely", "lower", "ltrim", "max", "min", "nullif", "quote", "round",
	"rtrim", "sign", "strftime", "substr", "substring", "time", "trim",
	"typeof", "unicode", "unlikely", "upper"
};

static int
is_allowed(const char *name, int nargs)
{
	size_t i;

	/* With a set of characters to trim: a product of two lengths. */
	if (nargs == 2 && strstr(name, "trim") != NULL)
		return 0;
	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(name, allowed[i]) == 0)
			return 1;
	return 0;
}

static void
refuse(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	(void)n;
	(void)v;
	sqlite3_result_error(ctx, "not for a foreign schema", -1);
}

/*
 * Put an error in the place of each function that is not allowed.  They are
 * listed by an empty database, for a statement would read the schema.
 */
static int
refuse_functions(sqlite3 *db)
{
	sqlite3 *empty = NULL;
	sqlite3_stmt *st = NULL;
	struct sada_buf list = {0};
	const char *name, *p;
	int rc, nargs;

	if ((rc = sqlite3_open_v2(":memory:", &empty, SQLITE_OPEN_READWRITE,
	    NULL)) != SQLITE_OK ||
	    (rc = sqlite3_prepare_v2(empty, "SELECT DISTINCT name, narg "
	    "FROM pragma_function_list", -1, &st, NULL)) != SQLITE_OK)
		goto out;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		name = (const char *)sqlite3_column_text(st, 0);
		nargs = sqlite3_column_int(st, 1);
		if (name == NULL || is_allowed(name, nargs))
			continue;
		sada_put_u8(&list, (uint8_t)(nargs + 1));
		sada_buf_add(&list, name, strlen(name) + 1);
	}
	if (rc != SQLITE_DONE || (rc = sqlite3_finalize(st)) != SQLITE_OK) {
		st = NULL;
		goto out;
	}
	st = NULL;
	p = (const char *)list.p;
	while (rc == SQLITE_OK && p < (const char *)list.p + list.len) {
		nargs = (unsigned char)*p - 1;
		rc = sqlite3_create_function_v2(db, p + 1, nargs,
		    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
		    NULL, refuse, NULL, NULL, NULL);
		p += strlen(p + 1) + 2;
	}
out:
	(void)sqlite3_finalize(st);
	(void)sqlite3_close_v2(empty);
	sada_buf_release(&list);
	return rc;
}

#define TICK 1024

static int
tick(void *ctx)
{
	long *steps = ctx;

	*steps -= TICK;
	return *steps < 0;
}

int
sada_sq_rc(int rc, struct sada_err *err)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 1;
	case SQLITE_NOMEM:
		return sada_err_set(err, SADA_SYS,
		    "cannot read a database: out of memory");
	default:
		return 0;
	}
}

int
sada_sq_exec(struct sq *s, const char *sql, struct sada_err *err)
{
	return sada_sq_rc(sqlite3_exec(s->db, sql, NULL, NULL, NULL), err);
}

int
sada_sq_int(struct sq *s, const char *sql, const char *arg, int64_t *out,
    struct sada_err *err)
{
	sqlite3_stmt *st = NULL;
	int rc, found = 0;

	*out = 0;
	rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK && arg != NULL)
		rc = sqlite3_bind_text(st, 1, arg, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK &&
	    (rc = sqlite3_step(st)) == SQLITE_ROW &&
	    sqlite3_column_type(st, 0) != SQLITE_NULL) {
		found = 1;
		*out = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	rc = sada_sq_rc(rc, err);
	return rc <= 0 || found ? rc : 2;
}

int
sada_sq_check(struct sq *s, const char *pragma, struct sada_err *err)
{
	sqlite3_stmt *st = NULL;
	const char *text;
	int rc, ok = 0;

	rc = sqlite3_prepare_v2(s->db, pragma, -1, &st, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		ok = text != NULL && strcmp(text, "ok") == 0;
		rc = sqlite3_step(st);
	}
	(void)sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		ok = 0;
	rc = sada_sq_rc(rc, err);
	return rc < 0 ? rc : rc && ok;
}

/* Switches and limits; before the schema is read for the first time. */
static int
restrict_db(sqlite3 *db)
{
	static const struct { int op, on; } config[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
	};
	static const struct { int id, max; } limit[] = {
		{ SQLITE_LIMIT_LENGTH, 2 * (int)SADA_MERGE_MAX },
		{ SQLITE_LIMIT_SQL_LENGTH, SQ_SQL_MAX },
		{ SQLITE_LIMIT_EXPR_DEPTH, 100 },
		{ SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100 },
		{ SQLITE_LIMIT_ATTACHED, 1 },	/* what VACUUM needs */
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 },
	};
	size_t i;
	int rc = SQLITE_OK;

	for (i = 0; i < sizeof(config) / sizeof(config[0]); i++)
		if (rc == SQLITE_OK)
			rc = sqlite3_db_config(db, config[i].op,
			    config[i].on, NULL);
	for (i = 0; i < sizeof(limit) / sizeof(limit[0]); i++)
		(void)sqlite3_limit(db, limit[i].id, limit[i].max);
	return rc;
}

int
sada_sq_harden(struct sq *s, struct sada_err *err)
{
	int rc;

	if ((rc = refuse_functions(s->db)) == SQLITE_OK)
		rc = restrict_db(s->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "PRAGMA cell_size_check = ON;"
		    "PRAGMA secure_delete = ON;"
		    "PRAGMA temp_store = MEMORY;"
		    "PRAGMA mmap_size = 0", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		sqlite3_progress_handler(s->db, TICK, tick, s->steps);
	return sada_sq_rc(rc, err);
}

/* Give the connection its own copy of the image. */
static int
give(struct sq *s, const struct sada_span *image, size_t room)
{
	sqlite3_int64 max = (sqlite3_int64)room;
	unsigned flags = SQLITE_DESERIALIZE_FREEONCLOSE;
	unsigned char *copy;
	int rc;

	if ((copy = sqlite3_malloc64(image->n)) == NULL)
		return SQLITE_NOMEM;
	memcpy(copy, image->p, image->n);
	copy[18] = copy[19] = 1;	/* memory has no WAL */
	flags |= room > 0 ? SQLITE_DESERIALIZE_RESIZEABLE :
	    SQLITE_DESERIALIZE_READONLY;
	/* It frees the copy even when it fails. */
	rc = sqlite3_deserialize(s->db, "main", copy,
	    (sqlite3_int64)image->n, (sqlite3_int64)image->n, flags);
	if (rc == SQLITE_OK && room > 0)
		rc = sqlite3_file_control(s->db, "main",
		    SQLITE_FCNTL_SIZE_LIMIT, &max);
	return rc;
}

/* Page size of the image that starts at H. */
static size_t
page_size(const unsigned char *h)
{
	size_t n = (size_t)h[16] << 8 | h[17];

	return n == 1 ? 65536 : n;
}

int
sada_sq_memory(struct sq *s, const struct sada_span *image, size_t room,
    long *steps, struct sada_err *err)
{
	int rc;

	s->db = NULL;
	s->steps = steps;
	if (!sada_sqlite_is(image->p, image->n) ||
	    image->n % page_size(image->p) != 0)
		return 0;
	if ((rc = sada_sq_rc(sqlite3_open_v2(":memory:", &s->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), err)) <= 0 ||
	    (rc = sada_sq_harden(s, err)) <= 0 ||
	    (rc = sada_sq_rc(give(s, image, room), err)) <= 0)
		return rc;
	if (room > 0)
		return sada_sq_exec(s, "PRAGMA journal_mode = MEMORY;"
		    "PRAGMA synchronous = OFF", err);
	/* Not quick_check: 3.40's sees NULLs in keys WITHOUT ROWID. */
	return sada_sq_check(s, "PRAGMA integrity_check(1)", err);
}

void
sada_sq_close(struct sq *s)
{
	(void)sqlite3_close_v2(s->db);
	s->db = NULL;
}

/*
 * One consistent image of a database that others may be writing.
 *
 * With a rollback journal, or a WAL that is there: SQLite reads all pages
 * in one read transaction.  A database in WAL mode without a WAL is open
 * nowhere, and SQLite could not read it without making one: its file is
 * read as it is, between two equal stats.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/quote.h"
#include "merge/sqlite_priv.h"

#define TRIES 20
#define NAP_MS 50
/* Writers that commit without end leave short gaps: look for them often. */
#define POLL_MS 1
#define POLLS 2000
/* A clock tick of the file system, and some. */
#define FRESH_NS 50000000

struct capture {
	struct sada_buf *out;
	int dirfd;
	const char *name;
	size_t max;
	struct sada_stat st;	/* of the file, before anything else */
};

static int
plain(const char *name, const char *why, struct sada_err *err)
{
	struct sada_buf q = {0};
	int rc;

	sada_quote(&q, name, strlen(name));
	rc = sada_err_set(err, SADA_FORMAT, "%s %s", sada_buf_str(&q), why);
	sada_buf_release(&q);
	return rc;
}

/* Size of the file NAME with SUFFIX: 0 also when there is none. */
static int
sibling(const struct capture *c, unsigned suffix, uint64_t *size, int *there,
    struct sada_err *err)
{
	struct sada_buf name = {0};
	struct sada_stat st;
	int rc;

	*size = 0;
	*there = 0;
	sada_buf_adds(&name, c->name);
	sada_buf_adds(&name, sada_sqlite_busy_name(suffix));
	rc = sada_io_stat(c->dirfd, sada_buf_str(&name), &st, err);
	sada_buf_release(&name);
	if (rc == SADA_NOTFOUND || (rc < 0 && err->sys == ENAMETOOLONG))
		return 0;
	if (rc == 0) {
		*there = 1;
		*size = st.size;
	}
	return rc;
}

/* Read the header; 1: in WAL mode, 0: not.  FORMAT: no database. */
static int
look(struct capture *c, struct sada_err *err)
{
	unsigned char h[100];
	size_t got;
	int fd = -1, rc;

	if ((rc = sada_io_stat(c->dirfd, c->name, &c->st, err)) < 0)
		return rc;
	if (c->st.kind != S_IFREG)
		return plain(c->name, "is no regular file", err);
	if ((rc = sada_io_open(&fd, c->dirfd, c->name, O_RDONLY, 0,
	    err)) < 0 ||
	    (rc = sada_io_pread(fd, h, sizeof(h), 0, &got, err)) < 0)
		goto out;
	if (!sada_sqlite_is(h, got))
		rc = plain(c->name, "is no SQLite database", err);
	else
		rc = h[18] == 2 || h[19] == 2;
out:
	sada_io_close(fd);
	return rc;
}

/* One more try is worth it. */
static int
again(struct sada_err *err)
{
	return sada_err_set(err, SADA_AGAIN, "changed while it was read");
}

/* Read the file as it is: nobody has it open in WAL mode. */
static int
read_quiet(struct capture *c, struct sada_err *err)
{
	struct sada_stat now;
	uint64_t size;
	long long age;
	size_t start = c->out->len;
	int fd = -1, there, rc;
	size_t got;

	age = sada_io_now() - (c->st.ctime_s * 1000000000LL +
	    c->st.ctime_ns);
	if (age >= 0 && age < FRESH_NS)
		return again(err);
	if (c->st.size > c->max)
		return plain(c->name, "is too large", err);
	if ((rc = sada_io_open(&fd, c->dirfd, c->name, O_RDONLY, 0,
	    err)) < 0)
		return rc;
	if ((rc = sada_io_read(fd, sada_buf_reserve(c->out,
	    (size_t)c->st.size + 1), (size_t)c->st.size + 1, &got,
	    err)) < 0 ||
	    (rc = sada_io_stat(fd, "", &now, err)) < 0 ||
	    (rc = sibling(c, 0, &size, &there, err)) < 0)
		goto out;
	if (got != c->st.size || now.size != c->st.size || size > 0 ||
	    now.ino != c->st.ino || now.mtime_s != c->st.mtime_s ||
	    now.mtime_ns != c->st.mtime_ns ||
	    now.ctime_s != c->st.ctime_s || now.ctime_ns != c->st.ctime_ns)
		rc = again(err);
	else
		c->out->len = start + got;
out:
	sada_io_close(fd);
	return rc;
}

/* What a pragma of one number says; returns SQLite's code. */
static int
number(sqlite3 *db, const char *sql, sqlite3_int64 *out)
{
	sqlite3_stmt *st = NULL;
	int rc;

	*out = 0;
	if ((rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL)) == SQLITE_OK &&
	    (rc = sqlite3_step(st)) == SQLITE_ROW) {
		*out = sqlite3_column_int64(st, 0);
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(st);
	return rc;
}

static int
poll_again(void *ctx, int count)
{
	(void)ctx;
	if (count >= POLLS)
		return 0;
	(void)sqlite3_sleep(POLL_MS);
	return 1;
}

/* Read all pages in one transaction of SQLite. */
static int
read_pages(struct capture *c, struct sada_err *err)
{
	struct sq_live *l = NULL;
	sqlite3_int64 pages, size, n = 0;
	unsigned char *image = NULL;
	sqlite3 *db;
	int rc;

	rc = sada_sq_live_open(&l, c->dirfd, c->name, SQ_READ);
	db = sada_sq_live_db(l);
	if (rc != SQLITE_OK)
		goto out;
	(void)sqlite3_busy_handler(db, poll_again, NULL);
	if ((rc = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	    NULL)) != SQLITE_OK ||
	    (rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1,
	    NULL)) != SQLITE_OK ||
	    (rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL)) != SQLITE_OK ||
	    (rc = number(db, "PRAGMA page_count", &pages)) != SQLITE_OK ||
	    (rc = number(db, "PRAGMA page_size", &size)) != SQLITE_OK)
		goto out;
	if (pages > 0 && (uint64_t)pages > c->max / (uint64_t)size) {
		sada_sq_live_close(l);
		return plain(c->name, "is too large", err);
	}
	if ((image = sqlite3_serialize(db, "main", &n, 0)) == NULL)
		rc = sqlite3_errcode(db) != SQLITE_OK ?
		    sqlite3_extended_errcode(db) : SQLITE_NOMEM;
	else if (n == pages * size && sada_sqlite_is(image, (size_t)n))
		sada_buf_add(c->out, image, (size_t)n);
	else
		rc = SQLITE_NOTADB;
out:
	sqlite3_free(image);
	sada_sq_live_close(l);
	if (rc == SQLITE_OK)
		return 0;
	return sada_sq_live_fail(err, rc, c->name, "read");
}

static int
try(struct capture *c, struct sada_err *err)
{
	uint64_t wal, shm;
	int rc, mode, wal_there, shm_there;

	if ((mode = look(c, err)) < 0)
		return mode;
	if ((rc = sibling(c, 0, &wal, &wal_there, err)) < 0 ||
	    (rc = sibling(c, 1, &shm, &shm_there, err)) < 0)
		return rc;
	if (mode == 1 && (!wal_there || (wal == 0 && !shm_there)))
		return read_quiet(c, err);
	return read_pages(c, err);
}

int
sada_sqlite_capture(struct sada_buf *out, int dirfd, const char *name,
    size_t max, struct sada_err *err)
{
	struct capture c = { .out = out, .dirfd = dirfd, .name = name,
	    .max = max };
	struct sada_err own;
	int i, rc = SADA_BUSY;

	if (err == NULL)
		err = &own;
	if (max > INT32_MAX)
		c.max = INT32_MAX;
	for (i = 0; i < TRIES; i++) {
		rc = try(&c, err);
		if (rc != SADA_AGAIN && rc != SADA_LATER)
			return rc;
		/* A WAL that came or went between two looks is LATER too. */
		if (rc == SADA_LATER && i >= 3)
			return rc;
		(void)sqlite3_sleep(NAP_MS);
	}
	if (rc == SADA_AGAIN)
		rc = sada_sq_live_fail(err, SQLITE_BUSY, name, "read");
	return rc;
}

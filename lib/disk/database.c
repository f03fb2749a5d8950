/* Databases in the directory: how they are known, read and compared. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "disk/database.h"
#include "merge/sqlite.h"

/* So many bytes tell a database. */
#define HEADER 100

int
sada_database_rule(const struct sada_databases *d, const char *path,
    size_t len)
{
	return d != NULL && d->is != NULL && sada_sqlite_built() &&
	    d->is(path, len, d->ctx);
}

size_t
sada_database_of(const struct sada_databases *d, const char *path,
    size_t len)
{
	size_t n = d != NULL ? sada_sqlite_busy_of(path, len) : 0;

	if (n == 0 || path[n - 1] == '/')
		return 0;
	return sada_database_rule(d, path, n) ? n : 0;
}

int
sada_database_there(int dfd, const char *name)
{
	unsigned char h[HEADER];
	struct sada_stat st;
	struct sada_err e;
	size_t got = 0;
	int fd = -1, yes;

	if (sada_io_stat(dfd, name, &st, &e) < 0 || st.kind != S_IFREG ||
	    st.size > SADA_DATABASE_MAX || st.size < HEADER)
		return 0;
	yes = sada_io_open(&fd, dfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY,
	    0, &e) == 0 &&
	    sada_io_pread(fd, h, sizeof(h), 0, &got, &e) == 0 &&
	    sada_sqlite_is(h, got);
	sada_io_close(fd);
	return yes;
}

/* Stops after the first piece. */
static int
first(const void *p, size_t n, void *ctx)
{
	sada_buf_add(ctx, p, n < HEADER ? n : HEADER);
	return SADA_LATER;
}

int
sada_database_held(const struct sada_source *src, const struct sada_id *id,
    uint64_t size, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	int rc;

	if (size < HEADER || size > SADA_DATABASE_MAX)
		return 0;
	rc = sada_file_get(src, id, size, first, &b, err);
	if (rc == SADA_LATER)
		rc = sada_sqlite_is(b.p, b.len);
	else if (rc == SADA_DAMAGED)
		rc = 0;
	sada_buf_release(&b);
	return rc;
}

/*
 * A transaction that has not been written yet leaves nothing beside the
 * database but an empty journal: its lock alone tells.
 */
static int
locked(int dfd, const char *name)
{
	struct sada_err e;
	int fd = -1, yes;

	yes = sada_io_open(&fd, dfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY,
	    0, &e) == 0 &&
	    sada_io_locked(fd, SADA_SQLITE_LOCKS, SADA_SQLITE_LOCKS_LEN);
	sada_io_close(fd);
	return yes;
}

unsigned
sada_database_busy(int dfd, const char *name)
{
	static const unsigned means[] = { SADA_DATABASE_WAL,
	    SADA_DATABASE_OPEN, SADA_DATABASE_OPEN };
	struct sada_buf b = { 0 };
	struct sada_stat st;
	struct sada_err e;
	const char *suffix;
	unsigned i, busy = 0;
	unsigned char c;
	size_t got;
	int fd;

	for (i = 0; (suffix = sada_sqlite_busy_name(i)) != NULL; i++) {
		sada_buf_reset(&b);
		sada_buf_adds(&b, name);
		sada_buf_adds(&b, suffix);
		if (sada_io_stat(dfd, sada_buf_str(&b), &st, &e) < 0)
			continue;
		/* An empty WAL or journal holds nothing. */
		if (i != 1 && st.size == 0)
			continue;
		fd = -1;
		c = 1;
		/* A journal that is kept between uses begins with zeros. */
		if (i == 2 && st.kind == S_IFREG && sada_io_open(&fd, dfd,
		    sada_buf_str(&b), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
		    &e) == 0 && (sada_io_pread(fd, &c, 1, 0, &got, &e) < 0 ||
		    got == 0))
			c = 1;
		sada_io_close(fd);
		if (c != 0)
			busy |= means[i];
	}
	sada_buf_release(&b);
	if (busy == 0 && locked(dfd, name))
		busy = SADA_DATABASE_OPEN;
	return busy;
}

int
sada_database_image(struct sada_buf *out, const struct sada_source *src,
    const struct sada_id *id, uint64_t size, struct sada_err *err)
{
	size_t was = out->len;
	int rc;

	if (size > SADA_DATABASE_MAX)
		return 0;
	rc = sada_file_load(src, id, size, out, err);
	if (rc == 0)
		return 1;
	out->len = was;
	return rc == SADA_NOTFOUND || rc == SADA_DAMAGED ? 0 : rc;
}

int
sada_database_same(const struct sada_buf *image, const struct sada_id *own,
    const struct sada_source *src, const struct sada_id *id, uint64_t size,
    struct sada_err *err)
{
	struct sada_buf b = { 0 };
	struct sada_span x, y;
	int rc;

	if (image->len == size && sada_id_cmp(own, id) == 0)
		return 1;
	if ((src->store == NULL && src->txn == NULL) || size < HEADER)
		return 0;
	rc = sada_database_image(&b, src, id, size, err);
	if (rc > 0) {
		x.p = image->p;
		x.n = image->len;
		y.p = b.p;
		y.n = b.len;
		rc = sada_sqlite_equal(&x, &y, err);
	}
	sada_buf_release(&b);
	return rc;
}

int
sada_database_capture(struct sada_buf *image, struct sada_id *id, int dfd,
    const char *name, struct sada_err *err)
{
	int rc;

	rc = sada_sqlite_capture(image, dfd, name, SADA_DATABASE_MAX, err);
	if (rc < 0)
		return rc;
	return sada_file_put_bytes(NULL, image->p, image->len, id, err);
}

const char *
sada_database_why(const struct sada_err *err)
{
	switch (err->code) {
	case SADA_BUSY:
		return "the database is locked by another program";
	case SADA_LATER:
		return "the database must first be opened by a program that "
		    "may write to it";
	default:
		return "the database cannot be read";
	}
}

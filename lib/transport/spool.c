/*
 * Spools: directories where bundles wait.
 *
 * A spool is told by its mark, so that another medium at the same place is
 * not taken for it.  Others write into it at any time: what vanishes while
 * it is looked at was not there, and what cannot be read is somebody's own.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "transport/place_priv.h"

#define MARK_LEN 32

/* The mark of the spool DIR. */
static int
read_mark(char mark[33], int dir, const char *place, struct sada_err *err)
{
	struct sada_buf b = { 0 };
	int rc;

	rc = sada_io_slurp(dir, SPOOL_MARK, MARK_LEN + 1, &b, err);
	if (rc == SADA_NOTFOUND)
		rc = sada_place_refuse(err, SADA_ABSENT, place,
		    "is no spool: it has no mark " SPOOL_MARK);
	else if (rc == SADA_FORMAT || (rc == 0 && (b.len != MARK_LEN + 1 ||
	    strspn(sada_buf_str(&b), "0123456789abcdef") != MARK_LEN ||
	    b.p[MARK_LEN] != '\n')))
		rc = sada_place_refuse(err, SADA_FORMAT, place,
		    "has a damaged mark " SPOOL_MARK);
	if (rc == 0) {
		memcpy(mark, b.p, MARK_LEN);
		mark[MARK_LEN] = '\0';
	}
	sada_buf_release(&b);
	return rc;
}

int
sada_spool_mark(char mark[33], const char *place, struct sada_err *err)
{
	int dir = -1;
	int rc;

	mark[0] = '\0';
	if ((rc = sada_place_dir(&dir, place, err)) == 0)
		rc = read_mark(mark, dir, place, err);
	sada_io_close(dir);
	return rc;
}

/* Write a new mark into the spool at PLACE. */
static int
write_mark(char mark[33], const char *place, struct sada_err *err)
{
	unsigned char rnd[MARK_LEN / 2];
	struct sada_buf path = { 0 }, text = { 0 };
	struct sada_out *o = NULL;
	size_t i;
	int rc;

	sada_io_random(rnd, sizeof(rnd));
	for (i = 0; i < sizeof(rnd); i++)
		sada_buf_addf(&text, "%02x", rnd[i]);
	memcpy(mark, text.p, MARK_LEN);
	mark[MARK_LEN] = '\0';
	sada_buf_adds(&text, "\n");
	sada_buf_addf(&path, "%s/" SPOOL_MARK, place);
	if ((rc = sada_out_open(&o, SADA_PLACE_FILE, sada_buf_str(&path),
	    err)) < 0)
		goto out;
	if ((rc = sada_out_write(o, text.p, text.len, err)) < 0)
		goto out;
	rc = sada_out_commit(o, NULL, err);
	o = NULL;
out:
	sada_out_abort(o);
	sada_buf_release(&path);
	sada_buf_release(&text);
	if (rc < 0)
		mark[0] = '\0';
	return rc;
}

int
sada_spool_make_mark(char mark[33], const char *place, struct sada_err *err)
{
	int dir = -1;
	int rc;

	mark[0] = '\0';
	if ((rc = sada_place_dir(&dir, place, err)) < 0)
		return rc;
	rc = read_mark(mark, dir, place, err);
	sada_io_close(dir);
	return rc == SADA_ABSENT ? write_mark(mark, place, err) : rc;
}

/* A bundle's file, and a listing under way. */
struct found {
	char *name;
	int64_t s;
	uint32_t ns;
};

struct listing {
	struct found *f;
	size_t n, cap;
	int dir;
	struct sada_err *err;
};

static int
is_bundle_name(const char *name, size_t n)
{
	size_t k = strlen(SPOOL_END);

	return n > k && name[0] != '.' &&
	    memcmp(name + n - k, SPOOL_END, k) == 0;
}

static int
list_one(const struct sada_dirent *d, void *ctx)
{
	struct listing *l = ctx;
	struct sada_stat st;
	struct found *f;
	int rc;

	if (!is_bundle_name(d->name, d->len))
		return 0;
	rc = sada_io_stat(l->dir, d->name, &st, l->err);
	if (rc == SADA_NOTFOUND || (rc == 0 && st.kind != S_IFREG))
		return 0;
	if (rc < 0)
		return rc;
	l->f = sada_grow(l->f, &l->cap, l->n + 1, sizeof(*l->f));
	f = &l->f[l->n++];
	f->name = sada_strdup(d->name);
	f->s = st.mtime_s;
	f->ns = st.mtime_ns;
	return 0;
}

static int
found_order(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->s != y->s)
		return x->s < y->s ? -1 : 1;
	if (x->ns != y->ns)
		return x->ns < y->ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int
tell_one(int dir, const char *name,
    int (*each)(const char *name, int fd, uint64_t size, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct sada_stat st;
	int fd = -1;
	int rc;

	/* O_NONBLOCK, should it have become a fifo. */
	rc = sada_io_open(&fd, dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
	    err);
	if (rc == SADA_NOTFOUND || (rc == SADA_SYS && (errno == EACCES ||
	    errno == ELOOP || errno == ENXIO)))
		return 0;
	if (rc == 0 && (rc = sada_io_stat(fd, "", &st, err)) == 0 &&
	    st.kind == S_IFREG)
		rc = each(name, fd, st.size, ctx, err);
	sada_io_close(fd);
	return rc;
}

int
sada_spool_each(const char *place,
    int (*each)(const char *name, int fd, uint64_t size, void *ctx,
    struct sada_err *err), void *ctx, struct sada_err *err)
{
	struct listing l = { 0 };
	size_t i;
	int rc;

	l.err = err;
	if ((rc = sada_place_dir(&l.dir, place, err)) < 0)
		return rc;
	rc = sada_io_list(l.dir, list_one, &l, err);
	if (rc == 0 && l.n > 0)
		qsort(l.f, l.n, sizeof(*l.f), found_order);
	for (i = 0; rc == 0 && i < l.n; i++)
		rc = tell_one(l.dir, l.f[i].name, each, ctx, err);
	for (i = 0; i < l.n; i++)
		free(l.f[i].name);
	free(l.f);
	sada_io_close(l.dir);
	return rc;
}

int
sada_spool_has(const char *place, const char *name, struct sada_err *err)
{
	struct sada_stat st;
	int dir = -1;
	int rc;

	if ((rc = sada_place_dir(&dir, place, err)) < 0)
		return rc;
	rc = sada_io_stat(dir, name, &st, err);
	sada_io_close(dir);
	if (rc == SADA_NOTFOUND)
		return 0;
	return rc < 0 ? rc : st.kind == S_IFREG;
}

int
sada_spool_remove(const char *place, const char *name, struct sada_err *err)
{
	int dir = -1;
	int rc;

	if ((rc = sada_place_dir(&dir, place, err)) < 0)
		return rc;
	rc = sada_io_unlink(dir, name, 0, err);
	sada_io_close(dir);
	return rc == SADA_NOTFOUND ? 0 : rc;
}

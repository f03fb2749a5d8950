/*
 * Places: what one is, the directories around it, reading from one, and
 * spools, the directories where bundles wait.
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

#include "base/quote.h"
#include "transport/place_priv.h"

int
sada_place_refuse(struct sada_err *err, int code, const char *place,
    const char *why)
{
	struct sada_buf q = { 0 };
	int rc;

	sada_quote(&q, place, strlen(place));
	rc = sada_err_set(err, code, "%s %s", sada_buf_str(&q), why);
	sada_buf_release(&q);
	return rc;
}

int
sada_place_dir(int *fd, const char *place, struct sada_err *err)
{
	int rc;

	*fd = -1;
	rc = sada_io_open_user(fd, place, O_RDONLY | O_DIRECTORY, 0, err);
	if (rc == SADA_NOTFOUND)
		rc = sada_place_refuse(err, SADA_ABSENT, place, "is not there");
	return rc;
}

int
sada_place_parent(int *fd, const char **base, const char *place,
    struct sada_err *err)
{
	const char *slash = strrchr(place, '/');
	char *dir;
	int rc;

	*base = slash != NULL ? slash + 1 : place;
	if (slash == NULL)
		dir = sada_strdup(".");
	else if (slash == place)
		dir = sada_strdup("/");
	else
		dir = sada_memdup(place, (size_t)(slash - place));
	*fd = -1;
	rc = sada_io_open_user(fd, dir, O_RDONLY | O_DIRECTORY, 0, err);
	free(dir);
	return rc;
}

int
sada_place_where(int *fd, unsigned kind, const char *place,
    struct sada_err *err)
{
	const char *base;

	return kind == SADA_PLACE_SPOOL ? sada_place_dir(fd, place, err) :
	    sada_place_parent(fd, &base, place, err);
}

/* Is a missing PLACE one that can be made? */
static int
check_new(const char *place, struct sada_err *err)
{
	const char *base;
	int fd = -1;
	int rc;

	if ((rc = sada_place_parent(&fd, &base, place, err)) < 0)
		return rc;
	sada_io_close(fd);
	return *base != '\0' ? 0 : sada_place_refuse(err, SADA_NOTFOUND,
	    place, "is not there");
}

int
sada_place_kind(unsigned *kind, const char *place, struct sada_err *err)
{
	const char *colon = strchr(place, ':'), *slash = strchr(place, '/');
	struct sada_stat st;
	int fd = -1;
	int rc = 0;

	*kind = SADA_PLACE_FILE;
	if (strcmp(place, "-") == 0) {
		*kind = SADA_PLACE_PIPE;
		return 0;
	}
	if (colon != NULL && (slash == NULL || colon < slash)) {
		*kind = SADA_PLACE_HOST;
		return 0;
	}
	rc = sada_io_open_user(&fd, place, O_PATH, 0, err);
	if (rc == SADA_NOTFOUND)
		return check_new(place, err);
	if (rc == 0 && (rc = sada_io_stat(fd, "", &st, err)) == 0 &&
	    st.kind == S_IFDIR)
		*kind = SADA_PLACE_SPOOL;
	sada_io_close(fd);
	return rc;
}

int
sada_place_has(const char *place, struct sada_err *err)
{
	int fd = -1;
	int rc;

	rc = sada_io_open_user(&fd, place, O_PATH, 0, err);
	sada_io_close(fd);
	return rc == SADA_NOTFOUND ? 0 : rc < 0 ? rc : 1;
}

int
sada_place_named(const char *place)
{
	const char *slash = strrchr(place, '/');
	const char *base = slash != NULL ? slash + 1 : place;
	size_t n = strlen(base), end = sizeof(SPOOL_END) - 1;

	return n > end && strcmp(base + n - end, SPOOL_END) == 0;
}

/* Reading from a file or a pipe. */
int
sada_in_open(int *fd, unsigned kind, const char *place, struct sada_err *err)
{
	int rc;

	*fd = -1;
	if (kind == SADA_PLACE_PIPE) {
		*fd = 0;
		return 0;
	}
	if (kind == SADA_PLACE_HOST)
		return sada_place_refuse(err, SADA_USAGE, place, "is on "
		    "another host: pipe the bundle from there through ssh");
	assert(kind == SADA_PLACE_FILE);
	rc = sada_io_open_user(fd, place, O_RDONLY | O_NOCTTY, 0, err);
	if (rc == SADA_NOTFOUND)
		rc = sada_place_refuse(err, SADA_ABSENT, place,
		    "is not there");
	return rc;
}

/* Spools: their marks, and the bundles in them. */

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

void
sada_spool_temp(char temp[SPOOL_TEMP], const char *name)
{
	memcpy(temp, ".tmp-", 5);
	memcpy(temp + 5, name, SPOOL_TEMP - 6);
	temp[SPOOL_TEMP - 1] = '\0';
}

int
sada_spool_sweep(const char *place, const char *name, long long age_s,
    struct sada_err *err)
{
	char temp[SPOOL_TEMP];
	struct sada_stat st;
	int dir = -1;
	int rc;

	if ((rc = sada_place_dir(&dir, place, err)) < 0)
		return rc;
	sada_spool_temp(temp, name);
	if ((rc = sada_io_stat(dir, temp, &st, err)) < 0)
		goto out;
	if (sada_io_now() / 1000000000 - st.mtime_s < age_s)
		goto out;
	rc = sada_io_unlink(dir, temp, 0, err);
	if (rc == 0)
		rc = 1;
out:
	sada_io_close(dir);
	return rc == SADA_NOTFOUND ? 1 : rc;
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

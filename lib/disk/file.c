/*
 * Reading the content of a file or a link between two equal stats.
 *
 * A file that only grows is no failure: when its first S bytes read the
 * same twice, those are what was there when it had S bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "disk/scan_priv.h"
#include "store/file.h"

#define TRIES 3
#define CHANGING "it kept changing while it was read"

int
sada_scan_fatal(int sys)
{
	return sys == EMFILE || sys == ENFILE || sys == ENOMEM;
}

const char *
sada_scan_why(int sys)
{
	const char *s = strerrordesc_np(sys);

	return s != NULL ? s : "it cannot be read";
}

/* What went wrong with the name, as far as a sentence can say. */
static int
judge(struct sada_worker *w, const struct sada_err *e, const char **why,
    struct sada_err *err)
{
	w->sys = e->sys;
	if (e->code == SADA_NOTFOUND)
		return SADA_GOT_GONE;
	if (e->code != SADA_SYS || sada_scan_fatal(e->sys)) {
		*err = *e;
		return e->code;
	}
	*why = e->sys == ELOOP || e->sys == ENXIO ? CHANGING :
	    sada_scan_why(e->sys);
	return SADA_GOT_NOT;
}

/* Are two stats of one state of one file? */
static int
same(const struct sada_stat *a, const struct sada_stat *b)
{
	struct sada_seen seen;

	sada_seen_of(&seen, a);
	return a->kind == b->kind && a->dev == b->dev &&
	    sada_seen_same(&seen, b);
}

static int
open_file(int *fd, int dfd, const char *name, struct sada_err *err)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	int rc;

	/* Not to change the atime is only for the owner to ask. */
	rc = sada_io_open(fd, dfd, name, flags | O_NOATIME, 0, err);
	if (rc == SADA_SYS && errno == EPERM)
		rc = sada_io_open(fd, dfd, name, flags, 0, err);
	return rc;
}

/*
 * The first SIZE bytes of FD.  A read that fails is told in WHY, a put
 * that fails is an error.
 */
static int
put_file(struct sada_worker *w, struct sada_fill *fill, int fd,
    uint64_t size, struct sada_id *id, uint64_t *got, const char **why,
    struct sada_err *err)
{
	struct sada_err e, again;
	struct sada_id ignored;
	unsigned char *p;
	size_t n;
	int rc;

	if (size <= SADA_CHUNK_MAX) {
		p = sada_buf_reserve(&w->buf, (size_t)size + 1);
		if (sada_io_pread(fd, p, (size_t)size, 0, &n, &e) < 0)
			return judge(w, &e, why, err);
		*got = n;
		return sada_file_put_bytes(fill, p, n, id, err);
	}
	sada_io_advise(fd, POSIX_FADV_SEQUENTIAL);
	if (fill == NULL)
		return sada_file_put(NULL, fd, size, id, got, &e) < 0 ?
		    judge(w, &e, why, err) : 0;
	if ((rc = sada_file_put(fill, fd, size, id, got, err)) == 0)
		return 0;
	/* Was it the file or the store?  Without the store it tells. */
	if (sada_file_put(NULL, fd, size, &ignored, got, &again) < 0)
		return judge(w, &again, why, err);
	return rc;
}

/*
 * One try at the file NAME, which had stat *ST.  *DONE is set when ID is
 * its content; else *ST may be newer.
 */
static int
try_file(struct sada_worker *w, int dfd, const char *name,
    struct sada_stat *st, struct sada_id *id, int last, int *done,
    const char **why, struct sada_err *err)
{
	struct sada_stat now;
	struct sada_id twice;
	struct sada_err e;
	uint64_t got = 0;
	int fd = -1;
	int rc;

	w->opened++;
	if (open_file(&fd, dfd, name, &e) < 0 ||
	    sada_io_stat(fd, "", &now, &e) < 0) {
		rc = judge(w, &e, why, err);
		goto out;
	}
	rc = 0;
	if (!same(st, &now)) {
		*st = now;
		if (now.kind != S_IFREG)
			goto out;
	}
	if ((rc = put_file(w, w->fill, fd, st->size, id, &got, why,
	    err)) != 0)
		goto out;
	if (sada_io_stat(fd, "", &now, &e) < 0) {
		rc = judge(w, &e, why, err);
		goto out;
	}
	if (got == st->size && same(st, &now)) {
		*done = 1;
		goto out;
	}
	if (got < st->size || now.size < st->size || w->strict ||
	    (now.size == st->size && !last))
		goto out;
	if ((rc = put_file(w, NULL, fd, st->size, &twice, &got, why,
	    err)) == 0)
		*done = got == st->size && sada_id_cmp(id, &twice) == 0;
out:
	sada_io_close(fd);
	return rc;
}

/* One try at the link NAME. */
static int
try_link(struct sada_worker *w, int dfd, const char *name,
    struct sada_stat *st, struct sada_id *id, int *done, const char **why,
    struct sada_err *err)
{
	struct sada_buf text = { 0 };
	struct sada_stat now;
	struct sada_err e;
	int rc;

	/* EINVAL: it is no link any more. */
	if (sada_io_readlink(dfd, name, &text, &e) < 0) {
		rc = e.sys == EINVAL ? 0 : judge(w, &e, why, err);
		goto out;
	}
	if (sada_io_stat(dfd, name, &now, &e) < 0) {
		rc = judge(w, &e, why, err);
		goto out;
	}
	rc = 0;
	if (same(st, &now)) {
		rc = sada_file_put_bytes(w->fill, text.p, text.len, id, err);
		st->size = text.len;
		*done = 1;
	}
out:
	sada_buf_release(&text);
	return rc;
}

int
sada_scan_content(struct sada_worker *w, int dfd, const char *name,
    struct sada_stat *st, struct sada_id *id, unsigned *racy,
    const char **why, struct sada_err *err)
{
	struct sada_err e;
	long long now;
	int rc, i, done = 0;

	for (i = 0; i < TRIES; i++) {
		if (i > 0 && sada_io_stat(dfd, name, st, &e) < 0)
			return judge(w, &e, why, err);
		now = sada_io_now();
		if (st->kind == S_IFREG)
			rc = try_file(w, dfd, name, st, id, i == TRIES - 1,
			    &done, why, err);
		else if (st->kind == S_IFLNK)
			rc = try_link(w, dfd, name, st, id, &done, why, err);
		else
			break;
		if (rc != 0)
			return rc;
		if (done) {
			*racy = (unsigned)sada_seen_racy(st, now);
			return SADA_GOT;
		}
	}
	*why = CHANGING;
	return SADA_GOT_NOT;
}

int
sada_disk_content(struct sada_id *id, struct sada_stat *st, int dfd,
    const char *name, struct sada_err *err)
{
	struct sada_worker w = { .strict = 1 };
	const char *why = NULL;
	unsigned racy;
	int rc;

	if ((rc = sada_io_stat(dfd, name, st, err)) < 0)
		return rc;
	rc = sada_scan_content(&w, dfd, name, st, id, &racy, &why, err);
	sada_buf_release(&w.buf);
	if (rc == SADA_GOT_GONE)
		rc = sada_err_set(err, SADA_NOTFOUND, "it is gone");
	else if (rc == SADA_GOT_NOT) {
		rc = sada_err_set(err, strcmp(why, CHANGING) == 0 ?
		    SADA_AGAIN : SADA_SYS, "it cannot be read: %s", why);
		if (err != NULL)
			err->sys = w.sys;
	}
	return rc;
}

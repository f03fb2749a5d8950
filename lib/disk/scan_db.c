/*
 * Scan: databases that others may be writing, and what stands beside them.
 *
 * A WAL takes what is written while the stat of the database stands, so it
 * is captured each time while that holds rows.  Bytes are compared first,
 * then rows: what was laid out row by row has other bytes than the content
 * that it shows, and so has what SQLite moved into place since.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "disk/scan_priv.h"

int
sada_scan_aside(struct sada_visit *v, size_t len,
    const struct sada_wrow *row)
{
	const struct sada_scan *s = v->w->s;
	const char *p = (char *)v->path.p;
	struct sada_stat st;
	struct sada_err e;
	size_t n;
	char *name;
	int yes;

	n = sada_database_of(s->o->db, p, v->path.len);
	if (n <= v->base || len == 0)
		return 0;
	/* SQLite makes files. */
	if ((row != NULL && row->row.kind == SADA_DIR) ||
	    (sada_io_stat(v->fd, p + v->base, &st, &e) == 0 &&
	    st.kind == S_IFDIR))
		return 0;
	name = sada_memdup(p + v->base, n - v->base);
	pthread_rwlock_rdlock(&v->w->s->capture);
	yes = sada_database_there(v->fd, name);
	pthread_rwlock_unlock(&v->w->s->capture);
	free(name);
	if (!yes)
		return 0;
	/* It may become a name like any other while no stat tells so. */
	if (row != NULL)
		sada_visit_unchanged(v, row);
	else
		v->j->unsettled = 1;
	return 1;
}

/* Is IMAGE what ROW shows?  1, 0, <0. */
static int
is_row(struct sada_visit *v, const struct sada_buf *image,
    const struct sada_id *id, const struct sada_wrow *row)
{
	if (row == NULL || row->row.kind != SADA_FILE)
		return 0;
	return sada_database_same(image, id, &v->w->s->o->src,
	    &row->row.content, row->row.size, &v->j->err);
}

/* What capturing came to, as the walk is to be told it. */
static int
cannot(struct sada_visit *v, const char *name, size_t len,
    const struct sada_wrow *row)
{
	const struct sada_err *e = &v->j->err;

	switch (e->code) {
	case SADA_FORMAT:		/* a plain file */
		return 0;
	case SADA_NOTFOUND:
		if (row != NULL)
			sada_visit_gone(v, row);
		return 1;
	case SADA_SYS:
		if (sada_scan_fatal(e->sys))
			return SADA_SYS;
		/* FALLTHROUGH */
	default:
		sada_visit_keep(v, name, len, row, sada_database_why(e));
		return 1;
	}
}

/* The database NAME was captured: tell what it is now. */
static int
found(struct sada_visit *v, const char *name, size_t len,
    const struct sada_stat *st, const struct sada_wrow *row,
    const struct sada_buf *image, struct sada_id *id, unsigned racy)
{
	const struct sada_row *r = row != NULL ? &row->row : NULL;
	struct sada_find *f;
	int rc, same;

	if ((rc = same = is_row(v, image, id, row)) < 0)
		return rc;
	if (!same && v->w->fill != NULL && (rc = sada_file_put_bytes(
	    v->w->fill, image->p, image->len, id, &v->j->err)) < 0)
		return rc;
	f = sada_visit_file(v, name, len, st, row, same ? &r->content : id,
	    same ? r->size : image->len, same);
	f->racy = (uint8_t)racy;
	if (same) {
		/* SQLite moves pages when nobody writes rows. */
		f->diff &= (uint8_t)~SADA_DIFF_MTIME;
		f->mtime_s = r->mtime_s;
		f->mtime_ns = r->mtime_ns;
	}
	if (f->found == SADA_FOUND_NEW || f->diff != 0) {
		v->j->child_changed = 1;
		return 0;
	}
	f->found = SADA_FOUND_STAT;
	if (sada_seen_same(&r->seen, st) && !(r->flags & SADA_ROW_NOSTAT) &&
	    ((r->flags & SADA_ROW_RACY) != 0) == (racy != 0))
		sada_visit_forget(v, row);
	return 0;
}

int
sada_scan_database(struct sada_visit *v, const char *name, size_t len,
    const struct sada_stat *st, const struct sada_wrow *row)
{
	struct sada_scan *s = v->w->s;
	struct sada_buf image = { 0 };
	struct sada_id id;
	unsigned racy;
	int rc;

	if (!sada_database_rule(s->o->db, (char *)v->path.p, v->path.len) ||
	    (row != NULL && !sada_must_read(&row->row, st) &&
	    !(sada_database_busy(v->fd, name) & SADA_DATABASE_WAL)))
		return 0;
	pthread_rwlock_wrlock(&s->capture);
	racy = (unsigned)sada_seen_racy(st, sada_io_now());
	if (!sada_database_there(v->fd, name)) {
		rc = 0;
		goto out;
	}
	v->w->opened++;
	rc = sada_database_capture(&image, &id, v->fd, name, &v->j->err);
	if (rc < 0)
		rc = cannot(v, name, len, row);
	else if ((rc = found(v, name, len, st, row, &image, &id, racy)) == 0)
		rc = 1;
out:
	pthread_rwlock_unlock(&s->capture);
	sada_buf_release(&image);
	return rc;
}

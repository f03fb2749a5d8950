/*
 * Differences between two states of the directory: what is recorded or
 * laid out, any revision, the disk.
 *
 * One side is pulled name by name, the other is pushed: by a scan, which
 * tells only what differs from W, or by another view.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/deltas_priv.h"
#include "verb/look_priv.h"

/* Where the bytes of a face are. */
enum { ON_DISK, IN_A, IN_B };
/* Of a file that is larger nothing is compared but its id. */
#define READ_MAX ((size_t)16 << 20)

/* All names of a revision, in order. */
struct names {
	struct sada_rev rev;
	struct sada_view *first, *v;
	const struct sada_name *copy;
	size_t ncopy, at;
	struct sada_name main;		/* next main name */
	int more;			/* there is one */
	struct sada_name now;
	int have;
};

struct diff {
	struct sada_replica *r;
	const struct sada_diff_opts *o;
	struct sada_buf *path;
	struct sada_deltas *deltas;
	struct names a, b;
	struct sada_work_cursor *rows;	/* against the disk */
	struct sada_row row;
	int more;			/* ROW is one */
	uint64_t n;
	struct sada_err *err;
};

/* ---- names of a revision ---- */

/* Go on to the next name. */
static int
names_next(struct names *x, struct sada_err *err)
{
	int rc;

	/* Borrowed from the view: what was given is done with by now. */
	if (x->more < 0) {
		if ((rc = sada_view_next(x->v, &x->main, err)) < 0)
			return rc;
		x->more = rc;
	}
	x->have = 1;
	if (x->at < x->ncopy && (!x->more ||
	    sada_path_cmp(x->copy[x->at].path, x->copy[x->at].len,
	    x->main.path, x->main.len) < 0)) {
		x->now = x->copy[x->at++];
	} else if (x->more) {
		x->now = x->main;
		x->more = -1;
	} else
		x->have = 0;
	return 0;
}

static int
names_open(struct names *x, struct sada_replica *r, const char *rev,
    struct sada_err *err)
{
	struct sada_state *st = &x->rev.st;
	struct sada_name n;
	int rc;

	if ((rc = sada_rev_resolve(&x->rev, r, rev, strlen(rev), err)) < 0 ||
	    (rc = sada_view_open(&x->first, &st->ns, &st->root,
	    &x->rev.meld.by, err)) < 0)
		return rc;
	while ((rc = sada_view_next(x->first, &n, err)) > 0)
		;
	if (rc < 0 || (rc = sada_view_copies(x->first, &x->copy, &x->ncopy,
	    err)) < 0 || (rc = sada_view_open(&x->v, &st->ns, &st->root,
	    &x->rev.meld.by, err)) < 0)
		return rc;
	x->more = -1;
	return names_next(x, err);
}

static void
names_release(struct names *x)
{
	sada_view_free(x->first);
	sada_view_free(x->v);
	sada_rev_release(&x->rev);
}

/* ---- faces ---- */

static void
face_of_name(struct sada_face *f, const struct sada_name *n, unsigned where)
{
	memset(f, 0, sizeof(*f));
	f->kind = n->kind;
	f->where = (uint8_t)where;
	f->mode = n->ncover == 0 ? SADA_FACE_ANY_MODE : n->mode;
	if (n->kind == SADA_DIR)
		return;
	f->size = n->size;
	f->content = n->content;
}

static void
face_of_row(struct sada_face *f, const struct sada_row *r, unsigned where)
{
	memset(f, 0, sizeof(*f));
	f->kind = r->kind;
	f->where = (uint8_t)where;
	f->mode = r->flags & SADA_ROW_IMPLIED ? SADA_FACE_ANY_MODE : r->mode;
	if (r->kind == SADA_DIR)
		return;
	f->size = r->size;
	f->content = r->content;
}

static void
face_of_item(struct sada_face *f, const struct sada_item *it)
{
	memset(f, 0, sizeof(*f));
	f->kind = it->kind;
	f->where = ON_DISK;
	f->mode = it->mode;
	if (it->kind == SADA_DIR)
		return;
	f->size = it->size;
	f->content = it->content;
}

/* Append what the file or link PATH holds on the disk now. */
static int
load_disk(struct sada_buf *out, const struct diff *d,
    const struct sada_face *f, const char *path, size_t len,
    struct sada_err *err)
{
	size_t base = sada_path_base(path, len);
	char *dir = sada_memdup(path, sada_path_parent(path, len));
	char *name = sada_memdup(path + base, len - base);
	int fd = -1, rc;

	if ((rc = sada_io_open_below(&fd, d->r->root, dir, O_RDONLY |
	    O_DIRECTORY, err)) == 0)
		rc = f->kind == SADA_LINK ?
		    sada_io_readlink(fd, name, out, err) :
		    sada_io_slurp(fd, name, READ_MAX, out, err);
	sada_io_close(fd);
	free(dir);
	free(name);
	/* It went, or is another thing by now. */
	return rc == SADA_NOTFOUND || rc == SADA_FORMAT ? 0 :
	    rc < 0 ? rc : 1;
}

static int
load(struct sada_buf *out, const struct sada_face *f, const char *path,
    size_t len, void *ctx, struct sada_err *err)
{
	struct diff *d = ctx;
	struct sada_source src = { d->r->store, NULL };
	int rc;

	if (f->where == ON_DISK)
		return load_disk(out, d, f, path, len, err);
	if (d->o->nrev > 0)
		src = sada_melding_source(f->where == IN_A ?
		    &d->a.rev.meld : &d->b.rev.meld);
	rc = sada_file_load(&src, &f->content, f->size, out, err);
	return rc == SADA_NOTFOUND ? 0 : rc < 0 ? rc : 1;
}

/* ---- comparing ---- */

/* The name at PATH went from A to B. */
static int
differ(struct diff *d, const char *path, size_t len,
    const struct sada_face *a, const struct sada_face *b)
{
	char what = sada_face_letter(a, b);
	size_t i;

	/* The root itself is always there. */
	if (what == 0 || (len == 0 && what != 'P'))
		return 0;
	for (i = 0; i < d->o->npaths; i++)
		if (sada_path_in(path, len, (char *)d->path[i].p,
		    d->path[i].len))
			break;
	if (i == d->o->npaths && i > 0)
		return 0;
	return sada_deltas_add(d->deltas, path, len, what, NULL, a, b,
	    d->err);
}

/* The other side has no name from A's up to PATH: they are gone. */
static int
gone_before(struct diff *d, const char *path, size_t len)
{
	static const struct sada_face none;
	struct sada_face f;
	int rc = 0;

	while (d->a.have && (path == NULL || sada_path_cmp(d->a.now.path,
	    d->a.now.len, path, len) < 0)) {
		face_of_name(&f, &d->a.now, IN_A);
		if ((rc = differ(d, d->a.now.path, d->a.now.len, &f,
		    &none)) < 0 || (rc = names_next(&d->a, d->err)) < 0)
			return rc;
	}
	return rc;
}

/* The other side shows F at PATH. */
static int
push(struct diff *d, const char *path, size_t len,
    const struct sada_face *f)
{
	struct sada_face a = { 0 };
	int rc;

	if ((rc = gone_before(d, path, len)) < 0)
		return rc;
	if (!d->a.have || sada_path_cmp(d->a.now.path, d->a.now.len, path,
	    len) != 0)
		return differ(d, path, len, &a, f);
	face_of_name(&a, &d->a.now, IN_A);
	if ((rc = differ(d, path, len, &a, f)) < 0)
		return rc;
	return names_next(&d->a, d->err);
}

/* ---- two revisions ---- */

static int
diff_revs(struct diff *d)
{
	struct sada_face f;
	int rc;

	if ((rc = names_open(&d->a, d->r, d->o->rev[0], d->err)) < 0 ||
	    (rc = names_open(&d->b, d->r, d->o->rev[1], d->err)) < 0)
		return rc;
	while (d->b.have) {
		face_of_name(&f, &d->b.now, IN_B);
		if ((rc = push(d, d->b.now.path, d->b.now.len, &f)) < 0 ||
		    (rc = names_next(&d->b, d->err)) < 0)
			return rc;
	}
	return gone_before(d, NULL, 0);
}

/* ---- against the disk ---- */

static int
next_row(struct diff *d)
{
	int rc = sada_work_cursor_next(d->rows, &d->row, d->err);

	if (rc >= 0)
		d->more = rc;
	return rc < 0 ? rc : 0;
}

/* Rows before PATH (NULL: all) are on the disk as they are. */
static int
rows_before(struct diff *d, const char *path, size_t len)
{
	struct sada_face f;
	int rc;

	while (d->more && (path == NULL || sada_path_cmp(d->row.path,
	    d->row.len, path, len) < 0)) {
		face_of_row(&f, &d->row, ON_DISK);
		if ((rc = push(d, d->row.path, d->row.len, &f)) < 0 ||
		    (rc = next_row(d)) < 0)
			return rc;
	}
	return 0;
}

/* What a scan found, against a revision. */
static int
item_rev(struct diff *d, const struct sada_item *it)
{
	struct sada_face f;
	int rc;

	if ((rc = rows_before(d, it->path, it->len)) < 0)
		return rc;
	if (d->more && sada_path_cmp(d->row.path, d->row.len, it->path,
	    it->len) == 0 && (rc = next_row(d)) < 0)
		return rc;
	if (it->found == SADA_FOUND_GONE)
		return 0;
	if (it->found == SADA_FOUND_KEPT)
		face_of_row(&f, it->row, ON_DISK);
	else
		face_of_item(&f, it);
	return push(d, it->path, it->len, &f);
}

static int
on_item(const struct sada_item *it, struct sada_row *row, void *ctx,
    struct sada_err *err)
{
	static const struct sada_face none;
	struct diff *d = ctx;
	struct sada_face a, b;

	(void)row;
	(void)err;
	if (d->o->nrev > 0)
		return item_rev(d, it);
	if (it->found == SADA_FOUND_STAT || it->found == SADA_FOUND_KEPT)
		return 0;
	a = b = none;
	if (it->row != NULL)
		face_of_row(&a, it->row, IN_A);
	if (it->found != SADA_FOUND_GONE)
		face_of_item(&b, it);
	return differ(d, it->path, it->len, &a, &b);
}

static void
on_skip(const char *path, size_t len, unsigned special, const char *why,
    void *ctx)
{
	const struct diff *d = ctx;

	sada_note(d->r, special ? SADA_NOTE_INFO : SADA_NOTE_WARN, path, len,
	    why);
}

static int
diff_disk(struct diff *d)
{
	struct sada_scan_opts o;
	struct sada_scan_result found;
	struct sada_row_rules rows = {0};
	struct sada_work_writer *w = NULL;
	int rc;

	memset(&o, 0, sizeof(o));
	o.db = &rows.db;
	o.src.store = d->r->store;
	o.root = d->r->root;
	o.sdir = -1;
	o.old = d->r->work;
	o.each = on_item;
	o.report = on_skip;
	o.ctx = d;
	if (d->o->nrev > 0 && ((rc = names_open(&d->a, d->r, d->o->rev[0],
	    d->err)) < 0 ||
	    (rc = sada_work_cursor_open(&d->rows, d->r->work, d->err)) < 0 ||
	    (rc = next_row(d)) < 0))
		return rc;
	if ((rc = sada_row_rules_open(&rows, d->r, NULL, d->err)) == 0 &&
	    (rc = sada_ignore_new(&o.ignore, d->err)) == 0)
		rc = sada_scan(&w, &found, &o, d->err);
	sada_work_writer_free(w);
	sada_ignore_free(o.ignore);
	sada_row_rules_release(&rows);
	if (rc < 0 || d->o->nrev == 0 || (rc = rows_before(d, NULL, 0)) < 0)
		return rc;
	return gone_before(d, NULL, 0);
}

/* ---- the whole ---- */

static int
on_change(const struct sada_change *c, void *ctx)
{
	struct diff *d = ctx;

	d->n++;
	return d->o->change != NULL ? d->o->change(c, d->o->ctx) : 0;
}

static int
on_patch(const char *p, size_t n, void *ctx)
{
	struct diff *d = ctx;

	return d->o->patch(p, n, d->o->ctx);
}

int
sada_diff_show(struct sada_replica *r, const struct sada_diff_opts *opts,
    uint64_t *n, struct sada_err *err)
{
	struct diff d = { .r = r, .o = opts, .err = err };
	struct sada_deltas_opts o = { .change = on_change, .ctx = &d,
	    .patch = opts->patch != NULL ? on_patch : NULL, .load = load,
	    .load_ctx = &d, .similar = 1 };
	size_t i;
	int rc = 0;

	*n = 0;
	d.path = sada_calloc(opts->npaths + 1, sizeof(*d.path));
	for (i = 0; i < opts->npaths && rc == 0; i++) {
		(void)sada_buf_reserve(&d.path[i], 1);
		rc = sada_path_arg(r, opts->paths[i], &d.path[i], err);
	}
	sada_deltas_new(&d.deltas, &o);
	if (rc == 0)
		rc = opts->nrev == 2 ? diff_revs(&d) : diff_disk(&d);
	if (rc >= 0)
		rc = sada_deltas_end(d.deltas, err);
	*n = d.n;
	sada_deltas_free(d.deltas);
	sada_work_cursor_free(d.rows);
	names_release(&d.a);
	names_release(&d.b);
	for (i = 0; i < opts->npaths; i++)
		sada_buf_release(&d.path[i]);
	free(d.path);
	return rc < 0 ? rc : 0;
}

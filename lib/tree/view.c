/*
 * The names that a map shows, in path order: each living path, and each
 * directory that is only implied by what lies below it.  A path is a
 * directory when the next entry lies below it, so one entry is read ahead.
 * Groups that do not get the name are gathered as copies and named at the
 * end, when it is known to be the end: a copy's name must be free.
 */
#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "tree/carry.h"
#include "tree/fold_priv.h"
#include "tree/tree_priv.h"

#define DIGITS_MIN 10
#define IMPLIED_MODE 0700

/* An entry of our own: the cursor keeps its only until it moves. */
struct held {
	struct sada_buf path;
	struct sada_version *v;
	size_t nv, vcap;
};

/* A copy; PATH comes when it is named. */
struct copy {
	char *slot, *path;
	size_t slot_len, path_len;
	struct sada_group g;		/* cover is new */
	unsigned groups;
};

struct sada_view {
	struct sada_nodes *ns;
	struct sada_entries *c;
	struct sada_view_by by;
	/*
	 * The entries behind, at and before what is reported next; AHEAD is
	 * filled when CUR is, unless the map ends.
	 */
	struct held mem[3], *prev, *cur, *ahead;
	int started, has_prev, has_cur, has_ahead;
	size_t pos;		/* ancestors of CUR up to here are done */
	struct sada_fold fold;
	struct copy *copy;
	size_t ncopy, copycap;
	struct sada_name *named;	/* the copies, sorted by path */
};

static void
hold(struct held *h, const struct sada_entry *e)
{
	(void)sada_buf_reserve(&h->path, e->len + 1);
	sada_buf_reset(&h->path);
	sada_buf_add(&h->path, e->path, e->len);
	h->v = sada_grow(h->v, &h->vcap, e->nv, sizeof(*h->v));
	if (e->nv > 0)
		memcpy(h->v, e->v, e->nv * sizeof(*h->v));
	h->nv = e->nv;
}

static const char *
text(const struct held *h)
{
	return (const char *)h->path.p;
}

static struct sada_view *
view_new(struct sada_nodes *ns, const struct sada_view_by *by)
{
	struct sada_view *v;

	v = sada_calloc(1, sizeof(*v));
	v->ns = ns;
	v->by = *by;
	v->prev = &v->mem[0];
	v->cur = &v->mem[1];
	v->ahead = &v->mem[2];
	return v;
}

int
sada_view_open(struct sada_view **out, struct sada_nodes *ns,
    const struct sada_id *root, const struct sada_view_by *by,
    struct sada_err *err)
{
	struct sada_view *v = view_new(ns, by);
	int rc;

	*out = NULL;
	if ((rc = sada_entries_open(&v->c, ns, root, by->carry, err)) < 0)
		goto out;
	*out = v;
	v = NULL;
out:
	sada_view_free(v);
	return rc;
}

void
sada_view_free(struct sada_view *v)
{
	size_t i;

	if (v == NULL)
		return;
	sada_entries_free(v->c);
	for (i = 0; i < 3; i++) {
		sada_buf_release(&v->mem[i].path);
		free(v->mem[i].v);
	}
	for (i = 0; i < v->ncopy; i++) {
		free(v->copy[i].slot);
		free(v->copy[i].path);
		free(v->copy[i].g.cover);
	}
	free(v->copy);
	free(v->named);
	sada_fold_release(&v->fold);
	free(v);
}

/* Name PATH for group G of slot SLOT; G NULL: an implied directory. */
static void
name_fill(struct sada_name *n, const char *path, size_t len,
    const char *slot, size_t slot_len, const struct sada_group *g,
    unsigned groups)
{
	memset(n, 0, sizeof(*n));
	n->path = path;
	n->len = len;
	n->slot = slot;
	n->slot_len = slot_len;
	n->groups = groups;
	if (g == NULL) {
		n->kind = SADA_DIR;
		n->mode = IMPLIED_MODE;
		n->mtime_ns = SADA_NO_MTIME;
		return;
	}
	n->cover = g->cover;
	n->ncover = g->ncover;
	n->kind = g->kind;
	n->mode = g->mode;
	n->size = g->size;
	n->content = g->content;
	n->mtime_s = g->mtime_s;
	n->mtime_ns = g->mtime_ns;
	n->apart = g->apart;
	n->lacks = g->lacks;
	n->based = g->based;
	n->base_size = g->base.size;
	n->base = g->base.id;
}

/* Keep group G of slot H for naming. */
static void
copy_add(struct sada_view *v, const struct held *h,
    const struct sada_group *g, unsigned groups)
{
	struct copy *c;

	v->copy = sada_grow(v->copy, &v->copycap, v->ncopy + 1,
	    sizeof(*v->copy));
	c = &v->copy[v->ncopy++];
	memset(c, 0, sizeof(*c));
	c->slot = sada_memdup(h->path.p, h->path.len);
	c->slot_len = h->path.len;
	c->groups = groups;
	c->g = *g;
	c->g.cover = sada_malloc(g->ncover * sizeof(*g->cover));
	memcpy(c->g.cover, g->cover, g->ncover * sizeof(*g->cover));
}

/*
 * What slot H shows; BELOW: something lives below it.  1 and its main name
 * in *N, or 0 when only the root is implied.  COPIES: keep the others.
 */
static int
slot_name(struct sada_view *v, const struct held *h, int below, int copies,
    struct sada_name *n, struct sada_err *err)
{
	struct sada_entry e = { .path = text(h), .len = h->path.len,
	    .v = h->v, .nv = h->nv };
	struct sada_fold *f = &v->fold;
	const struct sada_group *keep;
	unsigned groups;
	size_t i;
	int rc;

	if ((rc = sada_fold_slot(f, &e, &v->by, err)) < 0)
		return rc;
	if (f->dir < f->n)
		keep = &f->g[f->dir];
	else if (below || e.len == 0)
		keep = NULL;		/* implied; the root is nothing else */
	else
		keep = &f->g[0];
	groups = (unsigned)(f->n + (keep == NULL));
	/* What stands beside a directory is of another kind. */
	for (i = 0; i < f->n; i++)
		if (&f->g[i] == keep)
			f->g[i].apart = SADA_APART_FIRST;
		else if (f->g[i].apart == SADA_APART_FIRST)
			f->g[i].apart = SADA_APART_KIND;
	for (i = 0; copies && i < f->n; i++)
		if (&f->g[i] != keep)
			copy_add(v, h, &f->g[i], groups);
	name_fill(n, e.path, e.len, e.path, e.len, keep, groups);
	return keep != NULL || e.len > 0;
}

/* Read the next entry into AHEAD. */
static int
read_ahead(struct sada_view *v, struct sada_err *err)
{
	struct sada_entry e;
	int rc;

	if ((rc = sada_entries_next(v->c, &e, err)) > 0)
		hold(v->ahead, &e);
	v->has_ahead = rc > 0;
	return rc;
}

/* Go to the next entry: CUR becomes PREV, AHEAD becomes CUR. */
static int
advance(struct sada_view *v, struct sada_err *err)
{
	struct held *free_one;
	int rc;

	if (!v->started) {
		if ((rc = read_ahead(v, err)) < 0)
			return rc;
		v->started = 1;
	}
	free_one = v->prev;
	v->prev = v->cur;
	v->has_prev = v->has_prev || v->has_cur;
	v->cur = v->ahead;
	v->has_cur = v->has_ahead;
	v->ahead = free_one;
	v->has_ahead = 0;
	v->pos = 0;
	return v->has_cur ? read_ahead(v, err) : 0;
}

/* Was ancestor PATH[0..LEN) of CUR reported before CUR? */
static int
reported(const struct sada_view *v, const char *path, size_t len)
{
	const struct held *p = v->prev;

	return v->has_prev && p->path.len >= len &&
	    memcmp(p->path.p, path, len) == 0 &&
	    (p->path.len == len || text(p)[len] == '/');
}

/* The next implied ancestor of CUR: 1 and *N, or 0. */
static int
next_implied(struct sada_view *v, struct sada_name *n)
{
	const char *path = text(v->cur), *slash;
	size_t len;

	while ((slash = memchr(path + v->pos, '/',
	    v->cur->path.len - v->pos)) != NULL) {
		len = (size_t)(slash - path);
		v->pos = len + 1;
		if (!reported(v, path, len)) {
			name_fill(n, path, len, path, len, NULL, 1);
			return 1;
		}
	}
	return 0;
}

int
sada_view_next(struct sada_view *v, struct sada_name *n,
    struct sada_err *err)
{
	int below, rc;

	for (;;) {
		if (v->has_cur && v->pos != SIZE_MAX) {
			if (next_implied(v, n))
				return 1;
			v->pos = SIZE_MAX;
			below = v->has_ahead && sada_path_below(text(v->ahead),
			    v->ahead->path.len, text(v->cur),
			    v->cur->path.len);
			rc = slot_name(v, v->cur, below, 1, n, err);
			if (rc != 0)
				return rc;
		}
		if (v->started && !v->has_cur)
			return 0;
		if ((rc = advance(v, err)) < 0)
			return rc;
	}
}

/* Is PATH a living path or an implied directory? */
static int
living(struct sada_view *v, const char *path, size_t len,
    struct sada_err *err)
{
	struct sada_entry e;
	int rc;

	if ((rc = sada_entries_seek(v->c, path, len, err)) < 0 ||
	    (rc = sada_entries_next(v->c, &e, err)) <= 0)
		return rc;
	return sada_path_cmp(e.path, e.len, path, len) == 0 ||
	    sada_path_below(e.path, e.len, path, len);
}

static int
copy_order(const void *pa, const void *pb)
{
	const struct copy *a = pa, *b = pb;

	return sada_path_cmp(a->path, a->path_len, b->path, b->path_len);
}

/*
 * Find a free name for copy C and enter it in tree TAKEN.  Should all
 * numbers of digits be taken, the longest name is the next stem.
 */
static int
copy_name(struct sada_view *v, struct copy *c, void **taken,
    struct sada_err *err)
{
	struct sada_buf from = { 0 }, name = { 0 };
	struct sada_id *id;
	unsigned digits = DIGITS_MIN;
	void *node;
	size_t i;
	int rc;

	free(c->path);
	id = sada_malloc(c->g.ncover * sizeof(*id));
	for (i = 0; i < c->g.ncover; i++)
		sada_version_id(&id[i], &c->g.cover[i]);
	(void)sada_buf_reserve(&from, c->slot_len + 1);
	sada_buf_add(&from, c->slot, c->slot_len);
	for (;;) {
		sada_buf_reset(&name);
		sada_copy_name(&name, (const char *)from.p, from.len, id,
		    c->g.ncover, digits);
		c->path = (char *)name.p;
		c->path_len = name.len;
		rc = tfind(c, taken, copy_order) != NULL ? 1 :
		    living(v, c->path, c->path_len, err);
		c->path = NULL;
		if (rc <= 0)
			break;
		if (digits++ < SADA_HEX_LEN)
			continue;
		digits = DIGITS_MIN;
		sada_buf_reset(&from);
		sada_buf_add(&from, name.p, name.len);
	}
	if (rc == 0) {
		c->path = sada_memdup(name.p, name.len);
		node = tsearch(c, taken, copy_order);
		assert(node != NULL);
	}
	free(id);
	sada_buf_release(&from);
	sada_buf_release(&name);
	return rc;
}

static void
keep_key(void *p)
{
	(void)p;
}

int
sada_view_copies(struct sada_view *v, const struct sada_name **copies,
    size_t *n, struct sada_err *err)
{
	struct copy *c;
	void *taken = NULL;
	size_t i;
	int rc = 0;

	assert(v->started && !v->has_cur);
	if (v->named == NULL) {
		for (i = 0; i < v->ncopy && rc == 0; i++)
			rc = copy_name(v, &v->copy[i], &taken, err);
		tdestroy(taken, keep_key);
		if (rc < 0)
			return rc;
		if (v->ncopy > 1)
			qsort(v->copy, v->ncopy, sizeof(*v->copy),
			    copy_order);
		v->named = sada_calloc(v->ncopy, sizeof(*v->named));
		for (i = 0; i < v->ncopy; i++) {
			c = &v->copy[i];
			name_fill(&v->named[i], c->path, c->path_len, c->slot,
			    c->slot_len, &c->g, c->groups);
		}
	}
	*copies = v->named;
	*n = v->ncopy;
	return 0;
}

int
sada_view_one(struct sada_view **out, struct sada_nodes *ns,
    const struct sada_id *root, const struct sada_view_by *by,
    const char *path, size_t len, struct sada_name *n, struct sada_err *err)
{
	struct sada_view *v = NULL;
	struct sada_entry e, none = { .path = path, .len = len };
	int rc;

	*out = NULL;
	if ((rc = sada_view_open(&v, ns, root, by, err)) < 0 ||
	    (rc = sada_entries_seek(v->c, path, len, err)) < 0 ||
	    (rc = sada_entries_next(v->c, &e, err)) < 0)
		goto out;
	hold(v->cur, &none);
	if (rc > 0 && sada_path_cmp(e.path, e.len, path, len) == 0) {
		hold(v->cur, &e);
		if ((rc = sada_entries_next(v->c, &e, err)) < 0)
			goto out;
	}
	rc = rc > 0 && sada_path_below(e.path, e.len, path, len);
	if (v->cur->nv > 0)
		rc = slot_name(v, v->cur, rc, 0, n, err);
	else if (rc > 0 && (rc = len > 0) != 0)
		name_fill(n, text(v->cur), len, text(v->cur), len, NULL, 1);
	if (rc > 0) {
		*out = v;
		v = NULL;
	}
out:
	sada_view_free(v);
	return rc;
}

struct prepare {
	struct sada_fold fold;
	const struct sada_view_by *by;
	struct sada_entries *s;		/* NULL: slots show what they hold */
};

static int
prepare_entry(struct prepare *p, const struct sada_entry *e,
    struct sada_err *err)
{
	return sada_merger_asks(p->by->merger) ?
	    sada_fold_bases(&p->fold, e, p->by, err) :
	    sada_fold_slot(&p->fold, e, p->by, err);
}

/* What is shown at PATH, with what was carried there and away. */
static int
prepare_path(const char *path, size_t len, void *ctx, struct sada_err *err)
{
	struct prepare *p = ctx;
	struct sada_entry e;
	int rc;

	if ((rc = sada_entries_seek(p->s, path, len, err)) < 0 ||
	    (rc = sada_entries_next(p->s, &e, err)) <= 0 ||
	    sada_path_cmp(e.path, e.len, path, len) != 0)
		return rc < 0 ? rc : 0;
	return prepare_entry(p, &e, err);
}

static int
prepare_slot(const struct sada_entry *e, void *ctx, struct sada_err *err)
{
	struct prepare *p = ctx;

	return p->s == NULL ? prepare_entry(p, e, err) :
	    prepare_path(e->path, e->len, p, err);
}

int
sada_view_prepare(struct sada_nodes *ns, const struct sada_id *root,
    const struct sada_view_by *by, struct sada_err *err)
{
	struct prepare p = { { 0 }, by, NULL };
	int rc;

	if (by->carry != NULL && (rc = sada_entries_open(&p.s, ns, root,
	    by->carry, err)) < 0)
		goto out;
	if ((rc = sada_map_multi(ns, root, prepare_slot, &p, err)) == 0 &&
	    by->carry != NULL)
		rc = sada_carry_each(by->carry, prepare_path, &p, err);
out:
	sada_entries_free(p.s);
	sada_fold_release(&p.fold);
	return rc;
}

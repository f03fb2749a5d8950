/*
 * The plan: W and the view side by side, and what differs.
 *
 * The view's copies come after its main names, and a path may change from
 * one to the other, so a row without a main name is only a deletion until
 * the copies have been looked through.  Directories in which something
 * changes get an act too, filled by one more walk over W.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "disk/apply_priv.h"

#define SLAB_BYTES ((size_t)256 << 10)
#define IMPLIED_MODE 0700

struct sada_slab {
	struct sada_slab *next;
	size_t used, cap;
	_Alignas(16) unsigned char p[];
};

void *
sada_plan_mem(struct sada_plan *p, size_t n)
{
	struct sada_slab *s = p->slab;
	size_t cap;
	void *out;

	n = (n + 15) & ~(size_t)15;
	if (s == NULL || s->cap - s->used < n) {
		cap = n > SLAB_BYTES ? n : SLAB_BYTES;
		s = sada_malloc(sizeof(*s) + cap);
		s->next = p->slab;
		s->used = 0;
		s->cap = cap;
		p->slab = s;
	}
	out = s->p + s->used;
	s->used += n;
	return out;
}

void
sada_plan_release(struct sada_plan *p)
{
	struct sada_slab *s;

	while ((s = p->slab) != NULL) {
		p->slab = s->next;
		free(s);
	}
	free(p->act);
	memset(p, 0, sizeof(*p));
}

static char *
keep_text(struct sada_plan *p, const char *s, size_t n)
{
	char *out = sada_plan_mem(p, n + 1);

	if (n > 0)
		memcpy(out, s, n);
	out[n] = '\0';
	return out;
}

static struct sada_version *
keep_cover(struct sada_plan *p, const struct sada_version *v, size_t n)
{
	struct sada_version *out;
	size_t i;

	if (n == 0)
		return NULL;
	out = sada_plan_mem(p, n * sizeof(*v));
	memcpy(out, v, n * sizeof(*v));
	for (i = 0; i < n; i++)
		if (v[i].at != NULL)
			out[i].at = keep_text(p, v[i].at, v[i].at_len);
	return out;
}

/* A path and its slot, which are mostly the same bytes. */
static void
keep_paths(struct sada_plan *p, const char **path, size_t len,
    const char **slot, size_t slot_len)
{
	const char *was = *path;

	*path = keep_text(p, was, len);
	if (slot_len == len && (*slot == was ||
	    (len > 0 && memcmp(*slot, was, len) == 0) || len == 0))
		*slot = *path;
	else
		*slot = keep_text(p, *slot, slot_len);
}

const struct sada_name *
sada_plan_name(struct sada_plan *p, const struct sada_name *n)
{
	struct sada_name *out = sada_plan_mem(p, sizeof(*out));

	*out = *n;
	keep_paths(p, &out->path, n->len, &out->slot, n->slot_len);
	out->cover = keep_cover(p, n->cover, n->ncover);
	return out;
}

const struct sada_row *
sada_plan_row(struct sada_plan *p, const struct sada_row *r)
{
	struct sada_row *out = sada_plan_mem(p, sizeof(*out));

	*out = *r;
	keep_paths(p, &out->path, r->len, &out->slot, r->slot_len);
	out->cover = keep_cover(p, r->cover, r->ncover);
	return out;
}

struct sada_act *
sada_plan_add(struct sada_plan *p, const char *path, size_t len)
{
	struct sada_act *a;

	p->act = sada_grow(p->act, &p->cap, p->n + 1, sizeof(*p->act));
	a = &p->act[p->n++];
	memset(a, 0, sizeof(*a));
	a->path = keep_text(p, path, len);
	a->len = len;
	a->parent = SADA_NO_ACT;
	return a;
}

void
sada_row_of(struct sada_row *r, const struct sada_name *n)
{
	memset(r, 0, sizeof(*r));
	r->path = n->path;
	r->len = n->len;
	r->slot = n->slot;
	r->slot_len = n->slot_len;
	if (n->slot_len != n->len || memcmp(n->slot, n->path, n->len) != 0)
		r->flags |= SADA_ROW_COPY;
	if (n->ncover == 0)
		r->flags |= SADA_ROW_IMPLIED;
	r->kind = n->kind;
	r->mode = n->mode;
	r->size = n->size;
	r->content = n->content;
	r->mtime_s = n->mtime_s;
	r->mtime_ns = n->mtime_ns;
	r->cover = n->cover;
	r->ncover = n->ncover;
}

static int
version_same(const struct sada_version *a, const struct sada_version *b)
{
	return a->kind == b->kind && a->flags == b->flags &&
	    a->mode == b->mode && a->size == b->size &&
	    a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns &&
	    a->stamp_lamport == b->stamp_lamport &&
	    a->at_len == b->at_len && (a->at_len == 0 ||
	    memcmp(a->at, b->at, a->at_len) == 0) &&
	    sada_dot_cmp(&a->dot, &b->dot) == 0 &&
	    sada_id_cmp(&a->content, &b->content) == 0 &&
	    sada_id_cmp(&a->anc, &b->anc) == 0 &&
	    sada_id_cmp(&a->stamp_author, &b->stamp_author) == 0;
}

static int
cover_same(const struct sada_version *a, size_t na,
    const struct sada_version *b, size_t nb)
{
	size_t i;

	if (na != nb)
		return 0;
	for (i = 0; i < na; i++)
		if (!version_same(&a[i], &b[i]))
			return 0;
	return 1;
}

/* Would T be laid out just as W was? */
static int
layout_same(const struct sada_name *t, const struct sada_row *w)
{
	if (t->kind != w->kind)
		return 0;
	/* An implied directory has a mode, and no time of its own. */
	if (t->kind == SADA_DIR && t->ncover == 0)
		return t->mode == w->mode;
	if (t->mode != w->mode || t->mtime_s != w->mtime_s ||
	    t->mtime_ns != w->mtime_ns)
		return 0;
	return t->kind == SADA_DIR || (t->size == w->size &&
	    sada_id_cmp(&t->content, &w->content) == 0);
}

/* Is W the very row that T would be given? */
static int
row_same(const struct sada_name *t, const struct sada_row *w)
{
	struct sada_row r;

	sada_row_of(&r, t);
	return layout_same(t, w) && t->mode == w->mode &&
	    t->mtime_s == w->mtime_s && t->mtime_ns == w->mtime_ns &&
	    ((r.flags ^ w->flags) & (SADA_ROW_COPY | SADA_ROW_IMPLIED)) == 0 &&
	    r.slot_len == w->slot_len &&
	    memcmp(r.slot, w->slot, r.slot_len) == 0 &&
	    cover_same(t->cover, t->ncover, w->cover, w->ncover);
}

/* Note what is to be done about T (or NULL) and W (or NULL). */
static void
plan_pair(struct sada_plan *p, const struct sada_name *t,
    const struct sada_row *w)
{
	struct sada_act *a;

	if (t != NULL && w != NULL && row_same(t, w))
		return;
	a = sada_plan_add(p, t != NULL ? t->path : w->path,
	    t != NULL ? t->len : w->len);
	if (t != NULL)
		a->t = sada_plan_name(p, t);
	if (w != NULL)
		a->w = sada_plan_row(p, w);
	if (t != NULL && w != NULL && layout_same(t, w))
		a->flags |= SADA_ACT_ROW;
}

static int
act_cmp(const void *a, const void *b)
{
	const struct sada_act *x = a, *y = b;

	return sada_path_cmp(x->path, x->len, y->path, y->len);
}

/* Is act I there, and the directory at the first N bytes of PATH? */
static int
is_dir_of(const struct sada_plan *p, size_t i, const char *path, size_t n)
{
	return i != SADA_NO_ACT && p->act[i].len == n &&
	    memcmp(p->act[i].path, path, n) == 0;
}

void
sada_plan_sort(struct sada_plan *p)
{
	size_t i, dir;

	if (p->n > 1)
		qsort(p->act, p->n, sizeof(*p->act), act_cmp);
	for (i = 0; i < p->n; i++) {
		struct sada_act *a = &p->act[i];

		a->parent = SADA_NO_ACT;
		if (a->len == 0)
			continue;
		/* Mostly the act before, or the directory of that one. */
		dir = sada_path_parent(a->path, a->len);
		if (i > 0 && is_dir_of(p, i - 1, a->path, dir))
			a->parent = i - 1;
		else if (i > 0 && is_dir_of(p, a[-1].parent, a->path, dir))
			a->parent = a[-1].parent;
		else
			a->parent = sada_plan_find(p, a->path, dir);
	}
}

size_t
sada_plan_find(const struct sada_plan *p, const char *path, size_t len)
{
	const struct sada_act key = { .path = path, .len = len };
	const struct sada_act *a = p->n > 0 ?
	    bsearch(&key, p->act, p->n, sizeof(key), act_cmp) : NULL;

	return a != NULL ? (size_t)(a - p->act) : SADA_NO_ACT;
}

static int
slot_cmp(const void *a, const void *b)
{
	const struct sada_name *x = *(const struct sada_name *const *)a;
	const struct sada_name *y = *(const struct sada_name *const *)b;

	return sada_path_cmp(x->slot, x->slot_len, y->slot, y->slot_len);
}

void
sada_plan_conflicts(struct sada_plan *p, const struct sada_name *copies,
    size_t n)
{
	const struct sada_name **by;
	size_t i, k = 0;

	p->copies = n;
	if (n == 0)
		return;
	by = sada_calloc(n, sizeof(*by));
	for (i = 0; i < n; i++)
		if (copies[i].groups > 1)
			by[k++] = &copies[i];
	if (k > 1)
		qsort(by, k, sizeof(*by), slot_cmp);
	for (i = 0; i < k; i++)
		if (i == 0 || slot_cmp(&by[i - 1], &by[i]) != 0)
			p->conflicts++;
	free(by);
}

/* The root, for a view that says nothing of it. */
static void
implied_root(struct sada_name *n)
{
	memset(n, 0, sizeof(*n));
	n->path = n->slot = "";
	n->kind = SADA_DIR;
	n->mode = IMPLIED_MODE;
	n->mtime_ns = SADA_NO_MTIME;
}

/* Next main name; FIRST: the root is made up when the view has none. */
struct source {
	struct sada_view *view;
	struct sada_name next;
	int state;			/* 0 start, 1 NEXT waits, 2 run */
};

static int
next_name(struct source *s, struct sada_name *t, struct sada_err *err)
{
	int rc;

	if (s->state == 1) {
		s->state = 2;
		*t = s->next;
		return t->kind != 0;
	}
	rc = sada_view_next(s->view, t, err);
	if (rc < 0 || s->state == 2)
		return rc;
	if (rc > 0 && t->len == 0) {
		s->state = 2;
		return 1;
	}
	memset(&s->next, 0, sizeof(s->next));
	if (rc > 0)
		s->next = *t;
	s->state = 1;
	implied_root(t);
	return 1;
}

/* Walk W and the main names side by side. */
static int
plan_main(struct sada_plan *p, const struct sada_work *old,
    struct sada_view *view, struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct source src = { .view = view };
	struct sada_name t;
	struct sada_row w;
	int ht, hw, cmp, rc;

	if ((rc = sada_work_cursor_open(&c, old, err)) < 0 ||
	    (rc = ht = next_name(&src, &t, err)) < 0 ||
	    (rc = hw = sada_work_cursor_next(c, &w, err)) < 0)
		goto out;
	while (ht || hw) {
		cmp = !ht ? 1 : !hw ? -1 :
		    sada_path_cmp(t.path, t.len, w.path, w.len);
		plan_pair(p, cmp <= 0 ? &t : NULL, cmp >= 0 ? &w : NULL);
		if (cmp <= 0 && (rc = ht = next_name(&src, &t, err)) < 0)
			goto out;
		if (cmp >= 0 &&
		    (rc = hw = sada_work_cursor_next(c, &w, err)) < 0)
			goto out;
	}
	rc = 0;
out:
	sada_work_cursor_free(c);
	return rc;
}

/* Bring in the copies, over the acts of rows that had no main name. */
static int
plan_copies(struct sada_plan *p, struct sada_view *view,
    struct sada_err *err)
{
	const struct sada_name *copies;
	size_t n, i, at, k, old = p->n;
	int rc;

	if ((rc = sada_view_copies(view, &copies, &n, err)) < 0)
		return rc;
	sada_plan_conflicts(p, copies, n);
	for (i = 0; i < n; i++) {
		/* What plan_pair() appends lies behind the OLD sorted ones. */
		struct sada_plan sorted = { .act = p->act, .n = old };

		at = sada_plan_find(&sorted, copies[i].path, copies[i].len);
		if (at == SADA_NO_ACT) {
			plan_pair(p, &copies[i], NULL);
			continue;
		}
		/* Bad bytes in a view must not become two acts. */
		if (p->act[at].t != NULL)
			return sada_err_set(err, SADA_FORMAT, "the view shows "
			    "one path twice");
		if (row_same(&copies[i], p->act[at].w)) {
			p->act[at].rowflags = 1;	/* dropped below */
			continue;
		}
		p->act[at].t = sada_plan_name(p, &copies[i]);
		if (layout_same(&copies[i], p->act[at].w))
			p->act[at].flags |= SADA_ACT_ROW;
	}
	for (i = k = 0; i < p->n; i++)
		if (!p->act[i].rowflags)
			p->act[k++] = p->act[i];
	p->n = k;
	return 0;
}

/* The name that row W shows: of a directory that does not change. */
static const struct sada_name *
name_of(struct sada_plan *p, const struct sada_row *w)
{
	struct sada_name *n = sada_plan_mem(p, sizeof(*n));

	memset(n, 0, sizeof(*n));
	n->path = w->path;
	n->len = w->len;
	n->slot = w->slot;
	n->slot_len = w->slot_len;
	n->cover = w->cover;
	n->ncover = w->ncover;
	n->groups = 1;
	n->kind = w->kind;
	n->mode = w->mode;
	n->mtime_s = w->mtime_s;
	n->mtime_ns = w->mtime_ns;
	return n;
}

/* Add an act for each directory of an act that has none. */
static int
plan_dirs(struct sada_plan *p, const struct sada_work *old,
    struct sada_err *err)
{
	struct sada_work_cursor *c = NULL;
	struct sada_row w;
	struct sada_plan dirs = { 0 };
	size_t i, dir, at = 0, n = p->n;
	int rc, have;

	for (i = 0; i < n; i++) {
		const struct sada_act *a = &p->act[i];

		dir = sada_path_parent(a->path, a->len);
		if (a->len == 0 || (a->flags & SADA_ACT_ROW) != 0 ||
		    a->parent != SADA_NO_ACT || (dirs.n > 0 &&
		    dirs.act[dirs.n - 1].len == dir &&
		    memcmp(dirs.act[dirs.n - 1].path, a->path, dir) == 0))
			continue;
		(void)sada_plan_add(&dirs, a->path, dir);
	}
	sada_plan_sort(&dirs);
	if ((rc = sada_work_cursor_open(&c, dirs.n > 0 ? old : NULL,
	    err)) < 0)
		goto out;
	while (at < dirs.n) {
		if ((rc = have = sada_work_cursor_next(c, &w, err)) < 0)
			goto out;
		if (!have)
			break;
		while (at < dirs.n && sada_path_cmp(dirs.act[at].path,
		    dirs.act[at].len, w.path, w.len) < 0)
			at++;
		if (at < dirs.n && dirs.act[at].len == w.len &&
		    memcmp(dirs.act[at].path, w.path, w.len) == 0) {
			struct sada_act *a = sada_plan_add(p, w.path, w.len);

			a->w = sada_plan_row(p, &w);
			a->t = name_of(p, a->w);
			a->flags = SADA_ACT_TOUCH;
			while (at < dirs.n && dirs.act[at].len == w.len &&
			    memcmp(dirs.act[at].path, w.path, w.len) == 0)
				at++;
		}
	}
	rc = 0;
out:
	sada_work_cursor_free(c);
	sada_plan_release(&dirs);
	return rc;
}

int
sada_plan_build(struct sada_plan *p, const struct sada_work *old,
    struct sada_view *view, struct sada_err *err)
{
	int rc;

	if ((rc = plan_main(p, old, view, err)) < 0 ||
	    (rc = plan_copies(p, view, err)) < 0)
		return rc;
	sada_plan_sort(p);
	if ((rc = plan_dirs(p, old, err)) < 0)
		return rc;
	sada_plan_sort(p);
	return 0;
}

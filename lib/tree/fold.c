/*
 * Folding: which versions of a slot share a name.
 *
 * The order of versions is (lamport of their op, author, version id),
 * highest first, a function of the state alone.  In that order each joins
 * the group of an equal content, or the first with which it merges without
 * conflict, or opens one.  A slot may be forged to hold very many versions,
 * so equal contents are found by sorting, and merged are only few.
 *
 * A group and a version are merged from what are ancestors of that version
 * and of any in the group (tree/bases.h): what the group shows was made of
 * all of them, and so has the ancestors of each.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tree/bases.h"
#include "tree/fold_priv.h"
#include "tree/tree_priv.h"

#define NONE SIZE_MAX

struct sada_rank {
	const struct sada_version *v;
	size_t i;		/* in the slot: the order of version ids */
	uint64_t lamport;
	size_t rank;		/* in the order of versions */
	size_t twin;		/* the rank before with equal content */
};

/* Highest first. */
static int
rank_order(const void *pa, const void *pb)
{
	const struct sada_rank *a = pa, *b = pb;
	int c;

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport ? -1 : 1;
	if ((c = sada_id_cmp(&b->v->dot.author, &a->v->dot.author)) != 0)
		return c;
	return a->i > b->i ? -1 : a->i < b->i;
}

/* A size is part of the content: a version may lie about either. */
static int
content_cmp(const struct sada_version *a, const struct sada_version *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	return sada_id_cmp(&a->content, &b->content);
}

static int
content_order(const void *pa, const void *pb)
{
	const struct sada_rank *a = pa, *b = pb;
	int c = content_cmp(a->v, b->v);

	return c != 0 ? c : a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* Fill F->rank with the versions of E in their order, twins known. */
static void
rank(struct sada_fold *f, const struct sada_entry *e,
    sada_lamport_fn *lamport, void *ctx)
{
	struct sada_rank *r, *t;
	size_t i;

	r = f->rank = sada_grow(f->rank, &f->rankcap, e->nv, sizeof(*r));
	t = f->twin = sada_grow(f->twin, &f->twincap, e->nv, sizeof(*t));
	for (i = 0; i < e->nv; i++) {
		r[i].v = &e->v[i];
		r[i].i = i;
		r[i].lamport = e->nv > 1 ? lamport(&e->v[i].dot, ctx) : 0;
		r[i].twin = NONE;
	}
	if (e->nv > 1)
		qsort(r, e->nv, sizeof(*r), rank_order);
	for (i = 0; i < e->nv; i++)
		r[i].rank = i;
	if (e->nv < 2)
		return;
	memcpy(t, r, e->nv * sizeof(*t));
	qsort(t, e->nv, sizeof(*t), content_order);
	for (i = 1; i < e->nv; i++)
		if (content_cmp(t[i - 1].v, t[i].v) == 0)
			r[t[i].rank].twin = t[i - 1].rank;
}

/* A new group of F, whose highest version is V. */
static size_t
open_group(struct sada_fold *f, const struct sada_version *v)
{
	struct sada_group *g;

	f->g = sada_grow(f->g, &f->cap, f->n + 1, sizeof(*f->g));
	g = &f->g[f->n];
	memset(g, 0, sizeof(*g));
	g->kind = v->kind;
	g->mode = v->mode;
	g->size = v->size;
	g->content = v->content;
	g->mtime_s = v->mtime_s;
	g->mtime_ns = v->mtime_ns;
	g->reg = v;
	return f->n++;
}

/* What joining needs to know of a slot that is being folded. */
struct folding {
	struct sada_fold *f;
	const struct sada_entry *e;
	const struct sada_view_by *by;
	struct sada_kin *kin;		/* by rank, or NULL: nothing merges */
	size_t n;			/* ranks */
	struct sada_meld_left left;
};

/* Bits: the ranks below K that are in group TO. */
static uint32_t
members(const struct folding *x, size_t to, size_t k)
{
	const struct sada_fold *f = x->f;
	uint32_t in = 0;
	size_t i;

	for (i = 0; i < k; i++)
		if (f->at[f->rank[i].i] == to)
			in |= (uint32_t)1 << i;
	return in;
}

/* The bases of rank K and group TO: 1, or 0 when there are none. */
static int
find_bases(struct folding *x, size_t to, size_t k, struct sada_bases *b,
    struct sada_err *err)
{
	uint32_t in = members(x, to, k);
	size_t i;
	int rc;

	for (i = 0; i <= k; i++)
		if ((i == k || (in >> i & 1)) &&
		    (rc = sada_kin_load(x->kin, i, err)) < 0)
			return rc;
	return sada_bases_find(b, x->kin, k, in) > 0;
}

/* Mode of group G once V is in it, from the bases B. */
static void
join_mode(struct sada_group *g, const struct sada_version *v,
    const struct sada_bases *b)
{
	if (g->mode == sada_bases_mode(b))
		g->mode = v->mode;
	/* A link has none, though the file that it replaced was changed. */
	if (g->kind == SADA_LINK)
		g->mode = 0;
}

/* A time that neither side had, so that tools see the change. */
static void
later_mtime(struct sada_group *g, const struct sada_version *v)
{
	if (v->mtime_s > g->mtime_s || (v->mtime_s == g->mtime_s &&
	    v->mtime_ns > g->mtime_ns)) {
		g->mtime_s = v->mtime_s;
		g->mtime_ns = v->mtime_ns;
	}
	if (g->mtime_ns < 999999999)
		g->mtime_ns++;
	else if (g->mtime_s < INT64_MAX) {
		g->mtime_ns = 0;
		g->mtime_s++;
	}
}

static void
side_of(struct sada_side3 *s, uint8_t kind, uint64_t size,
    const struct sada_id *id)
{
	s->kind = kind;
	s->size = size;
	s->id = *id;
}

/* What is known of a version that has joined no group so far. */
struct apart {
	unsigned why;			/* enum sada_apart */
	unsigned based;
	struct sada_dot lacks;
	struct sada_side3 base;
};

/* The dot of the version that brought the content of group TO. */
static const struct sada_dot *
brought(const struct folding *x, size_t to, size_t k)
{
	const struct sada_fold *f = x->f;
	const struct sada_group *g = &f->g[to];
	size_t i;

	for (i = 0; i < k; i++)
		if (f->at[f->rank[i].i] == to && sada_id_cmp(
		    &f->rank[i].v->content, &g->content) == 0)
			return &f->rank[i].v->dot;
	return &g->reg->dot;
}

/* Whose list of ancestors is not here: of rank K, or in group TO.  Or NULL. */
static const struct sada_dot *
unlisted(const struct folding *x, size_t to, size_t k)
{
	const struct sada_fold *f = x->f;
	size_t i;

	if (sada_kin_lacks(x->kin, k))
		return &f->rank[k].v->dot;
	for (i = 0; i < k; i++)
		if (f->at[f->rank[i].i] == to && sada_kin_lacks(x->kin, i))
			return &f->rank[i].v->dot;
	return NULL;
}

/* Rank K and group TO do not join, for WHY: what came nearest counts. */
static void
stand_apart(struct apart *apart, unsigned why, const struct sada_dot *lacks)
{
	if (why <= apart->why)
		return;
	apart->why = why;
	if (lacks != NULL)
		apart->lacks = *lacks;
}

/* No ancestor is known that rank K and group TO have in common. */
static void
no_base(const struct folding *x, size_t to, size_t k, struct apart *apart)
{
	const struct sada_dot *dot = unlisted(x, to, k);

	if (dot != NULL)
		stand_apart(apart, SADA_APART_LACKS, dot);
	else
		stand_apart(apart, x->f->g[to].kind != x->f->rank[k].v->kind ?
		    SADA_APART_KIND : SADA_APART_BASE, NULL);
}

/*
 * Who must have had the content of A, an entry of some list: what several
 * versions showed together only he who made something of it.
 */
static const struct sada_dot *
had(const struct folding *x, size_t k, const struct sada_ancestor *a)
{
	struct sada_elder *e;
	size_t i, j, n;

	for (i = 0; i <= k && a->ndot > 1; i++) {
		n = sada_kin_list(x->kin, i, &e);
		for (j = 0; j < n; j++)
			if (e[j].a == a)
				return &x->f->rank[i].v->dot;
	}
	return &a->dot[0];
}

/* MELD of rank K and group TO came to nothing. */
static void
no_meld(const struct folding *x, size_t to, size_t k,
    const struct sada_meld *meld, struct apart *apart)
{
	const struct sada_dot *dot = NULL;

	if (meld->apart == SADA_APART_LACKS)
		dot = meld->lacks & SADA_LACK_B ? &x->f->rank[k].v->dot :
		    meld->lacks & SADA_LACK_A ? brought(x, to, k) :
		    had(x, k, meld->anc);
	stand_apart(apart, meld->apart, dot);
	if (!apart->based && meld->base.kind == SADA_FILE) {
		apart->based = 1;
		apart->base = meld->base;
	}
}

/* Bring rank K into group TO by the bases B: 1, or 0 and why in APART. */
static int
join_by(struct folding *x, size_t to, size_t k, const struct sada_bases *b,
    struct apart *apart, struct sada_err *err)
{
	struct sada_group *g = &x->f->g[to];
	const struct sada_version *v = x->f->rank[k].v;
	struct sada_meld meld;
	int rc;

	memset(&meld, 0, sizeof(meld));
	meld.path = x->e->path;
	meld.len = x->e->len;
	meld.left = &x->left;
	side_of(&meld.a, g->kind, g->size, &g->content);
	side_of(&meld.b, v->kind, v->size, &v->content);
	if ((rc = sada_bases_meld(b, x->by->merger, &meld, err)) <= 0) {
		if (rc == 0)
			no_meld(x, to, k, &meld, apart);
		return rc;
	}
	if (meld.from == SADA_FROM_BOTH)
		later_mtime(g, v);
	if (meld.from == SADA_FROM_B) {
		g->mtime_s = v->mtime_s;
		g->mtime_ns = v->mtime_ns;
	}
	g->kind = meld.out.kind;
	g->size = meld.out.size;
	g->content = meld.out.id;
	join_mode(g, v, b);
	return 1;
}

/* Bring rank K into group TO if they merge: 1, or 0 and why in APART. */
static int
join_group(struct folding *x, size_t to, size_t k, struct apart *apart,
    struct sada_err *err)
{
	const struct sada_group *g = &x->f->g[to];
	const struct sada_version *v = x->f->rank[k].v;
	struct sada_bases bases;
	int rc;

	if ((rc = find_bases(x, to, k, &bases, err)) < 0)
		return rc;
	if (rc == 1) {
		rc = join_by(x, to, k, &bases, apart, err);
		sada_bases_release(&bases);
		return rc;
	}
	/* A merge may have come to what V is: then no base is asked for. */
	if (g->kind == v->kind && g->size == v->size &&
	    sada_id_cmp(&g->content, &v->content) == 0)
		return 1;
	no_base(x, to, k, apart);
	return 0;
}

/* Two versions of equal content in group TO: the mode may still differ. */
static int
join_twin(struct folding *x, size_t to, size_t k, struct sada_err *err)
{
	struct sada_group *g = &x->f->g[to];
	const struct sada_version *v = x->f->rank[k].v;
	struct sada_bases bases;
	int rc;

	if (x->kin == NULL || v->kind != SADA_FILE || v->mode == g->mode)
		return 0;
	if ((rc = find_bases(x, to, k, &bases, err)) <= 0)
		return rc;
	join_mode(g, v, &bases);
	sada_bases_release(&bases);
	return 0;
}

/* The group that rank K joins by a merge: 1 and *TO, or 0 and APART. */
static int
find_group(struct folding *x, size_t k, size_t *to, struct apart *apart,
    struct sada_err *err)
{
	struct sada_fold *f = x->f;
	const char *command;
	size_t i;
	int newest, rc;

	memset(apart, 0, sizeof(*apart));
	if (f->n == 0)
		return 0;
	apart->why = SADA_APART_KIND;
	if (x->kin == NULL)
		apart->why = SADA_APART_MANY;
	if (x->kin == NULL || f->rank[k].v->kind == SADA_DIR)
		return 0;
	newest = sada_merger_driver(x->by->merger, x->e->path, x->e->len,
	    &command) == SADA_MERGE_NEWEST;
	for (i = 0; i < f->n; i++) {
		if (f->g[i].kind == SADA_DIR)
			continue;
		rc = newest ? 1 : join_group(x, i, k, apart,
		    err);
		if (rc != 0) {
			*to = i;
			return rc;
		}
	}
	return 0;
}

/* Give each version its group: F->at[i] of version i of the slot. */
static int
assign(struct folding *x, struct sada_err *err)
{
	struct sada_fold *f = x->f;
	struct sada_group *g;
	struct sada_rank *r;
	struct apart apart;
	size_t k, to;
	int rc = 0;

	f->n = 0;
	f->at = sada_grow(f->at, &f->atcap, x->n, sizeof(*f->at));
	for (k = 0; k < x->n; k++) {
		r = &f->rank[k];
		f->at[r->i] = NONE;
		if (r->twin != NONE) {
			to = f->at[f->rank[r->twin].i];
			rc = join_twin(x, to, k, err);
		} else if ((rc = find_group(x, k, &to, &apart, err)) == 0) {
			to = open_group(f, r->v);
			f->g[to].apart = (uint8_t)apart.why;
			f->g[to].based = (uint8_t)apart.based;
			f->g[to].base = apart.base;
			f->g[to].lacks = apart.lacks;
		}
		if (rc < 0)
			return rc;
		f->at[r->i] = to;
		g = &f->g[to];
		g->ncover++;
		/* A directory is one register, and the highest counts. */
		if (r->v->kind == SADA_DIR &&
		    sada_register_cmp(r->v, g->reg) > 0) {
			g->reg = r->v;
			g->mode = r->v->mode;
			g->mtime_s = r->v->mtime_s;
			g->mtime_ns = r->v->mtime_ns;
		}
	}
	return 0;
}

/* Gather the covers, in the order of the slot: that of version ids. */
static void
gather(struct sada_fold *f, const struct sada_entry *e)
{
	struct sada_group *g;
	struct sada_version *v;
	size_t i;

	v = f->cover = sada_grow(f->cover, &f->covercap, e->nv, sizeof(*v));
	f->dir = f->n;
	for (g = f->g; g < f->g + f->n; g++) {
		if (g->kind == SADA_DIR)
			f->dir = (size_t)(g - f->g);
		g->cover = v;
		v += g->ncover;
		g->ncover = 0;
	}
	for (i = 0; i < e->nv; i++) {
		g = &f->g[f->at[i]];
		g->cover[g->ncover++] = e->v[i];
	}
}

/* The kin of X's versions, if these are few enough to be merged. */
static void
meet(struct folding *x)
{
	size_t k;

	if (x->n < 2 || x->n > SADA_KIN_MAX)
		return;
	sada_kin_new(&x->kin, x->by, x->n);
	for (k = 0; k < x->n; k++)
		sada_kin_set(x->kin, k, x->f->rank[k].v);
}

int
sada_fold_bases(struct sada_fold *f, const struct sada_entry *e,
    const struct sada_view_by *by, struct sada_err *err)
{
	struct folding x = { .f = f, .e = e, .by = by, .n = e->nv };
	size_t k;
	int rc = 0;

	if (e->nv < 2 || e->nv > SADA_KIN_MAX)
		return 0;
	rank(f, e, by->lamport, by->ctx);
	meet(&x);
	for (k = 0; k < e->nv && rc == 0; k++)
		rc = sada_kin_load(x.kin, k, err);
	for (k = 1; k < e->nv && rc == 0; k++)
		if (f->rank[k].twin == NONE)
			sada_bases_tell(x.kin, by->merger, k, f->rank[k].v);
	sada_kin_free(x.kin);
	return rc;
}

int
sada_fold_slot(struct sada_fold *f, const struct sada_entry *e,
    const struct sada_view_by *by, struct sada_err *err)
{
	struct folding x = { f, e, by, NULL, e->nv, { SADA_MELDS_MAX,
	    SADA_MELDS_BYTES } };
	int rc;

	assert(e->nv > 0);
	rank(f, e, by->lamport, by->ctx);
	if (by->merger != NULL)
		meet(&x);
	if ((rc = assign(&x, err)) == 0)
		gather(f, e);
	sada_kin_free(x.kin);
	return rc;
}

void
sada_fold_release(struct sada_fold *f)
{
	free(f->g);
	free(f->cover);
	free(f->rank);
	free(f->twin);
	free(f->at);
	memset(f, 0, sizeof(*f));
}

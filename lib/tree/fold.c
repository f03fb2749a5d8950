/*
 * Folding: which versions of a slot share a name.
 *
 * The order of versions is (lamport of their op, author, version id),
 * highest first, a function of the state alone.  In that order each joins
 * the group of an equal content or opens one; assign() is the place where
 * it may join a group by a merge as well.  A slot may be forged to hold
 * very many versions, so equal contents are found by sorting.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
	f->g = sada_grow(f->g, &f->cap, f->n + 1, sizeof(*f->g));
	memset(&f->g[f->n], 0, sizeof(*f->g));
	f->g[f->n].lead = v;
	return f->n++;
}

/*
 * Give each version its group: F->at[i] of version i of the slot.  F->twin
 * is free by now and holds nothing that is needed.
 */
static void
assign(struct sada_fold *f, size_t nv)
{
	struct sada_rank *r;
	struct sada_group *g;
	size_t k, to;

	f->n = 0;
	f->at = sada_grow(f->at, &f->atcap, nv, sizeof(*f->at));
	for (k = 0; k < nv; k++) {
		r = &f->rank[k];
		to = r->twin != NONE ? f->at[f->rank[r->twin].i] :
		    open_group(f, r->v);
		f->at[r->i] = to;
		g = &f->g[to];
		g->ncover++;
		/* A directory is one register, and the highest counts. */
		if (r->v->kind == SADA_DIR &&
		    sada_register_cmp(r->v, g->lead) > 0)
			g->lead = r->v;
	}
}

void
sada_fold_slot(struct sada_fold *f, const struct sada_entry *e,
    sada_lamport_fn *lamport, void *ctx)
{
	struct sada_group *g;
	struct sada_version *v, *end;
	const struct sada_version *lead;
	size_t i;

	assert(e->nv > 0);
	rank(f, e, lamport, ctx);
	assign(f, e->nv);
	v = f->cover = sada_grow(f->cover, &f->covercap, e->nv, sizeof(*v));
	f->dir = f->n;
	for (g = f->g; g < f->g + f->n; g++) {
		if (g->lead->kind == SADA_DIR)
			f->dir = (size_t)(g - f->g);
		g->cover = v;
		v += g->ncover;
		g->ncover = 0;
	}
	/* In the order of the slot, which is that of version ids. */
	for (i = 0; i < e->nv; i++) {
		g = &f->g[f->at[i]];
		lead = &e->v[i];
		end = &g->cover[g->ncover++];
		*end = *lead;
		if (g->lead == lead)
			g->lead = end;
	}
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

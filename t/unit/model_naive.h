/*
 * The rules of convergence by their letter: ops and versions as small sets
 * of bits, every state worked out from scratch.  Nothing of lib/tree but
 * the build of the finished map is used.
 *
 * A model may leave a rule out: it must then come to other states than the
 * library for some history, or the comparison proves nothing.
 */
#ifndef SADA_UNIT_MODEL_NAIVE_H
#define SADA_UNIT_MODEL_NAIVE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tree/tree.h"

enum {
	RIGHT,		/* as designed */
	NO_TAG,		/* a dot is author, epoch, seq */
	NO_COVER,	/* a change takes the whole slot */
	ONE_HEAD,	/* the state is the map of one head */
	BY_DOT,		/* a version is its dot, not its hash */
	ANY_FORK,	/* one of several ops with a dot stands for all */
	NMODELS
};

#define NAIVE_OPS 64
#define NAIVE_RECS 256
#ifndef NAIVE_PATHS
#define NAIVE_PATHS 10
#endif

/* A set of records. */
struct nset {
	uint64_t w[NAIVE_RECS / 64];
};

/* A version as some op wrote it: a new one, or a new register. */
struct nrec {
	int path, op;
	struct sada_version v;
	struct sada_id id;
	uint64_t gone_by;	/* the ops that removed this version */
};

struct nop {
	struct sada_id id;
	struct sada_dot dot;
	uint64_t past;		/* itself included */
	struct nset map[NMODELS];
};

struct naive {
	const char *path[NAIVE_PATHS];	/* in map order */
	struct nop op[NAIVE_OPS];
	struct nrec rec[NAIVE_RECS];
	int nop, nrec;
	unsigned nmodels;		/* how many are kept: 1 or NMODELS */
};

static inline int
nset_has(const struct nset *s, int i)
{
	return (int)(s->w[i / 64] >> (i % 64) & 1);
}

static inline void
nset_put(struct nset *s, int i, int on)
{
	uint64_t bit = (uint64_t)1 << (i % 64);

	s->w[i / 64] = on ? s->w[i / 64] | bit : s->w[i / 64] & ~bit;
}

static inline int
ndot_same(unsigned model, const struct sada_dot *a, const struct sada_dot *b)
{
	return memcmp(a->author.b, b->author.b, SADA_ID_LEN) == 0 &&
	    a->epoch == b->epoch && a->seq == b->seq &&
	    (model == NO_TAG || a->tag == b->tag);
}

/* Are all ops of ALL with dot D among OPS, and is there one? */
static inline int
naive_seen(const struct naive *n, unsigned model, uint64_t ops, uint64_t all,
    const struct sada_dot *d)
{
	uint64_t with = 0;
	int i;

	for (i = 0; i < n->nop; i++)
		if ((all >> i & 1) && ndot_same(model, &n->op[i].dot, d))
			with |= (uint64_t)1 << i;
	if (model == NO_TAG || model == ANY_FORK)
		return (with & ops) != 0;
	return with != 0 && (with & ~ops) == 0;
}

/* Are records A and B of the same version? */
static inline int
nrec_same(unsigned model, const struct nrec *a, const struct nrec *b)
{
	if (a->path != b->path)
		return 0;
	if (model == BY_DOT)
		return ndot_same(RIGHT, &a->v.dot, &b->v.dot);
	return memcmp(a->id.b, b->id.b, SADA_ID_LEN) == 0;
}

/* Does register A win over B? */
static inline int
nrec_wins(const struct sada_version *a, const struct sada_version *b)
{
	int c = memcmp(a->stamp_author.b, b->stamp_author.b, SADA_ID_LEN);

	if (a->stamp_lamport != b->stamp_lamport)
		return a->stamp_lamport > b->stamp_lamport;
	if (c != 0)
		return c > 0;
	if (a->mode != b->mode)
		return a->mode > b->mode;
	if (a->mtime_s != b->mtime_s)
		return a->mtime_s > b->mtime_s;
	return a->mtime_ns > b->mtime_ns;
}

/* The heads of OPS: in no other one's past. */
static inline uint64_t
naive_heads(const struct naive *n, uint64_t ops)
{
	uint64_t heads = ops;
	int i;

	for (i = 0; i < n->nop; i++)
		if (ops >> i & 1)
			heads &= ~(n->op[i].past & ~((uint64_t)1 << i));
	return heads;
}

/* Does the version of record K live in the join of HEADS' maps? */
static inline int
naive_lives(const struct naive *n, unsigned model, uint64_t heads, int k)
{
	uint64_t all = 0;
	int i, j, has, any = 0;

	for (i = 0; i < n->nop; i++)
		if (heads >> i & 1)
			all |= n->op[i].past;
	for (i = 0; i < n->nop; i++) {
		if ((heads >> i & 1) == 0)
			continue;
		for (j = 0, has = 0; j < n->nrec && !has; j++)
			has = nset_has(&n->op[i].map[model], j) &&
			    nrec_same(model, &n->rec[j], &n->rec[k]);
		if (!has && naive_seen(n, model, n->op[i].past, all,
		    &n->rec[k].v.dot))
			return 0;
		any |= has;
	}
	return any;
}

/* The map of the set OPS. */
static inline void
naive_map(const struct naive *n, unsigned model, uint64_t ops,
    struct nset *out)
{
	uint64_t heads = naive_heads(n, ops);
	struct nset all = { { 0 } };
	int i, j, k;

	memset(out, 0, sizeof(*out));
	if (model == ONE_HEAD)
		heads &= ~heads + 1;
	for (i = 0; i < n->nop; i++)
		for (j = 0; (heads >> i & 1) && j < NAIVE_RECS / 64; j++)
			all.w[j] |= n->op[i].map[model].w[j];
	for (k = 0; k < n->nrec; k++) {
		if (!nset_has(&all, k) || !naive_lives(n, model, heads, k))
			continue;
		/* Of several registers of one version the highest. */
		for (j = 0; j < n->nrec; j++)
			if (nset_has(out, j) && nrec_same(model, &n->rec[j],
			    &n->rec[k]))
				break;
		if (j < n->nrec && !nrec_wins(&n->rec[k].v, &n->rec[j].v))
			continue;
		if (j < n->nrec)
			nset_put(out, j, 0);
		nset_put(out, k, 1);
	}
}

/* One slot that an op changes. */
struct nchange {
	int path, has, chmod;	/* chmod: V is a register, nothing goes */
	struct sada_id gone[NAIVE_OPS];
	size_t ngone;
	struct sada_version v;
};

static inline int
nchange_takes(const struct nchange *c, const struct nrec *r)
{
	size_t i;

	for (i = 0; i < c->ngone; i++)
		if (memcmp(c->gone[i].b, r->id.b, SADA_ID_LEN) == 0)
			return r->path == c->path;
	return 0;
}

/* Op ID with DOT on the ops of PAST changes the slots of C. */
static inline int
naive_add(struct naive *n, const struct sada_id *id,
    const struct sada_dot *dot, uint64_t past, const struct nchange *c,
    size_t nc)
{
	struct nop *o = &n->op[n->nop];
	struct nrec *r;
	unsigned m;
	size_t i;
	int k, first = n->nrec;

	assert(n->nop < NAIVE_OPS && n->nrec + (int)nc <= NAIVE_RECS);
	for (i = 0; i < nc; i++) {
		for (k = 0; k < first; k++)
			if (nchange_takes(&c[i], &n->rec[k]))
				n->rec[k].gone_by |= (uint64_t)1 << n->nop;
		if (!c[i].has)
			continue;
		r = &n->rec[n->nrec++];
		memset(r, 0, sizeof(*r));
		r->path = c[i].path;
		r->op = n->nop;
		r->v = c[i].v;
		sada_version_id(&r->id, &r->v);
	}
	for (m = 0; m < n->nmodels; m++) {
		naive_map(n, m, past, &o->map[m]);
		for (i = 0; i < nc; i++)
			for (k = 0; k < first; k++)
				if (nchange_takes(&c[i], &n->rec[k]) ||
				    (m == NO_COVER && !c[i].chmod &&
				    n->rec[k].path == c[i].path))
					nset_put(&o->map[m], k, 0);
		for (k = first; k < n->nrec; k++) {
			for (i = 0; (int)i < first; i++)
				if (nrec_same(m, &n->rec[i], &n->rec[k]))
					nset_put(&o->map[m], (int)i, 0);
			nset_put(&o->map[m], k, 1);
		}
	}
	o->id = *id;
	o->dot = *dot;
	o->past = past | (uint64_t)1 << n->nop;
	return n->nop++;
}

/*
 * What lives when no two ops share a dot, said without any join: what an op
 * of OPS wrote and none of them removed; of registers the highest.
 */
static inline void
naive_alive(const struct naive *n, uint64_t ops, struct nset *out)
{
	uint64_t gone;
	int j, k, best;

	memset(out, 0, sizeof(*out));
	for (k = 0; k < n->nrec; k++) {
		gone = 0;
		best = (int)(ops >> n->rec[k].op & 1);
		for (j = 0; j < n->nrec; j++) {
			if (!nrec_same(RIGHT, &n->rec[j], &n->rec[k]))
				continue;
			gone |= n->rec[j].gone_by;
			if ((ops >> n->rec[j].op & 1) == 0 || j == k)
				continue;
			/* Two copies of a store may have set it alike. */
			if (nrec_wins(&n->rec[j].v, &n->rec[k].v) ||
			    (j < k && !nrec_wins(&n->rec[k].v,
			    &n->rec[j].v)))
				best = 0;
		}
		nset_put(out, k, best && (gone & ops) == 0);
	}
}

/* Are the versions of A, whatever their register, among those of B? */
static inline int
naive_within(const struct naive *n, const struct nset *a,
    const struct nset *b)
{
	int i, j;

	for (i = 0; i < n->nrec; i++) {
		if (!nset_has(a, i))
			continue;
		for (j = 0; j < n->nrec; j++)
			if (nset_has(b, j) && nrec_same(RIGHT, &n->rec[i],
			    &n->rec[j]))
				break;
		if (j == n->nrec)
			return 0;
	}
	return 1;
}

static inline int
nrec_order(const void *a, const void *b)
{
	return memcmp((*(const struct nrec *const *)a)->id.b,
	    (*(const struct nrec *const *)b)->id.b, SADA_ID_LEN);
}

/* The root of the map that the records of S are. */
static inline void
naive_root(const struct naive *n, const struct nset *s, struct sada_id *root)
{
	const struct nrec *at[NAIVE_RECS];
	struct sada_version v[NAIVE_RECS];
	struct sada_nodes ns = { 0 };
	struct sada_build *b;
	struct sada_entry e;
	struct sada_err err;
	size_t i, nv;
	int k, p, rc = 0;

	sada_build_new(&b, &ns);
	for (p = 0; p < NAIVE_PATHS; p++) {
		for (k = 0, nv = 0; k < n->nrec; k++)
			if (nset_has(s, k) && n->rec[k].path == p)
				at[nv++] = &n->rec[k];
		if (nv == 0)
			continue;
		qsort(at, nv, sizeof(*at), nrec_order);
		for (i = 0; i < nv; i++)
			v[i] = at[i]->v;
		e.path = n->path[p];
		e.len = strlen(n->path[p]);
		e.v = v;
		e.nv = nv;
		rc |= sada_build_add(b, &e, &err);
	}
	rc |= sada_build_finish(b, root, &err);
	assert(rc == 0);
}

static inline int
nid_order(const void *a, const void *b)
{
	return memcmp(a, b, SADA_ID_LEN);
}

/* The id of the state of OPS. */
static inline void
naive_state_id(const struct naive *n, unsigned model, uint64_t ops,
    struct sada_id *out)
{
	struct sada_id h[NAIVE_OPS + 1];
	uint64_t heads = naive_heads(n, ops);
	struct nset map;
	size_t nh = 0;
	int i;

	for (i = 0; i < n->nop; i++)
		if (heads >> i & 1)
			h[nh++] = n->op[i].id;
	qsort(h, nh, sizeof(*h), nid_order);
	naive_map(n, model, ops, &map);
	naive_root(n, &map, &h[nh]);
	sada_hash(out, SADA_CTX_STATE, h, (nh + 1) * sizeof(*h));
}

#endif

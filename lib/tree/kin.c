/*
 * Who of a slot's versions has which ancestors.
 *
 * A mark is a dot with a content, as it stands in an entry of some list;
 * equal ones are one.  A version that lists it has every entry with that
 * mark for an ancestor.  A version that is alone has every entry all of
 * whose dots its ops have seen.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tree/kin.h"

/* Ops of one dot that are looked at: more are a flood, and not believed. */
#define LANES 16
/* Slots of the smallest table. */
#define TABLE_MIN 64

/* It was not looked up yet which ops a mark's dot has. */
#define UNASKED 3

struct mark {
	const struct sada_dot *dot;
	const struct sada_ancestor *a;	/* one with that content */
	uint64_t lamport;
	uint32_t op;			/* an op of the dot, if it has NOPS 1 */
	uint8_t nops;			/* 2: or more; UNASKED */
	uint32_t listed;		/* bits: who lists it */
	uint32_t seen;			/* bits: whose ops have seen it */
};

struct kin {
	const struct sada_version *v;
	struct sada_ancestor *a;	/* own, or NULL */
	struct sada_elder *e;		/* of each, with their marks behind */
	size_t n;
	int loaded, lacks;
	size_t told;			/* marks that it was asked for */
};

/* Invariants: TABLE holds each of MARK once, as its number + 1; 0 is free. */
struct sada_kin {
	const struct sada_view_by *by;
	struct kin kin[SADA_KIN_MAX];
	size_t n;
	uint32_t loaded;		/* bits */
	struct mark *mark;
	size_t nmark, cap;
	uint32_t *table;
	size_t mask;			/* of its size, a power of two */
	const uint64_t *key;		/* random, of the merger */
};

void
sada_kin_new(struct sada_kin **out, const struct sada_view_by *by, size_t n)
{
	struct sada_kin *x = sada_calloc(1, sizeof(*x));

	assert(n <= SADA_KIN_MAX);
	x->by = by;
	x->n = n;
	x->key = sada_merger_key(by->merger);
	*out = x;
}

void
sada_kin_free(struct sada_kin *x)
{
	size_t k, i;

	if (x == NULL)
		return;
	for (k = 0; k < x->n; k++) {
		for (i = 0; i < x->kin[k].n && x->kin[k].e != NULL; i++)
			free(x->kin[k].e[i].sees);
		free(x->kin[k].a);
		free(x->kin[k].e);
	}
	free(x->mark);
	free(x->table);
	free(x);
}

void
sada_kin_set(struct sada_kin *x, size_t k, const struct sada_version *v)
{
	x->kin[k].v = v;
}

int
sada_kin_lacks(const struct sada_kin *x, size_t k)
{
	return x->kin[k].lacks;
}

size_t
sada_kin_list(const struct sada_kin *x, size_t k, struct sada_elder **e)
{
	*e = x->kin[k].e;
	return x->kin[k].n;
}

static int
mark_is(const struct mark *m, const struct sada_dot *d,
    const struct sada_ancestor *a)
{
	return sada_dot_cmp(m->dot, d) == 0 && (m->a == a ||
	    (m->a->kind == a->kind && m->a->size == a->size &&
	    sada_id_cmp(&m->a->content, &a->content) == 0));
}

static size_t
hash(const struct sada_kin *x, const struct sada_dot *d,
    const struct sada_ancestor *a)
{
	const uint64_t *k = x->key;

	return (size_t)((sada_le64(d->author.b) * k[0] +
	    sada_le64(d->author.b + 8) * k[1] + d->epoch * k[2] +
	    d->seq * k[3] + d->tag * k[4] + sada_le64(a->content.b) * k[5] +
	    sada_le64(a->content.b + 8) * k[6] + a->size * k[7]) >> 32);
}

/* The place of mark (D, A) in the table, or of the free one that it gets. */
static size_t
place(const struct sada_kin *x, const struct sada_dot *d,
    const struct sada_ancestor *a)
{
	size_t at = hash(x, d, a) & x->mask;

	while (x->table[at] != 0 && !mark_is(&x->mark[x->table[at] - 1], d,
	    a))
		at = (at + 1) & x->mask;
	return at;
}

/* Make room in the table for N more marks: half of it stays free. */
static void
make_room(struct sada_kin *x, size_t n)
{
	size_t size = x->table == NULL ? TABLE_MIN : x->mask + 1, i;

	while (size < 2 * (x->nmark + n))
		size *= 2;
	if (x->table != NULL && size == x->mask + 1)
		return;
	free(x->table);
	x->table = sada_calloc(size, sizeof(*x->table));
	x->mask = size - 1;
	for (i = 0; i < x->nmark; i++)
		x->table[place(x, x->mark[i].dot, x->mark[i].a)] =
		    (uint32_t)i + 1;
}

/* The number of mark (D, A). */
static uint32_t
mark_of(struct sada_kin *x, const struct sada_dot *d,
    const struct sada_ancestor *a)
{
	size_t at = place(x, d, a);
	struct mark *m;

	if (x->table[at] != 0)
		return x->table[at] - 1;
	x->mark = sada_grow(x->mark, &x->cap, x->nmark + 1,
	    sizeof(*x->mark));
	m = &x->mark[x->nmark++];
	memset(m, 0, sizeof(*m));
	m->dot = d;
	m->a = a;
	m->lamport = x->by->lamport(d, x->by->ctx);
	m->nops = UNASKED;
	x->table[at] = (uint32_t)x->nmark;
	return (uint32_t)x->nmark - 1;
}

/* Enter the list of number K. */
static void
enter(struct sada_kin *x, size_t k)
{
	struct kin *kin = &x->kin[k];
	struct sada_elder *e;
	struct mark *m;
	size_t i, j, dots = 0;
	uint32_t *at;

	for (i = 0; i < kin->n; i++)
		dots += kin->a[i].ndot;
	make_room(x, dots);
	kin->e = sada_calloc(1, kin->n * sizeof(*e) + dots * sizeof(*at) + 1);
	at = (uint32_t *)(void *)(kin->e + kin->n);
	for (i = 0; i < kin->n; i++) {
		e = &kin->e[i];
		e->a = &kin->a[i];
		e->mark = at;
		for (j = 0; j < e->a->ndot; j++) {
			*at = mark_of(x, &e->a->dot[j], e->a);
			m = &x->mark[*at++];
			m->listed |= (uint32_t)1 << k;
			if (m->lamport > e->lamport)
				e->lamport = m->lamport;
		}
	}
}

int
sada_kin_load(struct sada_kin *x, size_t k, struct sada_err *err)
{
	struct kin *kin = &x->kin[k];
	size_t i;
	int rc;

	if (kin->loaded)
		return 0;
	if ((rc = sada_merger_list(x->by->merger, kin->v, &kin->a, &kin->n,
	    err)) < 0)
		return rc;
	kin->lacks = rc == 0;
	kin->loaded = 1;
	x->loaded |= (uint32_t)1 << k;
	/* It is shown elsewhere than it lives, and its ancestors were. */
	for (i = 0; i < kin->n && kin->v->at != NULL; i++)
		kin->a[i].other = 1;
	enter(x, k);
	return 0;
}

/* How many ops has mark M: 0, 1, or 2 for more?  Of one it is M->op. */
static unsigned
ops_of(const struct sada_kin *x, struct mark *m)
{
	size_t n;

	if (m->nops == UNASKED) {
		n = sada_merger_ops(x->by->merger, m->dot, &m->op, 1);
		m->nops = n > 1 ? 2 : (uint8_t)n;
	}
	return m->nops;
}

/* Has PAST seen an op of mark M? */
static int
in_past(const struct sada_kin *x, const struct sada_context *past,
    struct mark *m)
{
	switch (ops_of(x, m)) {
	case 0:
		return 0;
	case 1:
		return sada_context_has(past, m->op);
	default:
		return sada_merger_seen(x->by->merger, past, m->dot);
	}
}

/* Note which marks the ops of K have seen, whose version is alone. */
static void
tell(struct sada_kin *x, size_t k)
{
	struct sada_merger *m = x->by->merger;
	struct kin *kin = &x->kin[k];
	uint32_t op[LANES], bit = (uint32_t)1 << k;
	const struct sada_context *past;
	size_t i, j, n, first = kin->told;

	if (first == x->nmark)
		return;
	kin->told = x->nmark;
	n = sada_merger_ops(m, &kin->v->dot, op, LANES);
	if (n == 0 || n > LANES)
		return;
	for (i = first; i < x->nmark; i++)
		x->mark[i].seen |= bit;
	for (j = 0; j < n; j++) {
		past = sada_merger_past(m, op[j]);
		for (i = first; i < x->nmark; i++)
			if ((x->mark[i].seen & bit) &&
			    !in_past(x, past, &x->mark[i]))
				x->mark[i].seen &= ~bit;
	}
}

uint32_t
sada_kin_of(struct sada_kin *x, struct sada_elder *e)
{
	const struct sada_version *v;
	uint32_t seen = x->loaded;
	size_t i, k;

	if (e->asked == x->loaded)
		return e->of;
	for (k = 0; k < x->n; k++) {
		v = x->kin[k].v;
		/* Dots are of ops: of another name they say nothing here. */
		if (e->a->other || !x->kin[k].loaded || v->at != NULL ||
		    (v->flags & SADA_V_ALONE) == 0)
			seen &= ~((uint32_t)1 << k);
		else
			tell(x, k);
	}
	e->of = 0;
	for (i = 0; i < e->a->ndot; i++) {
		e->of |= x->mark[e->mark[i]].listed;
		seen &= x->mark[e->mark[i]].seen;
	}
	e->of |= seen;
	e->asked = x->loaded;
	return e->of;
}

/* The past of all ops of E's dots, new; NULL if there is none. */
static struct sada_context *
past_of(const struct sada_kin *x, const struct sada_elder *e)
{
	struct sada_merger *m = x->by->merger;
	const struct sada_context *past;
	struct sada_context *all = NULL;
	uint32_t op[LANES];
	size_t i, j, n;

	for (i = 0; i < e->a->ndot; i++) {
		n = sada_merger_ops(m, &e->a->dot[i], op, LANES);
		for (j = 0; j < n && n <= LANES; j++) {
			past = sada_merger_past(m, op[j]);
			if (all == NULL)
				sada_context_copy(&all, past);
			else
				sada_context_or(all, past);
		}
	}
	return all;
}

/* Find how many ops E has in its past, once. */
static void
weigh(const struct sada_kin *x, struct sada_elder *e)
{
	struct sada_context *all;

	if (e->past != 0)
		return;
	all = past_of(x, e);
	/* Not 0, even if it is of none. */
	e->past = 1 + (all != NULL ? sada_context_count(all) : 0);
	free(all);
}

/* Newest first.  Most have another lamport, and are not weighed. */
static int
by_age(const void *pa, const void *pb, void *ctx)
{
	struct sada_elder *a = *(struct sada_elder *const *)pa;
	struct sada_elder *b = *(struct sada_elder *const *)pb;
	int c;

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport ? -1 : 1;
	/* Of equal dots there are equal pasts. */
	if ((c = sada_anc_cmp(b->a, a->a)) == 0)
		return 0;
	weigh(ctx, a);
	weigh(ctx, b);
	if (a->past != b->past)
		return a->past > b->past ? -1 : 1;
	return c;
}

void
sada_kin_sort(struct sada_kin *x, struct sada_elder **e, size_t n)
{
	if (n > 1)
		qsort_r(e, n, sizeof(*e), by_age, x);
}

void
sada_kin_sees(struct sada_kin *x, struct sada_elder *e, struct sada_dots *d)
{
	struct sada_context *past;
	size_t i;

	assert(x->nmark <= 64 * SADA_DOTS_WORDS);
	if (e->sees == NULL)
		e->sees = sada_calloc(SADA_DOTS_WORDS, sizeof(*e->sees));
	if (e->told < x->nmark && (past = past_of(x, e)) != NULL) {
		for (i = e->told; i < x->nmark; i++)
			if (in_past(x, past, &x->mark[i]))
				e->sees[i / 64] |= (uint64_t)1 << i % 64;
		free(past);
	}
	e->told = x->nmark;
	for (i = 0; i < SADA_DOTS_WORDS; i++)
		d->bits[i] |= e->sees[i];
}

int
sada_kin_within(const struct sada_elder *e, const struct sada_dots *d)
{
	size_t i;

	for (i = 0; i < e->a->ndot; i++)
		if ((d->bits[e->mark[i] / 64] >> e->mark[i] % 64 & 1) == 0)
			return 0;
	return 1;
}

int
sada_kin_known(struct sada_kin *x, const struct sada_elder *e)
{
	size_t i;

	for (i = 0; i < e->a->ndot; i++)
		if (ops_of(x, &x->mark[e->mark[i]]) == 0)
			return 0;
	return 1;
}

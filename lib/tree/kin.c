/*
 * Who of a slot's versions has which ancestors.
 *
 * A point is a dot, and a mark a dot with a content, as they stand in an
 * entry of some list; equal ones are one.  A version that lists a mark has
 * every entry with that mark for an ancestor.  A version that is alone has
 * every entry all of whose dots its ops have seen.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tree/kin.h"

/* Ops of one dot that are looked at: more are a flood, and not believed. */
#define LANES 16
/* Slots of the smallest table. */
#define TABLE_MIN 64

/* It was not looked up yet which ops a dot has. */
#define UNASKED 3

struct point {
	const struct sada_dot *dot;
	uint64_t lamport;
	uint32_t op;			/* an op of the dot, if it has NOPS 1 */
	uint8_t nops;			/* 2: or more; UNASKED */
	uint32_t listed;		/* bits: who lists it */
	uint32_t seen;			/* bits: whose ops have seen it */
	struct sada_dots *past;		/* of its ops; NULL: not asked for */
	size_t told;			/* points that PAST was asked for */
	/* By list: which stand beside it in some entry, or NULL. */
	struct sada_dots *beside[SADA_KIN_MAX];
};

struct mark {
	uint32_t point;
	const struct sada_ancestor *a;	/* one with that content */
	uint32_t listed;		/* bits: who lists it */
};

/* Numbers + 1 by hash; 0 is free. */
struct table {
	uint32_t *at;
	size_t mask;			/* of its size, a power of two */
};

struct kin {
	const struct sada_version *v;
	struct sada_ancestor *a;	/* own, or NULL */
	struct sada_elder *e;		/* of each, with their marks behind */
	size_t n;
	int loaded, lacks;
	size_t told;			/* points that it was asked for */
};

/* Invariants: the tables hold each point and each mark once. */
struct sada_kin {
	const struct sada_view_by *by;
	struct kin kin[SADA_KIN_MAX];
	size_t n;
	uint32_t loaded;		/* bits */
	struct point *point;
	size_t npoint, pointcap;
	struct mark *mark;
	size_t nmark, markcap;
	struct table points, marks;
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
		free(x->kin[k].a);
		free(x->kin[k].e);
	}
	for (k = 0; k < x->npoint; k++) {
		free(x->point[k].past);
		for (i = 0; i < SADA_KIN_MAX; i++)
			free(x->point[k].beside[i]);
	}
	free(x->point);
	free(x->mark);
	free(x->points.at);
	free(x->marks.at);
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

static size_t
hash_point(const struct sada_kin *x, const struct sada_dot *d)
{
	const uint64_t *k = x->key;

	return (size_t)((sada_le64(d->author.b) * k[0] +
	    sada_le64(d->author.b + 8) * k[1] + d->epoch * k[2] +
	    d->seq * k[3] + d->tag * k[4]) >> 32);
}

static size_t
hash_mark(const struct sada_kin *x, uint32_t point,
    const struct sada_ancestor *a)
{
	const uint64_t *k = x->key;

	return (size_t)((point * k[0] + sada_le64(a->content.b) * k[5] +
	    sada_le64(a->content.b + 8) * k[6] + a->size * k[7]) >> 32);
}

/* The place of dot D in the table, or of the free one that it gets. */
static size_t
place_point(const struct sada_kin *x, const struct sada_dot *d)
{
	const struct table *t = &x->points;
	size_t at = hash_point(x, d) & t->mask;

	while (t->at[at] != 0 && sada_dot_cmp(x->point[t->at[at] - 1].dot,
	    d) != 0)
		at = (at + 1) & t->mask;
	return at;
}

static int
mark_is(const struct mark *m, uint32_t point, const struct sada_ancestor *a)
{
	return m->point == point && (m->a == a || (m->a->kind == a->kind &&
	    m->a->size == a->size &&
	    sada_id_cmp(&m->a->content, &a->content) == 0));
}

/* The same for a mark. */
static size_t
place_mark(const struct sada_kin *x, uint32_t point,
    const struct sada_ancestor *a)
{
	const struct table *t = &x->marks;
	size_t at = hash_mark(x, point, a) & t->mask;

	while (t->at[at] != 0 && !mark_is(&x->mark[t->at[at] - 1], point, a))
		at = (at + 1) & t->mask;
	return at;
}

/* Make T, which holds N, larger for MORE: half of it stays free.  1 if so. */
static int
widen(struct table *t, size_t n, size_t more)
{
	size_t size = t->at == NULL ? TABLE_MIN : t->mask + 1;

	while (size < 2 * (n + more))
		size *= 2;
	if (t->at != NULL && size == t->mask + 1)
		return 0;
	free(t->at);
	t->at = sada_calloc(size, sizeof(*t->at));
	t->mask = size - 1;
	return 1;
}

/* Make room for N more of both. */
static void
make_room(struct sada_kin *x, size_t n)
{
	size_t i;

	if (widen(&x->points, x->npoint, n))
		for (i = 0; i < x->npoint; i++)
			x->points.at[place_point(x, x->point[i].dot)] =
			    (uint32_t)i + 1;
	if (widen(&x->marks, x->nmark, n))
		for (i = 0; i < x->nmark; i++)
			x->marks.at[place_mark(x, x->mark[i].point,
			    x->mark[i].a)] = (uint32_t)i + 1;
}

/* The number of dot D's point. */
static uint32_t
point_of(struct sada_kin *x, const struct sada_dot *d)
{
	size_t at = place_point(x, d);
	struct point *p;

	if (x->points.at[at] != 0)
		return x->points.at[at] - 1;
	x->point = sada_grow(x->point, &x->pointcap, x->npoint + 1,
	    sizeof(*x->point));
	p = &x->point[x->npoint++];
	memset(p, 0, sizeof(*p));
	p->dot = d;
	p->lamport = x->by->lamport(d, x->by->ctx);
	p->nops = UNASKED;
	x->points.at[at] = (uint32_t)x->npoint;
	return (uint32_t)x->npoint - 1;
}

/* The number of mark (POINT, A). */
static uint32_t
mark_of(struct sada_kin *x, uint32_t point, const struct sada_ancestor *a)
{
	size_t at = place_mark(x, point, a);
	struct mark *m;

	if (x->marks.at[at] != 0)
		return x->marks.at[at] - 1;
	x->mark = sada_grow(x->mark, &x->markcap, x->nmark + 1,
	    sizeof(*x->mark));
	m = &x->mark[x->nmark++];
	memset(m, 0, sizeof(*m));
	m->point = point;
	m->a = a;
	x->marks.at[at] = (uint32_t)x->nmark;
	return (uint32_t)x->nmark - 1;
}

/* The dots of E, of list K, lived at once. */
static void
put_beside(struct sada_kin *x, size_t k, const struct sada_elder *e)
{
	struct sada_dots **d;
	size_t i, j;
	uint32_t p;

	for (i = 0; i < e->a->ndot && e->a->ndot > 1; i++) {
		d = &x->point[x->mark[e->mark[i]].point].beside[k];
		if (*d == NULL)
			*d = sada_calloc(1, sizeof(**d));
		for (j = 0; j < e->a->ndot; j++) {
			p = x->mark[e->mark[j]].point;
			if (j != i)
				(*d)->bits[p / 64] |= (uint64_t)1 << p % 64;
		}
	}
}

/* Enter the list of number K. */
static void
enter(struct sada_kin *x, size_t k)
{
	struct kin *kin = &x->kin[k];
	struct sada_elder *e;
	size_t i, j, dots = 0;
	struct point *p;
	uint32_t *at, n;

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
			n = point_of(x, &e->a->dot[j]);
			*at = mark_of(x, n, e->a);
			x->mark[*at++].listed |= (uint32_t)1 << k;
			p = &x->point[n];
			p->listed |= (uint32_t)1 << k;
			if (p->lamport > e->lamport)
				e->lamport = p->lamport;
		}
		put_beside(x, k, e);
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

/* How many ops has P: 0, 1, or 2 for more?  Of one it is P->op. */
static unsigned
ops_of(const struct sada_kin *x, struct point *p)
{
	size_t n;

	if (p->nops == UNASKED) {
		n = sada_merger_ops(x->by->merger, p->dot, &p->op, 1);
		p->nops = n > 1 ? 2 : (uint8_t)n;
	}
	return p->nops;
}

/* Has PAST seen an op of P? */
static int
in_past(const struct sada_kin *x, const struct sada_context *past,
    struct point *p)
{
	switch (ops_of(x, p)) {
	case 0:
		return 0;
	case 1:
		return sada_context_has(past, p->op);
	default:
		return sada_merger_seen(x->by->merger, past, p->dot);
	}
}

/* Note which points the ops of K have seen, whose version is alone. */
static void
tell(struct sada_kin *x, size_t k)
{
	struct sada_merger *m = x->by->merger;
	struct kin *kin = &x->kin[k];
	uint32_t op[LANES], bit = (uint32_t)1 << k;
	const struct sada_context *past;
	size_t i, j, n, first = kin->told;

	if (first == x->npoint)
		return;
	kin->told = x->npoint;
	n = sada_merger_ops(m, &kin->v->dot, op, LANES);
	if (n == 0 || n > LANES)
		return;
	for (i = first; i < x->npoint; i++)
		x->point[i].seen |= bit;
	for (j = 0; j < n; j++) {
		past = sada_merger_past(m, op[j]);
		for (i = first; i < x->npoint; i++)
			if ((x->point[i].seen & bit) &&
			    !in_past(x, past, &x->point[i]))
				x->point[i].seen &= ~bit;
	}
}

uint32_t
sada_kin_of(struct sada_kin *x, struct sada_elder *e)
{
	const struct sada_version *v;
	uint32_t seen = x->loaded;
	const struct mark *m;
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
	e->alone = seen;
	for (i = 0; i < e->a->ndot; i++) {
		m = &x->mark[e->mark[i]];
		e->of |= m->listed;
		seen &= x->point[m->point].seen;
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

/* Of dot I of E: which versions have it, that list it or are alone? */
static uint32_t
has(const struct sada_kin *x, const struct sada_elder *e, size_t i)
{
	const struct point *p = &x->point[x->mark[e->mark[i]].point];

	return p->listed | (p->seen & e->alone);
}

/* The points in the past of P's ops. */
static const struct sada_dots *
past_of_point(const struct sada_kin *x, struct point *p)
{
	struct sada_merger *m = x->by->merger;
	const struct sada_context *past;
	uint32_t op[LANES];
	size_t i, j, n;

	assert(x->npoint <= 64 * SADA_DOTS_WORDS);
	if (p->past == NULL)
		p->past = sada_calloc(1, sizeof(*p->past));
	if (p->told == x->npoint)
		return p->past;
	n = sada_merger_ops(m, p->dot, op, LANES);
	for (j = 0; j < n && n <= LANES; j++) {
		past = sada_merger_past(m, op[j]);
		for (i = p->told; i < x->npoint; i++)
			if (in_past(x, past, &x->point[i]))
				p->past->bits[i / 64] |= (uint64_t)1 << i % 64;
	}
	p->told = x->npoint;
	return p->past;
}

/* Add to D what P was made of, as far as the lists of ALL tell. */
static void
add_past(const struct sada_kin *x, struct point *p, uint32_t all,
    struct sada_dots *d)
{
	struct sada_dots made = *past_of_point(x, p);
	size_t i, k;

	for (k = 0; k < x->n; k++)
		for (i = 0; i < SADA_DOTS_WORDS && (all >> k & 1) != 0 &&
		    p->beside[k] != NULL; i++)
			made.bits[i] &= ~p->beside[k]->bits[i];
	for (i = 0; i < SADA_DOTS_WORDS; i++)
		d->bits[i] |= made.bits[i];
}

/* What those dots of E were made of that one of IN has. */
static void
sees_of(const struct sada_kin *x, const struct sada_elder *e, uint32_t in,
    uint32_t all, struct sada_dots *d)
{
	size_t i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < e->a->ndot; i++)
		if ((has(x, e, i) & in) != 0)
			add_past(x, &x->point[x->mark[e->mark[i]].point],
			    all, d);
}

void
sada_kin_sees(struct sada_kin *x, struct sada_elder *e, size_t k,
    uint32_t in, struct sada_dots *d)
{
	uint32_t one = (uint32_t)1 << k;
	struct sada_dots other;
	size_t i;

	(void)sada_kin_of(x, e);
	sees_of(x, e, one, one | in, d);
	sees_of(x, e, in, one | in, &other);
	for (i = 0; i < SADA_DOTS_WORDS; i++)
		d->bits[i] &= other.bits[i];
}

int
sada_kin_within(struct sada_kin *x, struct sada_elder *e, size_t k,
    uint32_t in, const struct sada_dots *d)
{
	size_t i, both = 0, out = 0, outboth = 0;
	uint32_t p, of;

	(void)sada_kin_of(x, e);
	for (i = 0; i < e->a->ndot; i++) {
		p = x->mark[e->mark[i]].point;
		of = has(x, e, i);
		if ((of & in) != 0 && (of >> k & 1))
			both++;
		else
			of = 0;
		if ((d->bits[p / 64] >> p % 64 & 1) == 0) {
			out++;
			outboth += of != 0;
		}
	}
	return both > 0 ? outboth == 0 : out == 0;
}

int
sada_kin_known(struct sada_kin *x, const struct sada_elder *e)
{
	size_t i;

	for (i = 0; i < e->a->ndot; i++)
		if (ops_of(x, &x->point[x->mark[e->mark[i]].point]) == 0)
			return 0;
	return 1;
}

/* Bases of a version and a group: found, merged, told. */
#include <stdlib.h>
#include <string.h>

#include "tree/bases.h"

/* The entries that are ancestors of K and of some version of IN. */
struct common {
	struct sada_elder *e[SADA_KIN_MAX * SADA_ANCESTORS_MAX];
	size_t n;
};

/* Newest first, of the lists of K and IN. */
static void
gather(struct common *c, struct sada_kin *x, size_t k, uint32_t in)
{
	struct sada_elder *e;
	uint32_t of;
	size_t i, j, n;

	c->n = 0;
	for (i = 0; i <= k; i++) {
		if (i < k && (in >> i & 1) == 0)
			continue;
		n = sada_kin_list(x, i, &e);
		for (j = 0; j < n; j++, e++) {
			of = sada_kin_of(x, e);
			if ((of & in) != 0 && (of >> k & 1))
				c->e[c->n++] = e;
		}
	}
	sada_kin_sort(x, c->e, c->n);
}

/* A search under way. */
struct search {
	struct sada_kin *x;
	size_t k;
	uint32_t in;
	unsigned left;			/* of SADA_BASES_SUBS */
};

/* Those of C from number I on that both A and B were made of. */
static void
made_both(struct common *out, const struct common *c, size_t i,
    const struct search *s, const struct sada_dots *a,
    const struct sada_dots *b)
{
	out->n = 0;
	for (; i < c->n; i++)
		if (sada_kin_within(s->x, c->e[i], s->k, s->in, a) &&
		    sada_kin_within(s->x, c->e[i], s->k, s->in, b))
			out->e[out->n++] = c->e[i];
}

/* The bases among C, which have each other's subs only in C. */
static void
find(struct sada_bases *b, const struct common *c, struct search *s)
{
	struct sada_dots all = { { 0 } }, own;
	struct common both;
	size_t i, j;

	b->n = 0;
	for (i = 0; i < c->n && b->n < SADA_BASES_MAX; i++) {
		if (i > 0 && (sada_kin_within(s->x, c->e[i], s->k, s->in,
		    &all) || !sada_kin_known(s->x, c->e[i])))
			continue;
		b->e[b->n] = c->e[i];
		b->sub[b->n] = NULL;
		memset(&own, 0, sizeof(own));
		/* Of one alone nothing is asked. */
		if (c->n > 1)
			sada_kin_sees(s->x, c->e[i], s->k, s->in, &own);
		both.n = 0;
		if (b->n > 0 && s->left > 0)
			made_both(&both, c, i + 1, s, &all, &own);
		if (both.n > 0) {
			s->left--;
			b->sub[b->n] = sada_calloc(1, sizeof(*b));
			find(b->sub[b->n], &both, s);
		}
		for (j = 0; j < SADA_DOTS_WORDS; j++)
			all.bits[j] |= own.bits[j];
		b->n++;
	}
}

size_t
sada_bases_find(struct sada_bases *b, struct sada_kin *x, size_t k,
    uint32_t in)
{
	struct search s = { x, k, in, SADA_BASES_SUBS };
	struct common c;

	gather(&c, x, k, in);
	find(b, &c, &s);
	return b->n;
}

void
sada_bases_release(struct sada_bases *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (b->sub[i] != NULL) {
			sada_bases_release(b->sub[i]);
			free(b->sub[i]);
		}
	b->n = 0;
}

uint16_t
sada_bases_mode(const struct sada_bases *b)
{
	uint16_t mode = b->e[0]->a->mode;
	size_t i;

	for (i = 1; i < b->n; i++)
		if (b->sub[i] != NULL && sada_bases_mode(b->sub[i]) == mode)
			mode = b->e[i]->a->mode;
	return mode;
}

/* ---- merging ---- */

static void
side_of(struct sada_side3 *s, const struct sada_elder *e)
{
	memset(s, 0, sizeof(*s));
	s->kind = e->a->kind;
	s->size = e->a->size;
	s->id = e->a->content;
}

/* A content of A, which bases need, is not here: 0. */
static int
lacking(struct sada_meld *m, const struct sada_ancestor *a)
{
	m->apart = SADA_APART_LACKS;
	m->lacks = SADA_LACK_BASE;
	m->anc = a;
	return 0;
}

/* Bases as one content, M's base: 1; or 0 with APART, LACKS and ANC of M. */
static int
blend(const struct sada_bases *b, struct sada_merger *merger,
    struct sada_meld *m, struct sada_err *err)
{
	struct sada_meld x = *m;
	size_t i;
	int rc;

	side_of(&x.a, b->e[0]);
	x.anc = b->e[0]->a;
	for (i = 1; i < b->n; i++) {
		const struct sada_ancestor *first = x.anc;

		rc = b->sub[i] != NULL ? blend(b->sub[i], merger, &x, err) :
		    0;
		if (rc < 0)
			return rc;
		if (rc == 0 && b->sub[i] != NULL &&
		    x.apart == SADA_APART_LACKS)
			return lacking(m, x.anc);
		/* From nothing only what is equal merges. */
		if (rc == 0)
			memset(&x.base, 0, sizeof(x.base));
		side_of(&x.b, b->e[i]);
		if ((rc = sada_meld(merger, &x, err)) < 0)
			return rc;
		if (rc == 0 && x.apart == SADA_APART_LACKS)
			return lacking(m, x.lacks & SADA_LACK_B ?
			    b->e[i]->a : x.lacks & SADA_LACK_A ? first :
			    x.anc);
		if (rc == 0) {
			m->apart = x.apart;
			return 0;
		}
		x.anc = x.from == SADA_FROM_B ? b->e[i]->a : first;
		x.a = x.out;
	}
	m->base = x.a;
	m->anc = x.anc;
	return 1;
}

/* What M comes to by each base must be the same. */
static int
agree(const struct sada_bases *b, struct sada_merger *merger,
    struct sada_meld *m, struct sada_err *err)
{
	struct sada_meld x = *m;
	size_t i;
	int rc = 1;

	for (i = 0; i < b->n && rc == 1; i++) {
		side_of(&x.base, b->e[i]);
		x.anc = b->e[i]->a;
		if ((rc = sada_meld(merger, &x, err)) < 0)
			return rc;
		if (i == 0) {
			m->out = x.out;
			m->from = x.from;
		} else if (rc == 1 && !sada_side3_same(&x.out, &m->out)) {
			x.apart = SADA_APART_SAME;
			rc = 0;
		}
	}
	m->apart = x.apart;
	m->lacks = x.lacks;
	m->anc = x.anc;
	side_of(&m->base, b->e[0]);
	return rc;
}

int
sada_bases_meld(const struct sada_bases *b, struct sada_merger *merger,
    struct sada_meld *m, struct sada_err *err)
{
	int rc;

	if ((rc = blend(b, merger, m, err)) < 0)
		return rc;
	if (rc == 1)
		return sada_meld(merger, m, err);
	if (m->apart == SADA_APART_LACKS) {
		side_of(&m->base, b->e[0]);
		return 0;
	}
	return agree(b, merger, m, err);
}

/* ---- telling ---- */

/* Can the bytes of a content of KIND and SIZE be merged at all? */
static int
has_bytes(uint8_t kind, uint64_t size)
{
	return kind == SADA_FILE && size <= SADA_MERGE_MAX;
}

static void
tell(const struct sada_merger *merger, const struct sada_elder *e)
{
	if (has_bytes(e->a->kind, e->a->size))
		sada_merger_tell(merger, e->a);
}

/* Is V what E was? */
static int
equals(const struct sada_version *v, const struct sada_elder *e)
{
	return e->a->size == v->size && e->a->kind == v->kind &&
	    sada_id_cmp(&e->a->content, &v->content) == 0;
}

/*
 * Which of the versions before K come together is not known, nor so by what
 * their bases merge: where K has several bases, with one of them or with
 * different ones, all that they have in common may be wanted.
 */
void
sada_bases_tell(struct sada_kin *x, struct sada_merger *merger, size_t k,
    const struct sada_version *v)
{
	const struct sada_elder *one = NULL;
	struct sada_bases b;
	struct common c;
	size_t i, j;
	int several = 0;

	/* One by one, and all at once. */
	for (i = 0; i <= k; i++) {
		sada_bases_find(&b, x, k, i < k ? (uint32_t)1 << i :
		    ((uint32_t)1 << k) - 1);
		for (j = 0; j < b.n; j++) {
			several |= one != NULL && sada_anc_cmp(one->a,
			    b.e[j]->a) != 0;
			one = b.e[j];
		}
		sada_bases_release(&b);
	}
	/* What equals the one base gives way without a look at it. */
	if (one != NULL && !several && has_bytes(v->kind, v->size) &&
	    !equals(v, one))
		tell(merger, one);
	if (!several)
		return;
	gather(&c, x, k, ((uint32_t)1 << k) - 1);
	for (i = 0; i < c.n; i++)
		tell(merger, c.e[i]);
}

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

size_t
sada_bases_find(struct sada_bases *b, struct sada_kin *x, size_t k,
    uint32_t in)
{
	struct common c;
	struct sada_dots all = { { 0 } }, own;
	size_t i, j;

	gather(&c, x, k, in);
	b->n = 0;
	for (i = 0; i < c.n && b->n < SADA_BASES_MAX; i++) {
		if (i > 0 && (sada_kin_within(c.e[i], &all) ||
		    !sada_kin_known(x, c.e[i])))
			continue;
		b->e[b->n] = c.e[i];
		b->sub[b->n] = NULL;
		memset(&own, 0, sizeof(own));
		/* Of one alone nothing is asked. */
		if (c.n > 1)
			sada_kin_sees(x, c.e[i], &own);
		for (j = i + 1; b->n > 0 && j < c.n; j++)
			if (sada_kin_within(c.e[j], &all) &&
			    sada_kin_within(c.e[j], &own)) {
				b->sub[b->n] = c.e[j];
				break;
			}
		for (j = 0; j < SADA_DOTS_WORDS; j++)
			all.bits[j] |= own.bits[j];
		b->n++;
	}
	return b->n;
}

uint16_t
sada_bases_mode(const struct sada_bases *b)
{
	uint16_t mode = b->e[0]->a->mode;
	size_t i;

	for (i = 1; i < b->n; i++)
		if (b->sub[i] != NULL && b->sub[i]->a->mode == mode)
			mode = b->e[i]->a->mode;
	return mode;
}

/* ---- merging ---- */

/* The content of E; NULL: none, from which nothing is merged. */
static void
side_of(struct sada_side3 *s, const struct sada_elder *e)
{
	memset(s, 0, sizeof(*s));
	if (e == NULL)
		return;
	s->kind = e->a->kind;
	s->size = e->a->size;
	s->id = e->a->content;
}

/* Bases as one content, M's base: 1; or 0 with APART and LACKS of M. */
static int
blend(const struct sada_bases *b, struct sada_merger *merger,
    struct sada_meld *m, struct sada_err *err)
{
	struct sada_meld x = *m;
	size_t i;
	int rc;

	side_of(&x.a, b->e[0]);
	m->anc = b->e[0]->a;
	for (i = 1; i < b->n; i++) {
		side_of(&x.base, b->sub[i]);
		side_of(&x.b, b->e[i]);
		if ((rc = sada_meld(merger, &x, err)) <= 0) {
			m->apart = x.apart;
			m->lacks = SADA_LACK_BASE;
			if (x.lacks & SADA_LACK_B)
				m->anc = b->e[i]->a;
			else if ((x.lacks & SADA_LACK_A) == 0 &&
			    b->sub[i] != NULL)
				m->anc = b->sub[i]->a;
			return rc;
		}
		if (x.from == SADA_FROM_B)
			m->anc = b->e[i]->a;
		x.a = x.out;
	}
	m->base = x.a;
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

/* The bases of K with each of those before it, each once, and their pasts. */
struct met {
	struct sada_elder **e;
	struct sada_dots *sees;
	size_t n;
};

static void
meet(struct met *m, struct sada_kin *x, size_t k)
{
	struct sada_bases b;
	size_t i, j, l;

	m->e = sada_calloc(k * SADA_BASES_MAX + 1, sizeof(*m->e));
	m->n = 0;
	for (i = 0; i < k; i++) {
		sada_bases_find(&b, x, k, (uint32_t)1 << i);
		for (j = 0; j < b.n; j++) {
			for (l = 0; l < m->n; l++)
				if (sada_anc_cmp(m->e[l]->a, b.e[j]->a) == 0)
					break;
			m->e[l] = b.e[j];
			m->n += l == m->n;
		}
	}
	m->sees = sada_calloc(m->n + 1, sizeof(*m->sees));
	for (i = 0; i < m->n && m->n > 1; i++)
		sada_kin_sees(x, m->e[i], &m->sees[i]);
}

/* Tell the newest of C that lies in the pasts A and B. */
static void
tell_sub(const struct sada_merger *merger, const struct common *c,
    const struct sada_dots *a, const struct sada_dots *b)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (sada_kin_within(c->e[i], a) &&
		    sada_kin_within(c->e[i], b)) {
			tell(merger, c->e[i]);
			return;
		}
}

/*
 * Which of the versions before K come together is not known.  But the bases
 * of K and a group are some of those of K and its versions one by one, and
 * each merges by what lies in the past of two of them.
 */
void
sada_bases_tell(struct sada_kin *x, struct sada_merger *merger, size_t k,
    const struct sada_version *v)
{
	struct common c;
	struct met m;
	size_t i, j;

	if (!has_bytes(v->kind, v->size))
		return;
	meet(&m, x, k);
	/* What equals the one base gives way without a look at it. */
	for (i = 0; i < m.n && (m.n > 1 || !equals(v, m.e[0])); i++)
		tell(merger, m.e[i]);
	if (m.n > 1)
		gather(&c, x, k, ((uint32_t)1 << k) - 1);
	for (i = 1; i < m.n; i++)
		for (j = 0; j < i; j++)
			tell_sub(merger, &c, &m.sees[i], &m.sees[j]);
	free(m.e);
	free(m.sees);
}

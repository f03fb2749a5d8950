/* Lists of ancestors: reading them, and making the next one. */
#include <stdlib.h>
#include <string.h>

#include "tree/ancestor.h"

int
sada_anc_load(struct sada_ancestor **a, size_t *n,
    const struct sada_version *v, struct sada_store *store,
    struct sada_txn *txn, struct sada_err *err)
{
	struct sada_buf b = {0};
	size_t i, dots = 0;
	int rc;

	*a = NULL;
	*n = 0;
	if (sada_id_zero(&v->anc))
		return 1;
	rc = txn != NULL ? sada_txn_get(txn, SADA_OBJ_ANC, &v->anc, &b, err) :
	    sada_store_get(store, SADA_OBJ_ANC, &v->anc, &b, err);
	if (rc == SADA_NOTFOUND || rc == SADA_DAMAGED) {
		rc = 0;
		goto out;
	}
	if (rc < 0)
		goto out;
	/* Malformed ones, as a member can make them, are none. */
	if (sada_anc_decode(a, n, b.p, b.len, err) < 0)
		*n = 0;
	/* He can fill them with dots, too, and all are looked up. */
	for (i = 0; i < *n && dots + (*a)[i].ndot <= SADA_ANC_LIST_DOTS; i++)
		dots += (*a)[i].ndot;
	*n = i;
	rc = 1;
out:
	sada_buf_release(&b);
	return rc;
}

int
sada_anc_same(const struct sada_ancestor *a, const struct sada_ancestor *b)
{
	size_t i = 0, j = 0;
	int c;

	if (a->kind != b->kind || a->size != b->size ||
	    sada_id_cmp(&a->content, &b->content) != 0)
		return 0;
	while (i < a->ndot && j < b->ndot) {
		if ((c = sada_dot_cmp(&a->dot[i], &b->dot[j])) == 0)
			return 1;
		if (c < 0)
			i++;
		else
			j++;
	}
	return 0;
}

int
sada_anc_cmp(const struct sada_ancestor *a, const struct sada_ancestor *b)
{
	size_t i;
	int c;

	if (a->ndot != b->ndot)
		return a->ndot < b->ndot ? -1 : 1;
	for (i = 0; i < a->ndot; i++)
		if ((c = sada_dot_cmp(&a->dot[i], &b->dot[i])) != 0)
			return c;
	if ((c = sada_id_cmp(&a->content, &b->content)) != 0)
		return c;
	if (a->size != b->size)
		return a->size < b->size ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->mode != b->mode)
		return a->mode < b->mode ? -1 : 1;
	return a->other < b->other ? -1 : a->other > b->other;
}

uint64_t
sada_anc_lamport(const struct sada_ancestor *a, sada_lamport_fn *lamport,
    void *ctx)
{
	uint64_t best = 0, l;
	size_t i;

	for (i = 0; i < a->ndot; i++)
		if ((l = lamport(&a->dot[i], ctx)) > best)
			best = l;
	return best;
}

/* An entry on its way into a list. */
struct aged {
	struct sada_ancestor a;
	uint64_t lamport;
	size_t at;		/* in which order it was met */
};

/* Newest first; entries of one list stay in its order. */
static int
age_order(const void *pa, const void *pb)
{
	const struct aged *a = pa, *b = pb;

	if (a->lamport != b->lamport)
		return a->lamport > b->lamport ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* Is the entry X, with just these dots and this content, in L[N]? */
static int
listed(const struct aged *l, size_t n, const struct sada_ancestor *x)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (l[i].a.ndot == x->ndot && l[i].a.mode == x->mode &&
		    l[i].a.other == x->other &&
		    sada_anc_same(&l[i].a, x) && memcmp(l[i].a.dot, x->dot,
		    x->ndot * sizeof(*x->dot)) == 0)
			return 1;
	return 0;
}

static int
dot_order(const void *a, const void *b)
{
	return sada_dot_cmp(a, b);
}

/* The dots of COVER, sorted, each once, at most as many as an entry has. */
static size_t
dots_of(struct sada_dot *dot, const struct sada_version *const *cover,
    size_t n)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		dot[i] = cover[i]->dot;
	qsort(dot, n, sizeof(*dot), dot_order);
	/* One dot may stand twice only in a forged map. */
	for (i = 0; i < n; i++)
		if (k == 0 || sada_dot_cmp(&dot[k - 1], &dot[i]) != 0)
			dot[k++] = dot[i];
	return k < SADA_ANC_DOTS_MAX ? k : SADA_ANC_DOTS_MAX;
}

static void
entry_of(struct sada_ancestor *a, const struct sada_version *v,
    struct sada_dot *dot, size_t ndot)
{
	a->dot = dot;
	a->ndot = ndot;
	a->kind = v->kind;
	a->other = 0;
	a->mode = v->mode;
	a->size = v->size;
	a->content = v->content;
}

/* A list in the making, and what its entries point to. */
struct making {
	struct aged *l;
	size_t n, cap;
	struct sada_ancestor **own;	/* decoded lists, freed at the end */
	size_t nown;
	sada_lamport_fn *lamport;
	void *ctx;
};

static void
add(struct making *m, const struct sada_ancestor *a)
{
	if (listed(m->l, m->n, a))
		return;
	m->l = sada_grow(m->l, &m->cap, m->n + 1, sizeof(*m->l));
	m->l[m->n].a = *a;
	m->l[m->n].at = m->n;
	m->l[m->n].lamport = m->lamport == NULL ? 0 :
	    sada_anc_lamport(a, m->lamport, m->ctx);
	m->n++;
}

/* Add V, when it showed another content than SHOWN, and its own list. */
static int
add_line(struct making *m, const struct sada_version *v,
    const struct sada_version *shown, struct sada_txn *txn,
    struct sada_err *err)
{
	struct sada_ancestor e, *a;
	struct sada_dot dot = v->dot;
	size_t i, n;
	int rc;

	if (v->kind != shown->kind || v->size != shown->size ||
	    sada_id_cmp(&v->content, &shown->content) != 0) {
		/* Its dot must live as long as the list. */
		a = sada_calloc(1, sizeof(*a) + sizeof(dot));
		memcpy(a + 1, &dot, sizeof(dot));
		entry_of(&e, v, (struct sada_dot *)(void *)(a + 1), 1);
		e.other = v->at != NULL;
		add(m, &e);
		m->own[m->nown++] = a;
	}
	if ((rc = sada_anc_load(&a, &n, v, NULL, txn, err)) < 0)
		return rc;
	for (i = 0; i < n; i++) {
		a[i].other |= v->at != NULL;
		add(m, &a[i]);
	}
	m->own[m->nown++] = a;
	return 0;
}

int
sada_anc_make(struct sada_buf *out, const struct sada_version *shown,
    const struct sada_version *cover, size_t n, struct sada_txn *txn,
    sada_lamport_fn *lamport, void *ctx, struct sada_err *err)
{
	const struct sada_version **v = sada_calloc(n + 1, sizeof(*v));
	struct sada_dot *dot = sada_calloc(n + 1, sizeof(*dot));
	struct making m = { .lamport = lamport, .ctx = ctx };
	struct sada_ancestor a[SADA_ANCESTORS_MAX];
	size_t i, nv = 0, k = 1, dots;
	int rc = 0;

	for (i = 0; i < n; i++)
		if (cover[i].kind != SADA_DIR)
			v[nv++] = &cover[i];
	if (nv == 0)
		goto out;
	if (nv == 1)
		m.lamport = NULL;
	m.own = sada_calloc(2 * SADA_ANC_LINES, sizeof(*m.own));
	entry_of(&a[0], shown, dot, dots_of(dot, v, nv));
	for (i = 0; i < nv; i++)
		a[0].other |= v[i]->at != NULL;
	for (i = 0; i < nv && i < SADA_ANC_LINES; i++)
		if ((rc = add_line(&m, v[i], shown, txn, err)) < 0)
			goto out;
	if (m.n > 1)
		qsort(m.l, m.n, sizeof(*m.l), age_order);
	dots = a[0].ndot;
	for (i = 0; i < m.n && k < SADA_ANCESTORS_MAX; i++) {
		dots += m.l[i].a.ndot;
		if (dots > SADA_ANC_LIST_DOTS)
			break;
		a[k++] = m.l[i].a;
	}
	sada_anc_encode(out, a, k);
out:
	for (i = 0; i < m.nown; i++)
		free(m.own[i]);
	free(m.own);
	free(m.l);
	free(dot);
	free(v);
	return rc;
}

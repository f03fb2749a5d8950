/*
 * The row-wise merge of one table.
 *
 * A row with a key is judged by what it was, and is on the two sides: equal
 * changes are one change; what one side left alone follows the other; a row
 * deleted here and changed there lives; changed on both it merges by
 * columns.  Rows without a key are counted: equal changes of the two counts
 * are one change as well.  Rows with a number are in sqlite_ints.c.
 *
 * The table is emptied and filled with its merged rows in a fixed order:
 * there is no order of changes in which a UNIQUE could clash for a moment.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/sqlite_priv.h"

enum { BASE = SQ_BASE, P = SQ_P, Q = SQ_Q, SIDES = SQ_SIDES };

int
sada_sq_by_columns(struct sq_merging *g, const struct sq_row *r[SIDES],
    size_t soft)
{
	const unsigned char *at[SIDES], *pick;
	size_t n[SIDES], i, k;

	sada_buf_reset(&g->scratch);
	for (k = 0; k < SIDES; k++)
		at[k] = g->rows[k].bytes.p + r[k]->cols;
	for (i = 0; i < g->t->n; i++) {
		for (k = 0; k < SIDES; k++)
			n[k] = sada_sq_value(at[k]);
#define SAME(a, b) (n[a] == n[b] && memcmp(at[a], at[b], n[a]) == 0)
		if (SAME(BASE, P))
			k = Q;
		else if (SAME(BASE, Q) || SAME(P, Q) || i == soft)
			k = P;
		else
			return 0;
#undef SAME
		pick = at[k];
		sada_buf_add(&g->scratch, pick, n[k]);
		for (k = 0; k < SIDES; k++)
			at[k] += n[k];
	}
	return 1;
}

static int
put(struct sq_merging *g, int side, const struct sq_row *r,
    struct sada_err *err)
{
	return sada_sq_put(g->put, g->rows[side].bytes.p + r->cols, g->t->n,
	    err);
}

int
sada_sq_row_same(const struct sq_merging *g, const struct sq_row *r[SIDES],
    int a, int b)
{
	if (r[a] == NULL || r[b] == NULL)
		return r[a] == r[b];
	return r[a]->ncols == r[b]->ncols &&
	    memcmp(g->rows[a].bytes.p + r[a]->cols,
	    g->rows[b].bytes.p + r[b]->cols, r[a]->ncols) == 0;
}

/* Merge the rows of one key; at least one of R is there. */
static int
one_key(struct sq_merging *g, const struct sq_row *r[SIDES],
    struct sada_err *err)
{
	int take;

	if (sada_sq_row_same(g, r, BASE, P))
		take = Q;
	else if (sada_sq_row_same(g, r, BASE, Q) || sada_sq_row_same(g, r, P, Q))
		take = P;
	else if (r[BASE] == NULL)
		return 0;		/* two new rows came to one key */
	else if (r[P] == NULL || r[Q] == NULL)
		take = r[P] != NULL ? P : Q;
	else
		return sada_sq_by_columns(g, r, SIZE_MAX) == 0 ? 0 :
		    sada_sq_put(g->put, g->scratch.p, g->t->n, err);
	return r[take] == NULL ? 1 : put(g, take, r[take], err);
}

/*
 * The rows of the lowest key that is left on any side: R[k] is NULL where
 * it is not, AT[k] moves on by the COUNT[k] rows that have it.  0: no more.
 */
static int
next_key(const struct sq_merging *g, size_t at[SIDES],
    const struct sq_row *r[SIDES], size_t count[SIDES])
{
	int k, c, low = -1;

	for (k = 0; k < SIDES; k++) {
		count[k] = 0;
		r[k] = at[k] < g->rows[k].n ? &g->rows[k].v[at[k]] : NULL;
		if (r[k] == NULL)
			continue;
		c = low < 0 ? -1 : sada_sq_cmp(&g->rows[k], r[k],
		    &g->rows[low], r[low]);
		if (c < 0)
			low = k;
	}
	if (low < 0)
		return 0;
	for (k = 0; k < SIDES; k++) {
		while (at[k] < g->rows[k].n && sada_sq_cmp(&g->rows[k],
		    &g->rows[k].v[at[k]], &g->rows[low], r[low]) == 0) {
			at[k]++;
			count[k]++;
		}
		if (count[k] == 0 && k != low)
			r[k] = NULL;
	}
	return 1;
}

static int
merge_keys(struct sq_merging *g, struct sada_err *err)
{
	const struct sq_row *r[SIDES];
	size_t at[SIDES] = { 0 }, count[SIDES];
	int rc;

	while (next_key(g, at, r, count))
		if ((rc = one_key(g, r, err)) <= 0)
			return rc;
	return 1;
}

/* A row of the result of a bag, in its place. */
struct placed {
	const struct sq_row *row;
	int side;
};

static int
by_place(const void *pa, const void *pb)
{
	const struct placed *a = pa, *b = pb;

	if (a->side != b->side)
		return a->side - b->side;
	return (a->row->id > b->row->id) - (a->row->id < b->row->id);
}

/* How many of a row there shall be, of X before and P and Q now. */
static size_t
number(size_t x, size_t p, size_t q)
{
	if (p >= x && q >= x)
		return p > q ? p : q;
	if (p <= x && q <= x)
		return p < q ? p : q;
	return p + q - x;
}

/*
 * A bag keeps the order of the base, then what the lower side added in its
 * order, then the other.
 */
static int
merge_bag(struct sq_merging *g, struct sada_err *err)
{
	const struct sq_row *r[SIDES];
	size_t at[SIDES] = { 0 }, count[SIDES], want, have, i, n = 0, cap = 0;
	struct placed *list = NULL;
	int k, rc = 1;

	for (k = 0; k < SIDES; k++)
		sada_sq_bag(&g->rows[k]);
	while (next_key(g, at, r, count)) {
		want = number(count[BASE], count[P], count[Q]);
		have = 0;
		for (k = 0; k < SIDES; k++)
			for (i = k == BASE ? 0 : have; i < count[k] &&
			    have < want; i++, have++) {
				list = sada_grow(list, &cap, n + 1,
				    sizeof(*list));
				list[n].row = r[k] + i;
				list[n++].side = k;
			}
	}
	if (n > 1)
		qsort(list, n, sizeof(*list), by_place);
	for (i = 0; rc > 0 && i < n; i++)
		rc = put(g, list[i].side, list[i].row, err);
	free(list);
	return rc;
}

/* Do rows A and B of G agree in all, place included? */
static int
untouched(const struct sq_merging *g, int a, int b)
{
	const struct sq_rows *x = &g->rows[a], *y = &g->rows[b];
	size_t i;

	if (x->n != y->n || x->bytes.len != y->bytes.len)
		return 0;
	for (i = 0; i < x->n; i++)
		if (sada_sq_cmp(x, &x->v[i], y, &y->v[i]) != 0 ||
		    x->v[i].ncols != y->v[i].ncols ||
		    memcmp(x->bytes.p + x->v[i].cols, y->bytes.p +
		    y->v[i].cols, x->v[i].ncols) != 0)
			return 0;
	return 1;
}

int
sada_sq_merge_table(struct sq *out, struct sq side[SQ_SIDES],
    const struct sq_table *t, struct sada_err *err)
{
	struct sq_merging g = { .side = side, .out = out, .t = t };
	struct sada_buf sql = {0};
	int k, rc = 1, doubtful = 0;

	for (k = 0; rc > 0 && k < SIDES; k++) {
		rc = sada_sq_load(&g.rows[k], &side[k], t, t->kind, err);
		doubtful |= g.rows[k].doubtful;
	}
	if (rc <= 0 || (untouched(&g, BASE, P) && untouched(&g, BASE, Q)))
		goto out;
	sada_buf_adds(&sql, "DELETE FROM main.");
	sada_sq_ident(&sql, t->name);
	if ((rc = sada_sq_exec(out, sada_buf_str(&sql), err)) <= 0 ||
	    (rc = sada_sq_insert(&g.put, out, t, err)) <= 0)
		goto out;
	rc = t->kind == SQ_BAG || doubtful ? merge_bag(&g, err) :
	    t->kind == SQ_INT ? sada_sq_merge_ints(&g, err) :
	    merge_keys(&g, err);
out:
	(void)sqlite3_finalize(g.put);
	for (k = 0; k < SIDES; k++)
		sada_sq_rows_release(&g.rows[k]);
	sada_buf_release(&g.scratch);
	sada_buf_release(&sql);
	return rc;
}

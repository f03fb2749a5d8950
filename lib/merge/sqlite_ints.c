/*
 * The row-wise merge of a table whose key is a number that SQLite gives
 * out: INTEGER PRIMARY KEY.
 *
 * Two sides give out the same numbers, so new rows that clash get new ones
 * here; and then a later merge must know such a row again, for the side
 * that has not heard of it goes on changing it under its old number.  A row
 * was given another number when under its own another row stands, and it
 * stands unchanged, but for that, under a number above all of the base, and
 * no other row looks the same.  The other side has done the same when it
 * has that other row there too.
 *
 * So first each row of the base gets its row on both sides, whatever the
 * number; then they are merged as in other tables; then what comes to one
 * number twice is told apart.
 */
#include <stdlib.h>
#include <string.h>

#include "merge/sqlite_priv.h"

enum { BASE = SQ_BASE, P = SQ_P, Q = SQ_Q, SIDES = SQ_SIDES };

#define NONE SIZE_MAX

/* A row of the result, before its number is settled. */
struct coming {
	int64_t id;
	unsigned rank;		/* who comes first to a number */
	int side;		/* where its bytes are; SIDES: in KEPT */
	size_t at, n;		/* of its columns */
};

struct ints {
	struct sq_merging *g;
	size_t pk;			/* the column of the key */
	size_t *row[SIDES];		/* of each base row on P and Q */
	unsigned char *known[SIDES];	/* that row is one of the base */
	unsigned char *left;		/* base rows that one side deleted
					   under the number they got */
	struct sada_buf kept;
	struct coming *v;
	size_t n, cap;
};

/* A row that the base has not, to be found by its other columns. */
struct stray {
	const struct ints *x;
	int side;
	size_t i;
};

static const unsigned char *
columns(const struct ints *x, int side, size_t i)
{
	const struct sq_rows *rows = &x->g->rows[side];

	return rows->bytes.p + rows->v[i].cols;
}

/* Order of two rows by all columns but the key. */
static int
cmp_others(const struct ints *x, int sa, size_t a, int sb, size_t b)
{
	const unsigned char *p = columns(x, sa, a), *q = columns(x, sb, b);
	size_t i, n, m;
	int c;

	for (i = 0; i < x->g->t->n; i++, p += n, q += m) {
		n = sada_sq_value(p);
		m = sada_sq_value(q);
		if (i == x->pk)
			continue;
		c = memcmp(p, q, n < m ? n : m);
		if (c != 0 || n != m)
			return c != 0 ? c : n < m ? -1 : 1;
	}
	return 0;
}

static int
by_others(const void *pa, const void *pb)
{
	const struct stray *a = pa, *b = pb;
	int c = cmp_others(a->x, a->side, a->i, b->side, b->i);

	return c != 0 ? c : (a->i > b->i) - (a->i < b->i);
}

/* The row with number ID on SIDE, or NONE. */
static size_t
find(const struct ints *x, int side, int64_t id)
{
	const struct sq_rows *rows = &x->g->rows[side];
	size_t lo = 0, hi = rows->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (rows->v[mid].id == id)
			return mid;
		if (rows->v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NONE;
}

/* Base row B is row I (or NONE) on SIDE. */
static void
tie(struct ints *x, int side, size_t b, size_t i)
{
	size_t was = x->row[side][b];

	if (was != NONE)
		x->known[side][was] = 0;
	x->row[side][b] = i;
	if (i != NONE)
		x->known[side][i] = 1;
}

/* The first of the N sorted rows S that is not before base row B. */
static size_t
first(const struct ints *x, const struct stray *s, size_t n, size_t b)
{
	size_t lo = 0, hi = n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (cmp_others(x, s[mid].side, s[mid].i, BASE, b) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The only one of the N sorted rows S that is like base row B, or NONE. */
static size_t
only(const struct ints *x, const struct stray *s, size_t n, size_t b)
{
	size_t i = first(x, s, n, b);

	if (i == n || cmp_others(x, s[i].side, s[i].i, BASE, b) != 0 ||
	    (i + 1 < n && cmp_others(x, s[i + 1].side, s[i + 1].i, BASE,
	    b) == 0))
		return NONE;
	return s[i].i;
}

/* The rows of SIDE from FROM on, sorted by their other columns. */
static struct stray *
sorted(const struct ints *x, int side, size_t from, size_t *n)
{
	size_t all = x->g->rows[side].n, i;
	struct stray *s = sada_calloc(all - from + 1, sizeof(*s));

	*n = all - from;
	for (i = from; i < all; i++) {
		s[i - from].x = x;
		s[i - from].side = side;
		s[i - from].i = i;
	}
	if (*n > 1)
		qsort(s, *n, sizeof(*s), by_others);
	return s;
}

/*
 * The rows of SIDE that stand under another number than in the base: a
 * higher one than any there; none that looks like another row does.
 */
static void
follow(struct ints *x, int side)
{
	const struct sq_rows *base = &x->g->rows[BASE];
	struct stray *s = NULL, *like = NULL;
	size_t i, b, from = x->g->rows[side].n, n = 0, nlike = 0;

	while (from > 0 && base->n > 0 && x->g->rows[side].v[from - 1].id >
	    base->v[base->n - 1].id)
		from--;
	if (base->n == 0 || from == x->g->rows[side].n)
		return;
	s = sorted(x, side, from, &n);
	for (b = 0; b < base->n; b++) {
		i = x->row[side][b];
		if (i == NONE || cmp_others(x, BASE, b, side, i) == 0 ||
		    (i = only(x, s, n, b)) == NONE)
			continue;
		if (like == NULL)
			like = sorted(x, BASE, 0, &nlike);
		if (only(x, like, nlike, b) != NONE)
			tie(x, side, b, i);
	}
	free(s);
	free(like);
}

/* What SIDE did to numbers OTHER may have done too. */
static void
follow_both(struct ints *x, int side, int other)
{
	const struct sq_rows *base = &x->g->rows[BASE];
	const struct sq_rows *mine = &x->g->rows[side];
	size_t b, i, in, out;

	for (b = 0; b < base->n; b++) {
		i = x->row[side][b];
		out = x->row[other][b];
		if (i == NONE || mine->v[i].id == base->v[b].id ||
		    out == NONE ||
		    x->g->rows[other].v[out].id != base->v[b].id ||
		    (in = find(x, side, base->v[b].id)) == NONE ||
		    cmp_others(x, side, in, other, out) != 0)
			continue;
		i = find(x, other, mine->v[i].id);
		if (i != NONE && x->known[other][i])
			i = NONE;
		x->left[b] = i == NONE;
		tie(x, other, b, i);
	}
}

static void
come(struct ints *x, int side, size_t at, size_t n, int64_t id,
    unsigned rank)
{
	struct coming *c;

	x->v = sada_grow(x->v, &x->cap, x->n + 1, sizeof(*x->v));
	c = &x->v[x->n++];
	c->id = id;
	c->rank = rank;
	c->side = side;
	c->at = at;
	c->n = n;
}

static void
come_row(struct ints *x, int side, const struct sq_row *r, unsigned rank)
{
	come(x, side, r->cols, r->ncols, r->id, rank);
}

/* Merge the rows of base row B: 1, or 0 for a conflict. */
static int
one_row(struct ints *x, size_t b)
{
	struct sq_merging *g = x->g;
	const struct sq_row *r[SIDES];
	int take, k;
	int64_t id;

	r[BASE] = &g->rows[BASE].v[b];
	for (k = P; k <= Q; k++)
		r[k] = x->row[k][b] == NONE ? NULL :
		    &g->rows[k].v[x->row[k][b]];
	if (sada_sq_row_same(g, r, BASE, P))
		take = Q;
	else if (sada_sq_row_same(g, r, BASE, Q) ||
	    sada_sq_row_same(g, r, P, Q))
		take = P;
	else if (r[P] == NULL || r[Q] == NULL) {
		take = r[P] != NULL ? P : Q;
		if (x->left[b] && cmp_others(x, BASE, b, take,
		    x->row[take][b]) == 0)
			return 1;
	} else {
		if (!sada_sq_by_columns(g, r, x->pk))
			return 0;
		id = r[P]->id != r[BASE]->id ? r[P]->id : r[Q]->id;
		come(x, SIDES, x->kept.len, g->scratch.len, id,
		    id == r[BASE]->id ? 0 : id == r[P]->id ? 1 : 2);
		sada_buf_add(&x->kept, g->scratch.p, g->scratch.len);
		return 1;
	}
	if (r[take] != NULL)
		come_row(x, take, r[take], r[take]->id == r[BASE]->id ? 0 :
		    take == P ? 1 : 2);
	return 1;
}

/* Rows that the base has not. */
static void
new_rows(struct ints *x)
{
	const struct sq_rows *p = &x->g->rows[P], *q = &x->g->rows[Q];
	size_t i, k;

	for (i = 0; i < p->n; i++)
		if (!x->known[P][i])
			come_row(x, P, &p->v[i], 1);
	for (i = 0; i < q->n; i++) {
		if (x->known[Q][i])
			continue;
		k = find(x, P, q->v[i].id);
		/* Both made the same. */
		if (k != NONE && !x->known[P][k] &&
		    cmp_others(x, P, k, Q, i) == 0)
			continue;
		come_row(x, Q, &q->v[i], 2);
	}
}

static int
by_number(const void *pa, const void *pb)
{
	const struct coming *a = pa, *b = pb;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

static const unsigned char *
bytes_of(const struct ints *x, const struct coming *c)
{
	return (c->side == SIDES ? x->kept.p : x->g->rows[c->side].bytes.p) +
	    c->at;
}

/*
 * The highest number that any side ever gave out; 0 when rows elsewhere
 * may point to this table.
 */
static int
highest(struct ints *x, int64_t *max, struct sada_err *err)
{
	struct sq_merging *g = x->g;
	int64_t seq, refs;
	size_t i;
	int rc, k;

	*max = INT64_MIN;
	if ((rc = sada_sq_int(g->out, "SELECT count(*) "
	    "FROM pragma_table_list l, pragma_foreign_key_list(l.name) f "
	    "WHERE l.schema = 'main' AND f.\"table\" = ?1 COLLATE NOCASE",
	    g->t->name, &refs, err)) <= 0)
		return rc;
	if (refs > 0)
		return 0;
	for (k = 0; k < SIDES; k++)
		for (i = 0; i < g->rows[k].n; i++)
			if (g->rows[k].v[i].id > *max)
				*max = g->rows[k].v[i].id;
	if ((rc = sada_sq_has_sequence(g->out, err)) <= 0)
		return rc < 0 ? rc : 1;
	for (k = 0; k < SIDES; k++) {
		if ((rc = sada_sq_int(&g->side[k], "SELECT max(seq) "
		    "FROM sqlite_sequence WHERE name = ?1 AND "
		    "typeof(seq) = 'integer'", g->t->name, &seq, err)) <= 0)
			return rc;
		if (rc == 1 && seq > *max)
			*max = seq;
	}
	return 1;
}

/* Put row C, under number ID. */
static int
put(struct ints *x, const struct coming *c, int64_t id,
    struct sada_err *err)
{
	struct sq_merging *g = x->g;
	const unsigned char *p = bytes_of(x, c);
	size_t i, n;

	sada_buf_reset(&g->scratch);
	for (i = 0; i < g->t->n; i++, p += n) {
		n = sada_sq_value(p);
		if (i == x->pk)
			sada_sq_integer(&g->scratch, id);
		else
			sada_buf_add(&g->scratch, p, n);
	}
	return sada_sq_put(g->put, g->scratch.p, g->t->n, err);
}

/* Put all rows; those that come to a number late get the next ones. */
static int
put_all(struct ints *x, struct sada_err *err)
{
	int64_t max = 0;
	size_t i, late = 0;
	int rc = 1;

	if (x->n > 1)
		qsort(x->v, x->n, sizeof(*x->v), by_number);
	for (i = 0; rc > 0 && i < x->n; i++) {
		if (i > 0 && x->v[i].id == x->v[i - 1].id)
			late++;
		else
			rc = put(x, &x->v[i], x->v[i].id, err);
	}
	if (rc <= 0 || late == 0 || (rc = highest(x, &max, err)) <= 0)
		return rc;
	for (i = 1; rc > 0 && i < x->n; i++) {
		if (x->v[i].id != x->v[i - 1].id)
			continue;
		if (max == INT64_MAX)
			return 0;
		rc = put(x, &x->v[i], ++max, err);
	}
	return rc;
}

int
sada_sq_merge_ints(struct sq_merging *g, struct sada_err *err)
{
	struct ints x = { .g = g };
	size_t b, i, nb = g->rows[BASE].n;
	int rc = 1, k;

	while (x.pk < g->t->n && g->t->col[x.pk].pk == 0)
		x.pk++;
	for (k = P; k <= Q; k++) {
		x.row[k] = sada_calloc(nb + 1, sizeof(*x.row[k]));
		x.known[k] = sada_calloc(g->rows[k].n + 1, 1);
		for (b = 0; b < nb; b++) {
			i = find(&x, k, g->rows[BASE].v[b].id);
			x.row[k][b] = i;
			if (i != NONE)
				x.known[k][i] = 1;
		}
	}
	x.left = sada_calloc(nb + 1, 1);
	follow(&x, P);
	follow(&x, Q);
	follow_both(&x, P, Q);
	follow_both(&x, Q, P);
	for (b = 0; rc > 0 && b < nb; b++)
		rc = one_row(&x, b);
	if (rc > 0) {
		new_rows(&x);
		rc = put_all(&x, err);
	}
	for (k = P; k <= Q; k++) {
		free(x.row[k]);
		free(x.known[k]);
	}
	sada_buf_release(&x.kept);
	free(x.left);
	free(x.v);
	return rc;
}

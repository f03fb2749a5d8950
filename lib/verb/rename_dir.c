/*
 * Renames of directories, by what became of the files below them.
 *
 * Each gone file counts for every gone directory above it; one that was
 * renamed votes, for each of these, for the new directory that it has now
 * the same path below.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "verb/rename_priv.h"

/* Votes of the files of directory FROM for TO; indexes of dirs. */
struct vote {
	uint32_t from, to;
	uint32_t n;			/* 0: the place is free */
};

struct voting {
	struct sada_moves *x;
	uint32_t *gone;			/* of each dir: index in moved[] */
	uint32_t *come;			/* of each dir: index in new[] */
	uint32_t *new;			/* NEW directory records, by path */
	size_t nnew;
	uint32_t *below;		/* of moved[]: gone files below */
	uint32_t *votes;		/* of moved[]: for its best */
	struct vote *v;
	size_t nv, size;		/* size: power of two */
	struct sada_buf a, b;
};

/* Order of record A's path and PATH. */
static int
rec_cmp(struct voting *y, uint32_t a, const char *path, size_t len)
{
	struct sada_move m;

	sada_moves_get(y->x, a, &m, &y->a);
	return sada_path_cmp(m.path, m.len, path, len);
}

static int
by_path(const void *pa, const void *pb, void *ctx)
{
	struct voting *y = ctx;
	struct sada_move m;

	sada_moves_get(y->x, *(const uint32_t *)pb, &m, &y->b);
	return rec_cmp(y, *(const uint32_t *)pa, m.path, m.len);
}

/* Records of SIDE that are directories (DIR) or not, by path; *N of them. */
static uint32_t *
collect(struct voting *y, unsigned side, int dir, size_t *n)
{
	struct sada_moves *x = y->x;
	uint32_t *out = NULL, i;
	size_t cap = 0;

	*n = 0;
	for (i = 0; i < x->n; i++) {
		if (sada_move_side(x, i) != side ||
		    (sada_move_kind(x, i) == SADA_DIR) != dir ||
		    (!dir && (sada_move_mate(x, i) != SADA_MOVE_NONE ||
		    !sada_move_fits(x, i))))
			continue;
		out = sada_grow(out, &cap, *n + 1, sizeof(*out));
		out[(*n)++] = i;
	}
	if (*n > 1)
		qsort_r(out, *n, sizeof(*out), by_path, y);
	return out;
}

/* Index in REC[N], sorted by path, of PATH; or NONE. */
static uint32_t
find(struct voting *y, const uint32_t *rec, size_t n, const char *path,
    size_t len)
{
	size_t lo = 0, hi = n, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((c = rec_cmp(y, rec[mid], path, len)) == 0)
			return (uint32_t)mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return SADA_MOVE_NONE;
}

/* The place of the votes of FROM for TO. */
static struct vote *
place(struct voting *y, uint32_t from, uint32_t to)
{
	uint64_t key = (uint64_t)from << 32 | to;
	size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) &
	    (y->size - 1);

	while (y->v[at].n != 0 && (y->v[at].from != from ||
	    y->v[at].to != to))
		at = (at + 1) & (y->size - 1);
	return &y->v[at];
}

static void
vote(struct voting *y, uint32_t from, uint32_t to)
{
	struct vote *old = y->v, *v;
	size_t size = y->size, i;

	if ((y->nv + 1) * 2 > size) {
		y->size = size == 0 ? 64 : size * 2;
		y->v = sada_calloc(y->size, sizeof(*y->v));
		for (i = 0; i < size; i++)
			if (old[i].n > 0)
				*place(y, old[i].from, old[i].to) = old[i];
		free(old);
	}
	v = place(y, from, to);
	if (v->n == 0) {
		v->from = from;
		v->to = to;
		y->nv++;
	}
	v->n++;
}

/* Have directories A and B the same last component? */
static int
same_base(const struct sada_move_dir *a, const struct sada_move_dir *b)
{
	size_t i = sada_path_base(a->path, a->len);
	size_t j = sada_path_base(b->path, b->len);

	return a->len - i == b->len - j &&
	    memcmp(a->path + i, b->path + j, a->len - i) == 0;
}

/* What gone file G says. */
static void
count(struct voting *y, uint32_t g)
{
	struct sada_moves *x = y->x;
	uint32_t d = sada_move_dir(x, g), t = sada_move_mate(x, g), at;

	for (at = d; at != SADA_MOVE_NONE && y->gone[at] != SADA_MOVE_NONE;
	    at = x->dir[at].up)
		y->below[y->gone[at]]++;
	if (t == SADA_MOVE_NONE || sada_move_tail(x, g, t) == 0)
		return;
	t = sada_move_dir(x, t);
	while (y->gone[d] != SADA_MOVE_NONE && y->come[t] != SADA_MOVE_NONE) {
		vote(y, y->gone[d], y->come[t]);
		if (!same_base(&x->dir[d], &x->dir[t]))
			break;
		d = x->dir[d].up;
		t = x->dir[t].up;
	}
}

/* Choose for each gone directory the new one with the most votes. */
static void
elect(struct voting *y)
{
	struct sada_moves *x = y->x;
	size_t i;

	for (i = 0; i < y->size; i++) {
		const struct vote *v = &y->v[i];
		struct sada_moved_dir *m = &x->moved[v->from];

		if (v->n == 0 || v->n < y->below[v->from] - v->n ||
		    v->n < y->votes[v->from] ||
		    /* new[] is sorted by path: of equals the first. */
		    (v->n == y->votes[v->from] && m->to != SADA_MOVE_NONE &&
		    v->to > m->to))
			continue;
		y->votes[v->from] = v->n;
		m->to = v->to;
	}
	for (i = 0; i < x->nmoved; i++)
		if (x->moved[i].to != SADA_MOVE_NONE)
			x->moved[i].to = y->new[x->moved[i].to];
}

/* Set TO to where PATH goes with directory number I. */
static void
map(struct voting *y, uint32_t i, const char *path, size_t len,
    struct sada_buf *to)
{
	struct sada_moves *x = y->x;
	struct sada_move m;
	size_t top;

	sada_moves_get(x, x->moved[i].rec, &m, &y->a);
	top = m.len;
	sada_moves_get(x, x->moved[i].to, &m, to);
	assert(len >= top);
	sada_buf_add(to, path + top, len - top);
}

/* Which directories' moves are to be told: those that no outer one tells. */
static void
choose(struct voting *y, const uint32_t *gone)
{
	struct sada_moves *x = y->x;
	struct sada_buf path = {0}, to = {0}, want = {0};
	struct sada_move m, t;
	uint32_t up;
	size_t i, at;

	for (i = 0; i < x->nmoved; i++) {
		struct sada_moved_dir *d = &x->moved[i];

		sada_moves_get(x, d->rec, &m, &path);
		up = SADA_MOVE_NONE;
		/* What lies above stands before. */
		for (at = m.len; at > 0 && up == SADA_MOVE_NONE;) {
			at = sada_path_parent(m.path, at);
			up = find(y, gone, i, m.path, at);
		}
		if (up != SADA_MOVE_NONE)
			up = x->moved[up].top;
		d->top = up;
		if (d->to == SADA_MOVE_NONE)
			continue;
		if (up != SADA_MOVE_NONE) {
			map(y, up, m.path, m.len, &want);
			sada_moves_get(x, d->to, &t, &to);
			if (sada_path_cmp(t.path, t.len, (char *)want.p,
			    want.len) == 0)
				continue;
		}
		d->hint = 1;
		d->top = (uint32_t)i;
	}
	sada_buf_release(&path);
	sada_buf_release(&to);
	sada_buf_release(&want);
}

/* Step 3b: what is left of a directory that moved went with it. */
static void
follow(struct voting *y)
{
	struct sada_moves *x = y->x;
	struct sada_buf path = {0}, to = {0};
	struct sada_move m;
	uint32_t *left, d, t, i;
	size_t n;

	left = collect(y, SADA_MOVE_NEW, 0, &n);
	for (i = 0; i < x->n && n > 0; i++) {
		d = sada_move_dir(x, i);
		if (sada_move_side(x, i) != SADA_MOVE_GONE ||
		    !sada_move_fits(x, i) ||
		    sada_move_mate(x, i) != SADA_MOVE_NONE ||
		    y->gone[d] == SADA_MOVE_NONE ||
		    (d = x->moved[y->gone[d]].top) == SADA_MOVE_NONE)
			continue;
		sada_moves_get(x, i, &m, &path);
		map(y, d, m.path, m.len, &to);
		t = find(y, left, n, (char *)to.p, to.len);
		if (t != SADA_MOVE_NONE && sada_move_kind(x, left[t]) ==
		    m.kind && sada_move_mate(x, left[t]) == SADA_MOVE_NONE)
			sada_move_pair(x, i, left[t], 1);
	}
	free(left);
	sada_buf_release(&path);
	sada_buf_release(&to);
}

void
sada_moves_dirs(struct sada_moves *x)
{
	struct voting y = { .x = x };
	uint32_t *gone, i;
	size_t n, k;

	gone = collect(&y, SADA_MOVE_GONE, 1, &n);
	y.new = collect(&y, SADA_MOVE_NEW, 1, &y.nnew);
	free(x->moved);
	x->moved = NULL;
	x->nmoved = 0;
	if (n == 0 || y.nnew == 0)
		goto out;
	x->moved = sada_calloc(n, sizeof(*x->moved));
	x->nmoved = n;
	for (k = 0; k < n; k++) {
		x->moved[k].rec = gone[k];
		x->moved[k].to = x->moved[k].top = SADA_MOVE_NONE;
	}
	y.gone = sada_malloc(x->ndir * sizeof(*y.gone));
	y.come = sada_malloc(x->ndir * sizeof(*y.come));
	y.below = sada_calloc(n, sizeof(*y.below));
	y.votes = sada_calloc(n, sizeof(*y.votes));
	for (k = 0; k < x->ndir; k++) {
		y.gone[k] = find(&y, gone, n, x->dir[k].path, x->dir[k].len);
		y.come[k] = find(&y, y.new, y.nnew, x->dir[k].path,
		    x->dir[k].len);
	}
	for (i = 0; i < x->n; i++)
		if (sada_move_side(x, i) == SADA_MOVE_GONE &&
		    sada_move_kind(x, i) != SADA_DIR)
			count(&y, i);
	elect(&y);
	choose(&y, gone);
	follow(&y);
out:
	free(gone);
	free(y.new);
	free(y.gone);
	free(y.come);
	free(y.below);
	free(y.votes);
	free(y.v);
	sada_buf_release(&y.a);
	sada_buf_release(&y.b);
}

void
sada_moves_pair_dirs(struct sada_moves *x)
{
	struct voting y = { .x = x };
	struct sada_buf path = {0}, to = {0};
	struct sada_move m;
	uint32_t t;
	size_t i;

	y.new = collect(&y, SADA_MOVE_NEW, 1, &y.nnew);
	for (i = 0; i < x->nmoved && y.nnew > 0; i++) {
		if (x->moved[i].top == SADA_MOVE_NONE)
			continue;
		sada_moves_get(x, x->moved[i].rec, &m, &path);
		map(&y, x->moved[i].top, m.path, m.len, &to);
		t = find(&y, y.new, y.nnew, (char *)to.p, to.len);
		if (t != SADA_MOVE_NONE && sada_move_mate(x, y.new[t]) ==
		    SADA_MOVE_NONE)
			sada_move_pair(x, x->moved[i].rec, y.new[t], 100);
	}
	free(y.new);
	sada_buf_release(&y.a);
	sada_buf_release(&y.b);
	sada_buf_release(&path);
	sada_buf_release(&to);
}
